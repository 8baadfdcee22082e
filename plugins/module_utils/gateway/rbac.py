# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control plane's permissions, and no more than it needs.

They follow from the code of ClusterLink v0.4.1. Its caches of Secrets and Peers hold its own namespace only
(cache.Options in cmd/cl-controlplane/app/server.go), and its Lease and Events are in that namespace, too. It watches
everything else in the whole cluster, since imports, exports and policies live with the workloads. Upstream's own rules
allow Secrets, Peers and Leases of the whole cluster. The data plane talks to no API server and has no permissions.
"""

from __future__ import annotations

from typing import Any

from ..clusterlink import names

_RBAC_GROUP = "rbac.authorization.k8s.io"
_READ = ("get", "list", "watch")
_CLUSTERLINK = "clusterlink.net"

Rule = dict[str, Any]


def rule(group: str, resources: tuple[str, ...], verbs: tuple[str, ...], only: tuple[str, ...] = ()) -> Rule:
    """A rule for resources of an API group; with C(only), for those of these names."""
    made: Rule = {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}
    if only:
        made["resourceNames"] = list(only)
    return made


def _namespace_rules() -> list[Rule]:
    return [
        rule("", ("secrets",), (*_READ, "create")),
        # The control plane creates it, and recreates it when it cannot be read.
        rule("", ("secrets",), ("update",), only=(names.TOKEN_SECRET,)),
        rule(_CLUSTERLINK, ("peers",), _READ),
        rule(_CLUSTERLINK, ("peers/status",), ("update",)),
        # Kubernetes cannot restrict create by name.
        rule("coordination.k8s.io", ("leases",), ("create",)),
        rule("coordination.k8s.io", ("leases",), ("get", "update"), only=(names.CONTROLPLANE,)),
        rule("", ("events",), ("create", "patch")),
    ]


def _cluster_rules() -> list[Rule]:
    return [
        rule("", ("pods",), _READ),
        rule("", ("services",), (*_READ, "create", "update", "delete")),
        rule("discovery.k8s.io", ("endpointslices",), (*_READ, "create", "update", "delete")),
        rule(_CLUSTERLINK, ("exports", "imports", "accesspolicies", "privilegedaccesspolicies"), _READ),
        # It writes the port that it chose for an import to the import.
        rule(_CLUSTERLINK, ("imports",), ("update",)),
        rule(_CLUSTERLINK, ("exports/status", "imports/status"), ("update",)),
    ]


def _role(kind: str, metadata: dict[str, Any], rules: list[Rule]) -> dict[str, Any]:
    return {"apiVersion": f"{_RBAC_GROUP}/v1", "kind": kind, "metadata": metadata, "rules": rules}


def _binding(kind: str, role: str, metadata: dict[str, Any], namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": f"{_RBAC_GROUP}/v1",
        "kind": kind,
        "metadata": metadata,
        "roleRef": {"apiGroup": _RBAC_GROUP, "kind": role, "name": metadata["name"]},
        "subjects": [{"kind": "ServiceAccount", "name": names.CONTROLPLANE, "namespace": namespace}],
    }


def rbac_objects(namespace: str, labels: dict[str, str], *, mounts_token: bool = True) -> list[dict[str, Any]]:
    """The control plane's ServiceAccount and its permissions.

    Args:
        namespace: The gateway's namespace.
        labels: Of every object.
        mounts_token: Whether the control plane's pods mount the token explicitly; those of the operator do not.
    """
    own = {"name": names.CONTROLPLANE, "namespace": namespace, "labels": labels}
    wide = {"name": names.cluster_role(namespace), "labels": labels}
    account: dict[str, Any] = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": own}
    if mounts_token:
        # Other pods with this account do not mount the token by accident.
        account["automountServiceAccountToken"] = False
    return [
        account,
        _role("Role", own, _namespace_rules()),
        _binding("RoleBinding", "Role", own, namespace),
        _role("ClusterRole", wide, _cluster_rules()),
        _binding("ClusterRoleBinding", "ClusterRole", wide, namespace),
    ]
