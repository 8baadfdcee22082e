# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Kubernetes objects of a cluster's resources, which do not depend on the declaration's order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ..clusterlink import api
from ..common.naming import CLUSTER_DOMAIN, cluster_host
from ..common.types import Address, Object
from .resources import AccessPolicy, Backing, Export, Import
from .selectors import Selector


def peer_object(name: str, namespace: str, gateways: Iterable[Address], labels: Mapping[str, str]) -> Object:
    """A Peer, in the namespace of the gateway."""
    addresses = [{"host": each.host, "port": each.port} for each in gateways]
    return _object("Peer", name, namespace, labels, {"gateways": addresses})


def export_object(export: Export, labels: Mapping[str, str], domain: str = CLUSTER_DOMAIN) -> Object:
    """An Export; C(labels) are those of the collection.

    Without a host ClusterLink looks for the Service below C(cluster.local) (v0.4.1, pkg/controlplane/xds/manager.go):
    a cluster with another domain needs one.
    """
    spec: Object = {"port": export.port}
    host = export.host
    if not host and domain != CLUSTER_DOMAIN:
        host = cluster_host(export.namespace, export.name, domain)
    if host:
        spec["host"] = host
    return _object("Export", export.name, export.namespace, {**export.labels, **labels}, spec)


def service_object(backing: Backing, labels: Mapping[str, str]) -> Object:
    """A Service that an export refers to; C(labels) are those of the collection."""
    spec: Object = {
        **({"clusterIP": "None"} if backing.headless else {}),
        "selector": dict(sorted(backing.selector.items())),
        "ports": [{"port": backing.port, "protocol": "TCP", "targetPort": backing.target_port}],
    }
    made = _object("Service", backing.name, backing.namespace, {api.BACKING_LABEL: "true", **labels}, spec)
    return {**made, "apiVersion": "v1"}


def import_object(imported: Import, labels: Mapping[str, str]) -> Object:
    """An Import; C(labels) are those of the collection.

    With the scheme C(static), a gateway uses the first reachable source (v0.4.1, authz/loadbalancer.go), so the order
    of sources is kept. With other schemes, it has no meaning.
    """
    unique = list(dict.fromkeys(imported.sources))
    sources = unique if imported.lb_scheme == "static" else sorted(unique)
    spec: Object = {
        "port": imported.port,
        "sources": [
            {"peer": each.peer, "exportName": each.name, "exportNamespace": each.namespace} for each in sources
        ],
        "lbScheme": imported.lb_scheme,
    }
    if imported.target_port:
        spec["targetPort"] = imported.target_port
    merge = {api.MERGE_LABEL: "true"} if imported.merge else {}
    return _object("Import", imported.name, imported.namespace, {**imported.labels, **merge, **labels}, spec)


def policy_object(policy: AccessPolicy, labels: Mapping[str, str]) -> Object:
    """An AccessPolicy, or a PrivilegedAccessPolicy when it has no namespace."""
    kind = "AccessPolicy" if policy.namespace else "PrivilegedAccessPolicy"
    spec = {"action": policy.action, "from": _workloads(policy.clients), "to": _workloads(policy.services)}
    return _object(kind, policy.name, policy.namespace, labels, spec)


def in_order(objects: Iterable[Object]) -> list[Object]:
    """The objects in the order in which they are applied."""
    return sorted(objects, key=_rank)


def stage(each: Mapping[str, Any]) -> int:
    """The stage in which an object is written; removal goes backwards, stage by stage.

    Policies that deny are there before anything that they could have to stop, Exports and policies that allow, and go
    after it.
    """
    first = api.PLAN_KINDS.index("Export")
    kind = api.PLAN_KINDS.index(each["kind"])
    if (each.get("spec") or {}).get("action") == "deny":
        return first
    return kind + (kind >= first)


def without_sources(objects: Iterable[Object], absent: Collection[str]) -> list[Object]:
    """The objects, without Import sources of these peers; an Import without another source is left out.

    A gateway that chooses a source without a Peer object fails the connection instead of trying the next source
    (v0.4.1, authz/manager.go, authorizeEgress). So the sources of a pending Peer must wait for it.
    """
    kept = []
    for each in objects:
        sources = each["spec"].get("sources") or []
        left = [source for source in sources if source["peer"] not in absent]
        if left or not sources:
            kept.append({**each, "spec": {**each["spec"], "sources": left}} if len(left) < len(sources) else each)
    return kept


def _rank(each: Object) -> tuple[int, int, str, str]:
    metadata = each["metadata"]
    kind = api.PLAN_KINDS.index(each["kind"])
    return stage(each), kind, metadata.get("namespace", ""), metadata["name"]


def _workloads(selectors: Iterable[Selector]) -> list[Object]:
    return [{"workloadSelector": each.as_dict()} for each in sorted(set(selectors))]


def _object(kind: str, name: str, namespace: str, labels: Mapping[str, str], spec: Object) -> Object:
    metadata: Object = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    metadata["labels"] = dict(sorted(labels.items()))
    return {"apiVersion": api.API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}
