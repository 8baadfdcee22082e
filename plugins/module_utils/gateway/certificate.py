# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway's certificates: read them from its Secrets, and give a running gateway another peer certificate."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..clusterlink import api, names
from ..clusterlink.ownership import is_ours
from ..common.kinds import Ref
from ..common.types import Object
from ..errors import ClusterlinkError, Problem
from ..kube.apply import ApplyResult, apply_objects
from ..kube.client import Cluster
from ..kube.errors import HTTP_FORBIDDEN, HTTP_NOT_FOUND, ApiError
from ..kube.wait import settle_time, wait_ready
from ..pki.certificates import facts, load_chain
from ..pki.clock_skew import Clock
from ..pki.components import ComponentCertificates
from ..pki.peer_material import PeerMaterial
from .manifests import certificate_digest, peer_secret

LONGEST_SECONDS = 100
"""How long a pod may use the previous content of a Secret. The kubelet syncs a pod within its C(syncFrequency) of 60 s
and up to half as much again (pkg/kubelet/pod_workers.go); 80 s were measured."""
_WATCH_SECONDS = 1.0
"""How long after its write the kubelet may hear of a Secret."""


@dataclass
class CertificateUpdate:
    """What was changed, or in check mode would be, and what the user should know."""

    result: ApplyResult
    warnings: list[str] = field(default_factory=list)


def update_peer_certificate(
    cluster: Cluster, namespace: str, name: str, peer: PeerMaterial, now: datetime, *, check: bool
) -> CertificateUpdate:
    """Give a gateway another peer certificate or other CAs to trust, whoever made it. Nothing else of it changes.

    Args:
        cluster: Where.
        namespace: The gateway's.
        name: The peer's.
        peer: The certificate, its key and the CAs to trust, checked.
        now: Aware.
        check: Only return what would be done.

    Raises:
        ClusterlinkError: There is no gateway, the certificate is not valid by the cluster's clock, or the Secret may
            not be written; nothing was written then.
    """
    there = cluster.get("Secret", names.PEER_SECRET, namespace)
    if there is None:
        what = "no gateway is installed in this namespace"
        fix = "Install it by module gateway, or name the gateway's namespace"
        raise ClusterlinkError(Problem(f"Secret {namespace}/{names.PEER_SECRET}", what, fix=fix))
    clock = Clock(name, cluster.clock, now)
    clock.require_valid({"the peer's certificate": peer.certificate_pem})
    own = there["metadata"].get("labels") or {}
    kept = {key: own[key] for key in (api.MANAGED_BY_LABEL, api.FABRIC_LABEL) if is_ours(there) and key in own}
    # The user asked for this certificate, so it replaces what any other manager set.
    result = apply_objects(cluster, [peer_secret(namespace, kept, peer)], check=check, force=True)
    done = CertificateUpdate(result, clock.warnings())
    if result.changed and not check:
        done.warnings += refresh_mounted_secret(cluster, namespace, material_digest(peer))
    return done


def wait_for_links(
    cluster: Cluster, namespace: str, timeout: float, away: Collection[str] = (), *, changed: bool
) -> None:
    """Wait until the gateway reaches its peers.

    Args:
        cluster: Where.
        namespace: The gateway's.
        timeout: Seconds.
        away: The names of peers that need not be reached.
        changed: Whether certificates have just been changed, so that a Peer's earlier status does not count.

    Raises:
        NotReadyError: A peer is not reached in time; it says which one.
        ApiError: The API server refuses to list the peers.
    """
    peers = [Ref.of(obj) for obj in cluster.list("Peer", namespace) if obj["metadata"]["name"] not in away]
    started = time.monotonic()
    if changed and peers:
        time.sleep(min(settle_time(peers), timeout))
    wait_ready(cluster, peers, timeout - (time.monotonic() - started))


def material_digest(peer: PeerMaterial) -> str:
    """The text by which pods are annotated that have loaded these certificates."""
    return certificate_digest(peer.certificate_pem, peer.ca_pem)


def refresh_mounted_secret(cluster: Cluster, namespace: str, digest: str) -> list[str]:
    """Make the kubelet update the mounted peer Secret at once, by annotating the control plane's pods.

    The kubelet hears of pods and of Secrets by separate watches. So it may sync an annotated pod before it has heard of
    the Secret, and then only does so again a minute later. A second annotation after a pause closes that gap; it alone
    names the certificates.

    Args:
        cluster: Where.
        namespace: The gateway's.
        digest: Of the Secret's certificates.

    Returns:
        A warning when the user may not do that.
    """
    try:
        pods = list(cluster.list("Pod", namespace, label_selector=names.pod_selector(names.CONTROLPLANE)))
        for value in ("refresh", digest):
            for pod in pods:
                _annotate(cluster, pod, {"metadata": {"annotations": {names.PEER_CERTIFICATE_ANNOTATION: value}}})
            if pods and value != digest:
                time.sleep(_WATCH_SECONDS)
    except ApiError as error:
        if error.status != HTTP_FORBIDDEN:
            raise
        return [f"The new certificate is in use within {LONGEST_SECONDS} seconds, and not at once: {error.message()}"]
    return []


def _annotate(cluster: Cluster, pod: Object, annotate: Object) -> None:
    try:
        cluster.patch("Pod", pod["metadata"]["name"], pod["metadata"]["namespace"], annotate)
    except ApiError as error:
        if error.status != HTTP_NOT_FOUND:  # a pod that has just been replaced has the new certificate
            raise


def secret_text(secret: Object | None, key: str) -> str:
    """The text of a Secret's key; empty when it is missing or not text."""
    value = ((secret or {}).get("data") or {}).get(key, "")
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def component_certificates(secrets: Iterable[Object]) -> ComponentCertificates | None:
    """The component certificates of a gateway; None when it has none.

    Args:
        secrets: The Secrets in the gateway's namespace.
    """
    by_name = {secret["metadata"]["name"]: secret for secret in secrets}
    places = {
        "ca_pem": (names.CA_SECRET, names.CA),
        "controlplane_cert_pem": (names.CONTROLPLANE, names.CERTIFICATE),
        "controlplane_key_pem": (names.CONTROLPLANE, names.KEY),
        "dataplane_cert_pem": (names.DATAPLANE, names.CERTIFICATE),
        "dataplane_key_pem": (names.DATAPLANE, names.KEY),
    }
    texts = {field: secret_text(by_name.get(secret), key) for field, (secret, key) in places.items()}
    return ComponentCertificates(**texts) if any(texts.values()) else None


def peer_facts(secret: Object | None) -> dict[str, Any]:
    """Facts about a gateway's peer certificate and the CAs that it trusts.

    Returns:
        C(certificate) and C(trusted), facts as C(pki.certificates.facts) gives them, and C(fault), why they
        cannot be read, otherwise empty.
    """
    if secret is None:
        return {"certificate": None, "trusted": [], "fault": ""}
    where = f"Secret {secret['metadata']['namespace']}/{secret['metadata']['name']}"
    try:
        chain = load_chain(secret_text(secret, names.PEER_CERTIFICATE).encode(), f"{where} {names.PEER_CERTIFICATE}")
        trusted = load_chain(secret_text(secret, names.PEER_CA).encode(), f"{where} {names.PEER_CA}")
    except ClusterlinkError as error:
        return {"certificate": None, "trusted": [], "fault": error.message()}
    return {"certificate": facts(chain[0]), "trusted": [facts(authority) for authority in trusted], "fault": ""}
