# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ClusterLink's own operator is known by, and what it leaves in a cluster (v0.4.1, config/operator). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink import api, names
from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.ownership import is_ours

Object = Mapping[str, Any]

NAMESPACE = "clusterlink-operator"
"""Where ClusterLink's CLI puts the operator and its Instances."""

DIRECT, OPERATOR, OTHER = "direct", "operator", "other"
"""Who installed a gateway: this collection, an operator by an Instance, or something else."""

_IMAGE = "cl-operator"

OWN = (
    ("ClusterRoleBinding", "cl-operator-manager-rolebinding", ""),
    ("ClusterRole", "cl-operator-manager-role", ""),
    ("ClusterRole", "cl-operator-operator-editor-role", ""),
    ("ClusterRole", "cl-operator-operator-viewer-role", ""),
    ("RoleBinding", "cl-operator-leader-election-rolebinding", NAMESPACE),
    ("Role", "cl-operator-leader-election-role", NAMESPACE),
    ("ServiceAccount", "cl-operator-controller-manager", NAMESPACE),
)
"""What belongs to the operator besides its Deployment, as (kind, name, namespace), in the order of removal."""

# The operator gives every control plane these rights in the whole cluster, whatever the gateway's namespace.
_WIDE_ROLE = f"clusterlink-system:{names.CONTROLPLANE}"
GATEWAY_RIGHTS = (("ClusterRoleBinding", _WIDE_ROLE, ""), ("ClusterRole", _WIDE_ROLE, ""))


def runs_operator(pod_spec: Object) -> bool:
    """Whether a pod, or a Deployment's template, runs the operator, wherever its image comes from."""
    images = [str(each["image"]) for each in pod_spec["containers"]]
    return any(image.partition("@")[0].rpartition("/")[2].partition(":")[0] == _IMAGE for image in images)


def gateway_namespace(instance: Object) -> str:
    """The namespace of the gateway that an Instance stands for."""
    return str((instance.get("spec") or {}).get("namespace") or api.SYSTEM_NAMESPACE)


def installed_by(controlplane: Object | None, instances: Sequence[Object]) -> str:
    """Who installed a gateway; empty where there is none.

    Args:
        controlplane: The control plane's Deployment.
        instances: The Instances for its namespace.
    """
    if controlplane is None:
        return ""
    if is_ours(controlplane):
        return DIRECT
    return OPERATOR if instances else OTHER
