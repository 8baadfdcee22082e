# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What else is in a namespace of ours, so that it is removed only with nothing of others in it."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ..common.kinds import Ref
from ..kube.client import Object
from .operator import identity as operator
from .status import DEPLOYMENTS

# What else may be in a namespace; workloads of any kind show in their pods.
INHABITANTS = (
    "ConfigMap",
    "Deployment",
    "NetworkPolicy",
    "PersistentVolumeClaim",
    "PodDisruptionBudget",
    "Pod",
    "Role",
    "RoleBinding",
    "Secret",
    "Service",
    "ServiceAccount",
)
# What Kubernetes puts into every namespace.
_EVERYWHERE = frozenset({("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")})


def of_others(inhabitants: Iterable[Object], removed: Collection[Ref]) -> list[str]:
    """What stays in a namespace when objects of ours have been removed from it, by name.

    Args:
        inhabitants: What is in it.
        removed: Our own objects.
    """
    return [
        str(Ref.of(obj))
        for obj in inhabitants
        if Ref.of(obj) not in removed
        and (obj["kind"], obj["metadata"]["name"]) not in _EVERYWHERE
        and not is_own_pod(obj)
    ]


def is_own_pod(obj: Object) -> bool:
    """Whether it is a pod of a gateway or its operator, which goes with its Deployment."""
    if obj["kind"] != "Pod":
        return False
    return (obj["metadata"].get("labels") or {}).get("app") in DEPLOYMENTS or operator.runs_operator(obj["spec"])
