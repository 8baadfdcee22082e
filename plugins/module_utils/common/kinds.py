# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of object: where the API serves them and when they are ready, so that no discovery call is needed.

``KINDS`` starts with Kubernetes' own kinds. Other kinds are added by ``register``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

SETTLE = 1.0
"""Seconds after a change until conditions that carry no observedGeneration are trusted."""


@dataclass(frozen=True)
class Retirement:
    """How an object is retired before it is deleted, so that the one who works for it lets go of it.

    Attributes:
        spec: The spec that it is given. With it, its conditions are not True.
        workers: The labels of the pods in its namespace that work for it. Where none of them run, nobody has to let go.
        otherwise: What to do when it was deleted before they have let go of it.
    """

    spec: Mapping[str, Any]
    workers: str
    otherwise: str


@dataclass(frozen=True)
class Kind:
    """A kind of object.

    Attributes:
        name: Its name.
        api_version: C(group/version); C(v1) for the core group.
        plural: Its name in paths.
        namespaced: Whether its objects live in namespaces.
        conditions: The conditions that are True when an object is ready; none when its conditions do not show that.
        settle: Seconds after a change until its conditions are trusted.
        not_ready_fix: What to do about an object that does not become ready.
        not_served_fix: What to do when a cluster does not serve the kind.
        retirement: How its objects are retired before they are deleted; None where they are just deleted.
    """

    name: str
    api_version: str
    plural: str
    namespaced: bool = True
    conditions: tuple[str, ...] = ()
    settle: float = SETTLE
    not_ready_fix: str = ""
    not_served_fix: str = "Install its CustomResourceDefinition, or use a cluster that serves it"
    retirement: Retirement | None = None

    @property
    def resource(self) -> str:
        """The name that RBAC rules and the API's messages use: C(imports.clusterlink.net), C(secrets)."""
        group, slash, _version = self.api_version.partition("/")
        return f"{self.plural}.{group}" if slash else self.plural


@dataclass(frozen=True, order=True)
class Ref:
    """A reference to an object; the namespace is empty for a cluster-wide one."""

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
        """The reference to an object that has C(kind) and C(metadata)."""
        metadata = obj["metadata"]
        namespace = metadata.get("namespace") or ""
        return cls(obj["kind"], metadata["name"], namespace if KINDS[obj["kind"]].namespaced else "")


_RBAC = "rbac.authorization.k8s.io/v1"

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("ConfigMap", "v1", "configmaps"),
        Kind("Endpoints", "v1", "endpoints"),
        Kind("Event", "v1", "events"),
        Kind("APIService", "apiregistration.k8s.io/v1", "apiservices", namespaced=False),
        Kind("Namespace", "v1", "namespaces", namespaced=False),
        Kind("Node", "v1", "nodes", namespaced=False),
        Kind("PersistentVolumeClaim", "v1", "persistentvolumeclaims"),
        Kind("Pod", "v1", "pods"),
        Kind("Secret", "v1", "secrets"),
        Kind("Service", "v1", "services"),
        Kind("ServiceAccount", "v1", "serviceaccounts"),
        Kind(
            *("Deployment", "apps/v1", "deployments"),
            not_ready_fix="Look at its pods with kubectl describe and kubectl logs",
        ),
        Kind("StatefulSet", "apps/v1", "statefulsets"),
        Kind("ReplicaSet", "apps/v1", "replicasets"),
        Kind("Lease", "coordination.k8s.io/v1", "leases"),
        Kind("EndpointSlice", "discovery.k8s.io/v1", "endpointslices"),
        Kind("HorizontalPodAutoscaler", "autoscaling/v2", "horizontalpodautoscalers"),
        Kind("PodDisruptionBudget", "policy/v1", "poddisruptionbudgets"),
        Kind("NetworkPolicy", "networking.k8s.io/v1", "networkpolicies"),
        Kind("Role", _RBAC, "roles"),
        Kind("RoleBinding", _RBAC, "rolebindings"),
        Kind("ClusterRole", _RBAC, "clusterroles", namespaced=False),
        Kind("ClusterRoleBinding", _RBAC, "clusterrolebindings", namespaced=False),
        Kind(
            *("CustomResourceDefinition", "apiextensions.k8s.io/v1", "customresourcedefinitions"),
            namespaced=False,
            conditions=("Established",),
        ),
    )
}


def register(kinds: Iterable[Kind]) -> None:
    """Add kinds to C(KINDS); kinds that are there already are replaced."""
    KINDS.update({kind.name: kind for kind in kinds})


def path(kind: str, name: str = "", namespace: str = "", subresource: str = "") -> str:
    """The API's path of an object, or of all objects of a kind when there is no name.

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
