# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove a gateway: all of it, in order, and nothing of anybody else."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink import api, names
from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.crds import crds
from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.disruption import BUDGETS
from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.ownership import (
    is_ours,
    other_managers,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError, Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.serving import DEPLOYMENTS, ingress_ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.apply import (
    ApplyResult,
    PartlyDoneError,
    delete_objects,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.client import Cluster, Object
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.failures import ApiError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.read import Query, read
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.wait import wait_gone

_SERVICE_OF_IMPORT = f"{api.MANAGED_BY_LABEL}={names.CLUSTERLINK_MANAGED}"
_SLICE_OF_IMPORT = f"endpointslice.kubernetes.io/managed-by={names.CLUSTERLINK_MANAGED}"

# What else may be in the gateway's namespace; workloads of any kind show in their pods.
_INHABITANTS = (
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

_END_SECONDS = 1
"""How long a pod may take to end once the gateway is removed."""

_SHOWN = 10
"""How many objects an error names."""


@dataclass
class Removal:
    """What removing a gateway did, or in check mode would do.

    Attributes:
        result: What was removed.
        kept: What stays, and why, as sentences without a full stop.
        error: What went wrong on the way; None when all went well.
    """

    result: ApplyResult
    kept: list[str] = field(default_factory=list)
    error: ClusterlinkError | None = None


@dataclass(frozen=True)
class _Found:
    """What is there.

    Attributes:
        own: What has the name of an object of the gateway, in the order of removal.
        made_by_controlplane: What the control plane made for itself.
        namespace: The gateway's namespace.
        inhabitants: What is in it.
        definitions: The CustomResourceDefinitions.
        declared: Peers, exports, imports and policies in the whole cluster.
        of_imports: Services and endpoint slices that a control plane made for imports.
    """

    own: list[Object]
    made_by_controlplane: list[Object]
    namespace: Object | None
    inhabitants: list[Object]
    definitions: list[Object]
    declared: list[Object]
    of_imports: list[Object]


def remove_gateway(
    cluster: Cluster,
    namespace: str,
    *,
    check: bool,
    force: bool = False,
    remove_crds: bool = True,
    wait: bool = True,
    timeout: float,
) -> Removal:
    """Remove the gateway that this collection made in a namespace.

    Args:
        cluster: Where.
        namespace: The gateway's.
        check: Only say what would be done.
        force: Whether to go on although peers, exports, imports or policies are still declared.
        remove_crds: Whether to remove our CustomResourceDefinitions, and with them every object of their kinds.
        wait: Whether to wait until all of it is gone. Pods are waited for in any case, as the rest depends on it.
        timeout: Seconds for all waiting together.

    Raises:
        ClusterlinkError: Something is still declared, or may not be removed; nothing was removed.
    """
    deadline = time.monotonic() + timeout
    found = _observe(cluster, namespace)
    removal = Removal(ApplyResult())
    own = [obj for obj in found.own if is_ours(obj)]
    removal.kept += [_foreign(obj) for obj in found.own if not is_ours(obj)]
    definitions = _removable_definitions(found, remove_crds, removal.kept)
    if (own or definitions) and found.declared and not force:
        raise ClusterlinkError(_still_declared(found.declared))

    workloads = [Ref.of(obj) for obj in own if obj["kind"] == "Deployment"]
    rest = [Ref.of(obj) for obj in own if obj["kind"] != "Deployment"]
    if own:
        rest = [Ref.of(obj) for obj in (*_orphans(found, bool(definitions)), *found.made_by_controlplane)] + rest
    last = [*_removable_namespace(found, {*workloads, *rest}, removal.kept), *definitions]
    removal.result = delete_objects(cluster, [*workloads, *rest, *last], check=True)
    if check or not removal.result.changed:
        return removal

    pods = [Ref.of(obj) for obj in found.inhabitants if _is_of_gateway(obj)]
    removal.result = ApplyResult()
    try:
        _delete(cluster, workloads, removal.result)
        _hurry(cluster, pods)
        # A control plane that still runs would make its Lease anew.
        wait_gone(cluster, [*workloads, *pods], timeout)
        for refs in (rest, last):
            _delete(cluster, refs, removal.result)
            if wait:
                wait_gone(cluster, refs, max(0.0, deadline - time.monotonic()))
    except ClusterlinkError as error:
        removal.error = error
    return removal


def _hurry(cluster: Cluster, pods: Sequence[Ref]) -> None:
    """Let pods end at once: they serve on for those who still ask them, and nobody shall."""
    for pod in pods:
        with contextlib.suppress(ApiError):  # where that is not allowed, they take their time
            cluster.delete(pod.kind, pod.name, pod.namespace, grace=_END_SECONDS)


def _delete(cluster: Cluster, refs: Sequence[Ref], result: ApplyResult) -> None:
    """Remove objects and add what was removed to the result, also when it was not all."""
    try:
        done = delete_objects(cluster, refs, check=False)
    except PartlyDoneError as error:
        result.add(error.done)
        raise
    result.add(done)


def _observe(cluster: Cluster, namespace: str) -> _Found:
    role = names.cluster_role(namespace)
    own = [
        *(Ref("Deployment", name, namespace) for name in DEPLOYMENTS),
        *(Ref("PodDisruptionBudget", name, namespace) for name in BUDGETS),
        Ref("Service", names.CONTROLPLANE, namespace),
        ingress_ref(namespace),
        *(
            Ref("Secret", name, namespace)
            for name in (names.PEER_SECRET, names.CA_SECRET, names.CONTROLPLANE, names.DATAPLANE)
        ),
        Ref("ClusterRoleBinding", role),
        Ref("ClusterRole", role),
        Ref("RoleBinding", names.CONTROLPLANE, namespace),
        Ref("Role", names.CONTROLPLANE, namespace),
        Ref("ServiceAccount", names.CONTROLPLANE, namespace),
    ]
    made = [Ref("Secret", names.TOKEN_SECRET, namespace), Ref("Lease", names.CONTROLPLANE, namespace)]
    groups: list[Sequence[Query]] = [
        [Query(ref.kind, ref.name, ref.namespace) for ref in own],
        [Query(ref.kind, ref.name, ref.namespace) for ref in made],
        [Query("Namespace", namespace)],
        [Query(kind, namespace=namespace) for kind in _INHABITANTS],
        [Query(crd["kind"], crd["metadata"]["name"]) for crd in crds()],
        [Query(kind) for kind in api.MESH_KINDS],
        [
            Query("Service", label_selector=_SERVICE_OF_IMPORT),
            Query("EndpointSlice", label_selector=_SLICE_OF_IMPORT),
        ],
    ]
    answers = iter(read(cluster, [query for group in groups for query in group]))
    found = [[obj for _member in group for obj in next(answers)] for group in groups]
    return _Found(
        own=found[0],
        made_by_controlplane=found[1],
        namespace=next(iter(found[2]), None),
        inhabitants=found[3],
        definitions=found[4],
        declared=found[5],
        of_imports=found[6],
    )


def _foreign(obj: Object) -> str:
    managers = ", ".join(other_managers(obj)) or "somebody else"
    return f"{Ref.of(obj)} stays: this collection did not make it, {managers} did"


def _removable_definitions(found: _Found, remove_crds: bool, kept: list[str]) -> list[Ref]:
    ours = [Ref.of(obj) for obj in found.definitions if is_ours(obj)]
    kept += [_foreign(obj) for obj in found.definitions if not is_ours(obj)]
    if not remove_crds:
        kept += [f"{ref} stays: remove_crds is false" for ref in ours]
        return []
    return ours


def _still_declared(declared: Sequence[Object]) -> Problem:
    shown = [str(Ref.of(obj)) for obj in declared[:_SHOWN]]
    more = [f"and {len(declared) - _SHOWN} more"] if len(declared) > _SHOWN else []
    return Problem(
        where="state",
        what="the gateway cannot be removed while the cluster has peers, exports, imports or policies",
        found=", ".join([*shown, *more]),
        fix="Remove them first, for example by fabric_apply with state absent, or set force",
    )


def _orphans(found: _Found, without_definitions: bool) -> list[Object]:
    """What the control plane made for imports that are gone, or will be, and has not removed."""
    imports = {
        (obj["metadata"]["namespace"], obj["metadata"]["name"])
        for obj in found.declared
        if obj["kind"] == "Import" and not without_definitions
    }
    return [obj for obj in found.of_imports if _import_of(obj) not in imports]


def _import_of(obj: Object) -> tuple[str, str]:
    """The namespace and name of the import that a control plane made a Service or an endpoint slice for."""
    labels = obj["metadata"]["labels"]
    if obj["kind"] == "Service":
        return labels.get("clusterlink.net/import-namespace", ""), labels.get("clusterlink.net/import-name", "")
    return obj["metadata"]["namespace"], labels.get("kubernetes.io/service-name", "")


def _removable_namespace(found: _Found, removed: set[Ref], kept: list[str]) -> list[Ref]:
    if found.namespace is None:
        return []
    ref = Ref.of(found.namespace)
    if not is_ours(found.namespace):
        kept.append(_foreign(found.namespace))
        return []
    others = [
        str(Ref.of(obj))
        for obj in found.inhabitants
        if Ref.of(obj) not in removed
        and (obj["kind"], obj["metadata"]["name"]) not in _EVERYWHERE
        and not _is_of_gateway(obj)
    ]
    if others:
        kept.append(f"{ref} stays: it holds {', '.join(others[:_SHOWN])}, which this collection did not make")
        return []
    return [ref]


def _is_of_gateway(obj: Object) -> bool:
    """Whether it is one of the gateway's own pods, which go with their Deployments."""
    return obj["kind"] == "Pod" and (obj["metadata"].get("labels") or {}).get("app") in DEPLOYMENTS
