# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hand a gateway that runs another certificate, or other CAs to trust; nothing else of it is touched."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime

from ..clusterlink import api, names
from ..clusterlink.ownership import is_ours
from ..common.kinds import Ref
from ..errors import ClusterlinkError, Problem
from ..kube.apply import ApplyResult, apply_objects
from ..kube.client import Cluster
from ..kube.wait import settle_time, wait_ready
from ..pki.clock_skew import Clock
from ..pki.peer_material import PeerMaterial
from .manifests import peer_secret
from .secret_refresh import refresh_mounted_secret


@dataclass
class Handover:
    """What was done, or in check mode would be, and what should be known of it."""

    result: ApplyResult
    warnings: list[str] = field(default_factory=list)


def update_peer_certificate(
    cluster: Cluster, namespace: str, name: str, peer: PeerMaterial, now: datetime, *, check: bool
) -> Handover:
    """Bring a gateway's peer Secret to the given certificate, whoever made the gateway.

    Args:
        cluster: Where.
        namespace: The gateway's.
        name: The peer's.
        peer: The certificate, its key and the CAs to trust, checked.
        now: Aware.
        check: Only say what would be done.

    Raises:
        ClusterlinkError: There is no gateway, the certificate is out of its time by the cluster's clock, or the Secret
            may not be written; nothing was written then.
    """
    there = cluster.get("Secret", names.PEER_SECRET, namespace)
    if there is None:
        what = "there is no gateway that could be given a certificate"
        fix = "Install it by module gateway, or name the gateway's namespace"
        raise ClusterlinkError(Problem(f"Secret {namespace}/{names.PEER_SECRET}", what, fix=fix))
    clock = Clock(name, cluster.clock, now)
    clock.require_valid({"the peer's certificate": peer.certificate_pem})
    own = there["metadata"].get("labels") or {}
    kept = {key: own[key] for key in (api.MANAGED_BY_LABEL, api.FABRIC_LABEL) if is_ours(there) and key in own}
    # Its fields are taken from whoever set them: to hand over a certificate is what was asked for.
    result = apply_objects(cluster, [peer_secret(namespace, kept, peer)], check=check, force=True)
    done = Handover(result, clock.warnings())
    if result.changed and not check:
        done.warnings += refresh_mounted_secret(cluster, namespace, peer)
    return done


def wait_for_links(cluster: Cluster, namespace: str, timeout: float, *, changed: bool) -> None:
    """Wait until the gateway reaches all of its peers.

    Args:
        cluster: Where.
        namespace: The gateway's.
        timeout: Seconds.
        changed: Whether certificates have just been changed: what was said before that is not believed then.

    Raises:
        NotReadyError: The time is over; it says which peer is not reached.
        ApiError: The API server does not let us look.
    """
    peers = [Ref.of(obj) for obj in cluster.list("Peer", namespace)]
    started = time.monotonic()
    if changed and peers:
        time.sleep(min(settle_time(peers), timeout))
    wait_ready(cluster, peers, timeout - (time.monotonic() - started))
