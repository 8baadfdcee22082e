# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a namespace of ours holds besides the gateway: it is removed only without objects of others."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from ..clusterlink import names
from ..common.kinds import Ref
from ..common.types import Object
from .operator import identity as operator

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
# Kubernetes, OpenShift and Istio create these in every namespace.
_ACCOUNTS = frozenset({"builder", "default", "deployer"})
_EVERYWHERE = frozenset(
    {
        ("ConfigMap", "kube-root-ca.crt"),
        ("ConfigMap", "openshift-service-ca.crt"),
        ("ConfigMap", "istio-ca-root-cert"),
        *(("RoleBinding", f"system:{role}") for role in ("deployers", "image-builders", "image-pullers")),
        *(("ServiceAccount", name) for name in _ACCOUNTS),
    }
)
# Secrets that a platform creates for each ServiceAccount, with their types and names.
_ACCOUNT_TYPES = frozenset({"kubernetes.io/dockercfg", "kubernetes.io/service-account-token"})
_OF_ACCOUNT = re.compile(r"(?P<account>.+)-(dockercfg|token)-[a-z0-9]{5}")


def foreign_objects(inhabitants: Iterable[Object], removed: Collection[Ref]) -> list[str]:
    """The names of the objects that stay in a namespace after the removal of ours.

    Args:
        inhabitants: The objects in it.
        removed: The objects that are removed.
    """
    accounts = {*_ACCOUNTS, *(ref.name for ref in removed if ref.kind == "ServiceAccount")}
    return [
        str(Ref.of(obj))
        for obj in inhabitants
        if Ref.of(obj) not in removed
        and (obj["kind"], obj["metadata"]["name"]) not in _EVERYWHERE
        and not _belongs_to(accounts, obj)
        and not is_own_pod(obj)
    ]


def _belongs_to(accounts: Collection[str], obj: Object) -> bool:
    """Whether it is a Secret that the platform made for one of the ServiceAccounts."""
    if obj["kind"] != "Secret" or obj.get("type") not in _ACCOUNT_TYPES:
        return False
    name = _OF_ACCOUNT.fullmatch(obj["metadata"]["name"])
    return name is not None and name["account"] in accounts


def is_own_pod(obj: Object) -> bool:
    """Whether it is a pod of a gateway or its operator, which is removed with its Deployment."""
    if obj["kind"] != "Pod":
        return False
    component = (obj["metadata"].get("labels") or {}).get(names.POD_LABEL)
    return component in names.COMPONENTS or operator.runs_operator(obj["spec"])
