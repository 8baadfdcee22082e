# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds that the collection touches and where the API serves them, so that no discovery call is ever needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ..clusterlink.api import API_VERSION


@dataclass(frozen=True)
class Kind:
    """A kind of object: its name, C(group/version) (C(v1) for the core group), plural in paths, and scope."""

    name: str
    api_version: str
    plural: str
    namespaced: bool = True

    @property
    def resource(self) -> str:
        """The name that RBAC rules and the API's messages use: C(imports.clusterlink.net), C(secrets)."""
        group, slash, _version = self.api_version.partition("/")
        return f"{self.plural}.{group}" if slash else self.plural


@dataclass(frozen=True, order=True)
class Ref:
    """Which object: the namespace is empty for one that is cluster-wide."""

    kind: str
    name: str
    namespace: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    def as_dict(self) -> dict[str, str]:
        """The reference as plain data, for a module's return value."""
        return {"kind": self.kind, "name": self.name, "namespace": self.namespace}

    @classmethod
    def of(cls, obj: Mapping[str, Any]) -> Ref:
        """The reference of an object that has C(kind) and C(metadata)."""
        metadata = obj["metadata"]
        namespace = metadata.get("namespace") or ""
        return cls(obj["kind"], metadata["name"], namespace if KINDS[obj["kind"]].namespaced else "")


_RBAC = "rbac.authorization.k8s.io/v1"

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("ConfigMap", "v1", "configmaps"),
        Kind("Endpoints", "v1", "endpoints"),
        Kind("Event", "v1", "events"),
        Kind("Namespace", "v1", "namespaces", namespaced=False),
        Kind("Node", "v1", "nodes", namespaced=False),
        Kind("PersistentVolumeClaim", "v1", "persistentvolumeclaims"),
        Kind("Pod", "v1", "pods"),
        Kind("Secret", "v1", "secrets"),
        Kind("Service", "v1", "services"),
        Kind("ServiceAccount", "v1", "serviceaccounts"),
        Kind("Deployment", "apps/v1", "deployments"),
        Kind("StatefulSet", "apps/v1", "statefulsets"),
        Kind("ReplicaSet", "apps/v1", "replicasets"),
        Kind("Lease", "coordination.k8s.io/v1", "leases"),
        Kind("EndpointSlice", "discovery.k8s.io/v1", "endpointslices"),
        Kind("PodDisruptionBudget", "policy/v1", "poddisruptionbudgets"),
        Kind("NetworkPolicy", "networking.k8s.io/v1", "networkpolicies"),
        Kind("Role", _RBAC, "roles"),
        Kind("RoleBinding", _RBAC, "rolebindings"),
        Kind("ClusterRole", _RBAC, "clusterroles", namespaced=False),
        Kind("ClusterRoleBinding", _RBAC, "clusterrolebindings", namespaced=False),
        Kind("CustomResourceDefinition", "apiextensions.k8s.io/v1", "customresourcedefinitions", namespaced=False),
        Kind("Peer", API_VERSION, "peers"),
        Kind("Export", API_VERSION, "exports"),
        Kind("Import", API_VERSION, "imports"),
        Kind("AccessPolicy", API_VERSION, "accesspolicies"),
        Kind("PrivilegedAccessPolicy", API_VERSION, "privilegedaccesspolicies", namespaced=False),
        Kind("Instance", API_VERSION, "instances"),
    )
}


def path(kind: str, name: str = "", namespace: str = "", subresource: str = "") -> str:
    """The API's path of an object, or of all objects of a kind when no name is given.

    Args:
        kind: A key of C(KINDS).
        name: The object; empty for the collection.
        namespace: Its namespace; empty for a cluster-wide kind, or to list a namespaced kind everywhere.
        subresource: C(status), C(exec), C(log) and the like.
    """
    entry = KINDS[kind]
    parts = ["/api" if "/" not in entry.api_version else "/apis", entry.api_version]
    if namespace and entry.namespaced:
        parts += ["namespaces", quote(namespace, safe="")]
    parts.append(entry.plural)
    if name:
        parts.append(quote(name, safe=""))
    if subresource:
        parts.append(subresource)
    return "/".join(parts)
