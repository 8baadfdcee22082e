# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How to recognise ClusterLink's own operator, and its objects in a cluster (v0.4.1, config/operator). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...clusterlink import api, names
from ...clusterlink.gateway_kinds import DIRECT, OPERATOR
from ...clusterlink.ownership import is_ours
from ...clusterlink.versions import OPERATOR_IMAGE

Object = Mapping[str, Any]

NAMESPACE = "clusterlink-operator"
"""The namespace of the operator and its Instances, as ClusterLink's CLI uses it: a cluster has one operator."""
DEPLOYMENT = "cl-operator-controller-manager"
"""The operator's Deployment and ServiceAccount."""
MANAGER = "cl-operator"
"""The operator's field manager: its program's name."""
FINALIZER = "instance.clusterlink.net/finalizer"
"""The finalizer with which the operator keeps an Instance until it has removed the gateway."""
INSTANCE = "cl-instance"
"""The Instance's name, for the CLI and for us."""

OTHER = "other"
"""Who installed a gateway, when neither this collection nor an operator did by an Instance."""

Key = tuple[str, str, str]
"""Kind, name and namespace of an object; no namespace for one that is cluster-wide."""

ROLE = "cl-operator-manager-role"
ROLE_BINDING = "cl-operator-manager-rolebinding"
"""The operator's permissions in the whole cluster, and in single namespaces."""

OWN: tuple[Key, ...] = (
    ("ClusterRoleBinding", ROLE_BINDING, ""),
    ("ClusterRole", ROLE, ""),
    ("ClusterRole", "cl-operator-operator-editor-role", ""),
    ("ClusterRole", "cl-operator-operator-viewer-role", ""),
    ("RoleBinding", "cl-operator-leader-election-rolebinding", NAMESPACE),
    ("Role", "cl-operator-leader-election-role", NAMESPACE),
    ("RoleBinding", ROLE_BINDING, NAMESPACE),
    ("Role", ROLE, NAMESPACE),
    ("ServiceAccount", DEPLOYMENT, NAMESPACE),
)
"""The operator's objects besides its Deployment, in the order of removal."""

# The operator gives every control plane these permissions in the whole cluster, whatever the gateway's namespace.
WIDE_ROLE = f"clusterlink-system:{names.CONTROLPLANE}"
GATEWAY_RIGHTS: tuple[Key, ...] = (("ClusterRoleBinding", WIDE_ROLE, ""), ("ClusterRole", WIDE_ROLE, ""))


def own(namespace: str) -> tuple[Key, ...]:
    """The operator's objects besides its Deployment, Instances, namespace and CustomResourceDefinition.

    Args:
        namespace: The namespace of its gateway.
    """
    return (*GATEWAY_RIGHTS, *OWN, ("RoleBinding", ROLE_BINDING, namespace), ("Role", ROLE, namespace))


def stands_for(instance: Object, namespace: str) -> bool:
    """Whether an Instance is ours and for the gateway in a namespace: its operator's Deployments are ours then, too."""
    return is_ours(instance) and gateway_namespace(instance) == namespace


def runs_operator(pod_spec: Object) -> bool:
    """Whether a pod or a pod template runs the operator, whatever the image's registry."""
    images = [str(each["image"]) for each in pod_spec["containers"]]
    return any(image.partition("@")[0].rpartition("/")[2].partition(":")[0] == OPERATOR_IMAGE for image in images)


def gateway_namespace(instance: Object) -> str:
    """The namespace of an Instance's gateway."""
    return str((instance.get("spec") or {}).get("namespace") or api.SYSTEM_NAMESPACE)


def installed_by(controlplane: Object | None, instances: Sequence[Object]) -> str:
    """Who installed a gateway; empty when there is none.

    Args:
        controlplane: The control plane's Deployment.
        instances: The Instances for its namespace.
    """
    if controlplane is None:
        return ""
    if is_ours(controlplane):
        return DIRECT
    return OPERATOR if instances else OTHER
