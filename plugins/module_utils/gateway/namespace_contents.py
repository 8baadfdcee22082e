# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a namespace of ours holds besides the gateway: it is removed only without objects of others."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ..common.kinds import Ref
from ..common.types import Object
from .operator import identity as operator
from .status import DEPLOYMENTS

# The kinds that are looked for in a namespace. Workloads of any kind have pods.
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
# Kubernetes creates these in every namespace.
_EVERYWHERE = frozenset({("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")})


def foreign_objects(inhabitants: Iterable[Object], removed: Collection[Ref]) -> list[str]:
    """The names of the objects that stay in a namespace after the removal of ours.

    Args:
        inhabitants: The objects in it.
        removed: The objects that are removed.
    """
    return [
        str(Ref.of(obj))
        for obj in inhabitants
        if Ref.of(obj) not in removed
        and (obj["kind"], obj["metadata"]["name"]) not in _EVERYWHERE
        and not is_own_pod(obj)
    ]


def is_own_pod(obj: Object) -> bool:
    """Whether it is a pod of a gateway or its operator, which is removed with its Deployment."""
    if obj["kind"] != "Pod":
        return False
    return (obj["metadata"].get("labels") or {}).get("app") in DEPLOYMENTS or operator.runs_operator(obj["spec"])
