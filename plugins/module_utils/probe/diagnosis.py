# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why an import does not answer, as far as the importing cluster shows it. It is read only after a failed probe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..clusterlink import api
from ..common.types import Object
from ..fabric.authorization import Policies
from ..kube.client import Cluster
from ..kube.parallel import gather
from ..mesh.fabric_view import import_view, peer_view
from .client_pod import ClientPod
from .network import Namespace, blocked, read_namespaces
from .run import ANSWER, Result

_KINDS = ("Import", "Peer", "AccessPolicy", "PrivilegedAccessPolicy")


def diagnose(cluster: Cluster, results: Sequence[Result]) -> list[list[str]]:
    """The reasons for each failed result, as sentences without a full stop; none for a successful one.

    Raises:
        ClusterlinkError: The API server refuses or is unreachable.
    """
    if not any(_is_open(result) for result in results):
        return [[] for _result in results]
    listings = dict(zip(_KINDS, gather(cluster.list, _KINDS), strict=True))
    if not listings["Import"].served:
        return [["ClusterLink is not installed in this cluster"] if _is_open(each) else [] for each in results]
    objects = [obj for listing in listings.values() for obj in listing]
    place = next((str(each["metadata"]["namespace"]) for each in listings["Peer"]), "")
    clients = [each.pod.container.namespace for each in results if _is_open(each) and each.pod]
    spaces = read_namespaces(cluster, [*clients, *([place] if place else [])])
    return [reasons(each, objects, spaces.get(place), spaces) if _is_open(each) else [] for each in results]


def reasons(
    result: Result,
    objects: Iterable[Object],
    gateway: Namespace | None = None,
    spaces: Mapping[str, Namespace] | None = None,
) -> list[str]:
    """Why a probe was not answered.

    Args:
        result: The result of a probe that expects an answer.
        objects: The cluster's Import, Peer and policy objects.
        gateway: The gateway's namespace; None for an unknown one.
        spaces: By name, the namespaces of pods.
    """
    objects = list(objects)
    where = f"{result.probe.namespace}/{result.probe.name}"
    imports = [import_view(each) for each in objects if each["kind"] == "Import"]
    found = next((each for each in imports if f"{each['namespace']}/{each['name']}" == where), None)
    if found is None:
        return [f"there is no Import {where}"]
    if not found["valid"]:
        return [f"Import {where} is not valid: {found['message']}"]
    peers = {each["metadata"]["name"]: peer_view(each) for each in objects if each["kind"] == "Peer"}
    why = []
    for source in found["sources"]:
        peer = peers.get(source["peer"])
        if peer is None:
            why.append(f"there is no Peer {source['peer']}: connections to this source fail")
        elif not peer["reachable"]:
            why.append(f"Peer {peer['name']} is not reachable: {peer['message']}")
        elif denied := _denied(result.pod, found, source, peer, objects):
            why.append(f"{denied} (from this pod to {source['peer']})")
    space = (spaces or {}).get(result.pod.container.namespace) if result.pod else None
    if result.pod and space and gateway:
        why += blocked(result.pod, found["target_port"] or None, space, gateway)
    if not why:
        names = ", ".join(sorted({source["peer"] for source in found["sources"]}))
        why.append(f"this cluster shows no fault: check the exports and access policies of {names}")
    return why


def _is_open(result: Result) -> bool:
    return result.probed and not result.ok and result.probe.expect == ANSWER


def _denied(
    pod: ClientPod | None,
    import_: Mapping[str, Any],
    source: Mapping[str, str],
    peer: Mapping[str, Any],
    objects: Sequence[Object],
) -> str:
    """Why this cluster's policies deny the pod; empty when they allow it or it is uncertain."""
    policies = [each for each in objects if each["kind"] in ("AccessPolicy", "PrivilegedAccessPolicy")]
    if pod is None or any(_asks_for_own_peer(policy) for policy in policies):
        return ""
    client = {
        api.CLIENT_NAMESPACE: pod.container.namespace,
        api.CLIENT_SERVICE_ACCOUNT: pod.service_account,
        **{f"{api.CLIENT_LABELS}{key}": value for key, value in pod.labels.items()},
    }
    service = {
        api.EXPORT_NAME: source["export_name"],
        api.EXPORT_NAMESPACE: source["export_namespace"],
        api.PEER_NAME: source["peer"],
        **{f"{api.EXPORT_LABELS}{key}": value for key, value in import_["labels"].items()},
        **{f"{api.PEER_LABELS}{key}": value for key, value in peer["peer_labels"].items()},
    }
    decision = Policies(policies).decide(client, service, import_["namespace"])
    return "" if decision.allowed else decision.reason


def _asks_for_own_peer(policy: Object) -> bool:
    """Whether the policy selects clients by their own peer's name and labels, which only the gateway knows."""
    return any(
        key.startswith((api.PEER_NAME, api.PEER_LABELS))
        for each in policy["spec"]["from"]
        for selector in [each.get("workloadSelector") or {}]
        for key in [
            *(selector.get("matchLabels") or {}),
            *(expression["key"] for expression in selector.get("matchExpressions") or []),
        ]
    )
