# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one cluster is and holds, read before the first write of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ..clusterlink import api, names
from ..clusterlink.ownership import fabric_of
from ..common.naming import CLUSTER_DOMAIN
from ..common.types import Object
from ..errors import ClusterlinkError
from ..gateway.certificate import secret_text
from ..kube.client import Cluster
from ..kube.connection import CONNECTION_SPEC, REQUIRES, connect
from ..kube.errors import ApiError
from ..kube.parallel import gather
from ..kube.retry import RetryPolicy
from ..mesh.fabric_view import export_view, import_view, peer_view
from ..outcome import Mode, Outcome, Task
from ..pki.certificates import dns_names, fingerprint, load_chain
from .cluster_domain import CONFIG_MAPS, foreign_domains

if TYPE_CHECKING:
    from cryptography import x509

ATTEMPT_SECONDS = 5.0
"""How long a cluster may take to respond to one attempt, and for how long others follow where the host does not say."""

_VIEWS = {"Peer": ("peers", peer_view), "Export": ("exports", export_view), "Import": ("imports", import_view)}


def read_cluster(params: Mapping[str, Any], _mode: Mode | None = None) -> Outcome:
    """Read which cluster this is, the gateways that it runs, and what it holds of a fabric.

    What the user may not read counts as unknown: the run fails later where it needs more rights.

    Args:
        params: The connection options, C(namespace), the gateway's, and C(cluster_domain), that of the Services.

    Raises:
        ClusterlinkError: The cluster cannot be reached.
    """
    namespace = str(params["namespace"])
    with connect(params, RetryPolicy(params["retry_timeout"], attempt=ATTEMPT_SECONDS)) as cluster:
        reads: list[Callable[[], Any]] = [
            partial(_uid, cluster),
            partial(_gateways, cluster, namespace),
            partial(find_foreign_domains, cluster, str(params["cluster_domain"])),
            *(partial(_views, cluster, kind, namespace) for kind in _VIEWS),
        ]
        uid, gateways, domains, *found = gather(lambda read: read(), reads)
    held = {name: views for (name, _view), views in zip(_VIEWS.values(), found, strict=True)}
    return Outcome(values={"uid": uid, "gateways": gateways, "foreign_domains": domains, **held})


def _uid(cluster: Cluster) -> str:
    """The UID of namespace kube-system, which stays as long as the cluster; empty where it may not be read."""
    try:
        namespace = cluster.get("Namespace", "kube-system")
    except ApiError:
        return ""
    return str(namespace["metadata"]["uid"]) if namespace else ""


def find_foreign_domains(cluster: Cluster, declared: str) -> list[str]:
    """The domains of the cluster's Services when the declared one is not among them; nothing where that is unknown."""
    texts: list[str] = []
    foreign: list[str] = []
    try:
        for name in CONFIG_MAPS:  # almost always the first one settles it
            found = cluster.get("ConfigMap", name, "kube-system")
            texts += [str(text) for text in ((found or {}).get("data") or {}).values()]
            foreign = foreign_domains(texts, declared)
            if not foreign:
                break
    except ApiError:
        return []
    return foreign


def _gateways(cluster: Cluster, namespace: str) -> list[dict[str, Any]]:
    """The gateways in all namespaces, or in the one given where others may not be read."""
    try:
        deployments = _deployments(cluster, "")
    except ApiError:
        try:
            deployments = _deployments(cluster, namespace)
        except ApiError:
            return []
    return gather(lambda deployment: _gateway(cluster, deployment), deployments)


def _deployments(cluster: Cluster, namespace: str) -> Sequence[Object]:
    found = cluster.list("Deployment", namespace, label_selector=names.pod_selector(names.CONTROLPLANE))
    return [each for each in found if each["metadata"]["name"] == names.CONTROLPLANE]


def _gateway(cluster: Cluster, deployment: Object) -> dict[str, Any]:
    metadata = deployment["metadata"]
    try:
        secret = cluster.get("Secret", names.PEER_SECRET, metadata["namespace"])
    except ApiError:
        secret = None
    # Each by itself: a damaged certificate is drift, and the CAs still say to which fabric the gateway belongs.
    certificates, trusted = (_chain(secret, key) for key in (names.PEER_CERTIFICATE, names.PEER_CA))
    return {
        "namespace": metadata["namespace"],
        "fabric": fabric_of(deployment),
        "peer": next((name for each in certificates[:1] for name in dns_names(each)), ""),
        "trusted": [fingerprint(authority) for authority in trusted],
    }


def _chain(secret: Object | None, key: str) -> list[x509.Certificate]:
    try:
        return load_chain(secret_text(secret, key).encode(), key)
    except ClusterlinkError:
        return []


def _views(cluster: Cluster, kind: str, namespace: str) -> list[dict[str, Any]]:
    _name, view = _VIEWS[kind]
    try:
        return [view(each) for each in cluster.list(kind, namespace if kind == "Peer" else "")]
    except ApiError:
        return []


READ = Task(
    argument_spec={
        **CONNECTION_SPEC,
        "retry_timeout": {"type": "float", "default": ATTEMPT_SECONDS},
        "namespace": {"type": "str", "default": api.SYSTEM_NAMESPACE},
        "cluster_domain": {"type": "str", "default": CLUSTER_DOMAIN},
    },
    run=read_cluster,
    requires=REQUIRES,
)
"""Runs for each host, with the host's connection."""
