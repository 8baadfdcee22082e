# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove a gateway: all objects of this collection, in order, and nothing of anybody else."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..clusterlink import api, names
from ..clusterlink.crds import crds
from ..clusterlink.ownership import is_ours, other_managers
from ..common.kinds import Ref
from ..common.types import Object
from ..errors import ClusterlinkError, Problem
from ..kube.apply import ApplyResult, PartlyDoneError, delete_objects
from ..kube.client import Cluster
from ..kube.deletion import delete_observed
from ..kube.discovery import Contents, namespace_contents
from ..kube.parallel import Query, read
from ..kube.permitted import list_permitted
from ..kube.wait import wait_gone
from . import autoscaling
from .namespace_contents import INHABITANTS, foreign_objects, is_own_pod
from .operator import identity as operator
from .operator.instance import instance_crd
from .operator.reconcile import release_instances
from .status import ingress_ref

_SERVICE_OF_IMPORT = f"{api.MANAGED_BY_LABEL}={names.CLUSTERLINK_MANAGED}"
_SLICE_OF_IMPORT = f"endpointslice.kubernetes.io/managed-by={names.CLUSTERLINK_MANAGED}"

_READ_OTHERWISE = (*INHABITANTS, *api.MESH_KINDS, "Instance")
"""Kinds that are looked for by themselves; those of ClusterLink count as declared."""

_END_SECONDS = 1
"""The grace period of a removed gateway's pods."""

_SHOWN = 10
"""How many objects an error names."""


@dataclass
class Removal:
    """What removing a gateway did, or in check mode would do.

    Attributes:
        result: What was removed.
        kept: What stays, and why, as sentences without a full stop.
        error: What went wrong after the first removal; None when nothing did.
    """

    result: ApplyResult
    kept: list[str] = field(default_factory=list)
    error: ClusterlinkError | None = None


@dataclass(frozen=True)
class _Found:
    """What the cluster holds.

    Attributes:
        own: The objects with the names of a gateway's, in the order of removal.
        operator: The operator's objects that are ours, in the order of removal.
        made_by_controlplane: The objects that the control plane created for itself.
        instances: Our Instances for the gateway.
        served: Instances of other gateways, whose operator stays.
        namespaces: The gateway's namespace, and the operator's if it is ours.
        inhabitants: The objects in these namespaces, of the kinds of a gateway and workloads.
        contents: The objects of all other kinds in those of these namespaces that are ours, by namespace.
        gateways: Control planes of other gateways, whoever made them.
        definitions: The CustomResourceDefinitions.
        declared: Peers, exports, imports and policies in the whole cluster.
        of_imports: Services and endpoint slices that a control plane created for imports.
    """

    own: list[Object]
    operator: list[Object]
    made_by_controlplane: list[Object]
    instances: list[Object]
    served: list[Object]
    namespaces: list[Object]
    inhabitants: list[Object]
    contents: dict[str, Contents]
    gateways: list[Object]
    definitions: list[Object]
    declared: list[Object]
    of_imports: list[Object]

    @property
    def known(self) -> list[Object]:
        """What is removed, but for what the control plane makes: that may recreate it until it ends."""
        return [*self.own, *self.operator, *self.instances, *self.namespaces, *self.definitions]


@dataclass(frozen=True)
class _Order:
    """The objects to remove, in this order, and the pods that are removed with them."""

    first: list[Ref]
    workloads: list[Ref]
    instances: list[Object]
    rest: list[Ref]
    made: list[Ref]
    last: list[Ref]
    pods: list[Object]
    operator_pods: list[Ref]

    @property
    def all(self) -> list[Ref]:
        """All objects to remove."""
        return [*self.first, *self.workloads, *map(Ref.of, self.instances), *self.rest, *self.made, *self.last]


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
        check: Only return what would be done.
        force: Whether to continue although peers, exports, imports or policies are still declared.
        remove_crds: Whether to remove our CustomResourceDefinitions, and with them every object of their kinds.
        wait: Whether to wait until everything is gone. It waits for the pods in any case, as the rest depends on them.
        timeout: Seconds for all waiting together.

    Raises:
        ClusterlinkError: Something is still declared, or may not be removed; nothing was removed.
    """
    deadline = time.monotonic() + timeout
    found = _observe(cluster, namespace)
    removal = Removal(ApplyResult())
    own = [obj for obj in found.own if is_ours(obj) or _is_made_by_operator(obj, found)]
    removal.kept += [_foreign(obj) for obj in found.own if obj not in own]
    definitions = _removable_definitions(found, remove_crds, removal.kept)
    if found.served:
        removal.kept += [_needed(obj) for obj in found.operator]
    else:
        own += found.operator
    if (own or definitions) and found.declared and not force:
        raise ClusterlinkError(_still_declared(found.declared))

    order = _order(found, own, definitions, removal.kept)
    removal.result = delete_objects(cluster, order.all, check=True, known=found.known)
    # Objects that a killed run deleted may still exist: the waits below include them.
    if check or not order.all:
        return removal

    removal.result = ApplyResult()
    try:
        _delete(cluster, order.first, found, removal.result)
        wait_gone(cluster, order.first if found.served else [*order.first, *order.operator_pods], timeout)
        _delete(cluster, order.workloads, found, removal.result)
        _end_at_once(cluster, order.pods)
        wait_gone(cluster, [*order.workloads, *map(Ref.of, order.pods)], timeout)
        removal.result.add(delete_objects(cluster, [Ref.of(each) for each in order.instances], check=True))
        release_instances(cluster, order.instances)
        for refs in (order.rest, order.made, order.last):
            _delete(cluster, refs, found, removal.result)
            if wait:
                wait_gone(cluster, refs, max(0.0, deadline - time.monotonic()))
    except ClusterlinkError as error:
        removal.error = error
    return removal


def _end_at_once(cluster: Cluster, pods: Sequence[Object]) -> None:
    """End pods at once: they would keep serving until their grace period is over, and nobody must use them."""
    for pod in pods:
        with contextlib.suppress(ClusterlinkError):  # without permission, they end after their grace period
            delete_observed(cluster, pod, grace=_END_SECONDS)


def _order(found: _Found, own: Sequence[Object], definitions: list[Ref], kept: list[str]) -> _Order:
    """The order in which to remove a gateway; adds what stays to C(kept).

    A running operator would recreate what is removed before its Instance, so it is removed first and we do its work.
    The Instance says that the Deployments are ours, so it is removed after them. An operator that other gateways need
    stays, and removes this gateway's Deployments itself. What a control plane makes goes after its permissions: one
    whose pod was deleted by force, or with its node, still runs, and would recreate its Lease.
    """
    instances = [Ref.of(obj) for obj in found.instances]
    deployments = [Ref.of(obj) for obj in own if obj["kind"] == "Deployment"]
    operators = [ref for ref in deployments if ref.name == operator.DEPLOYMENT]
    rest = [Ref.of(obj) for obj in own if obj["kind"] != "Deployment"]
    made = [Ref.of(obj) for obj in (*_orphans(found, bool(definitions)), *found.made_by_controlplane)] if own else []
    removed = {*deployments, *instances, *rest, *made}
    pods = [obj for obj in found.inhabitants if is_own_pod(obj)]
    return _Order(
        first=instances if found.served else operators,
        workloads=[ref for ref in deployments if ref not in operators],
        instances=[] if found.served else found.instances,
        rest=rest,
        made=made,
        last=[*_removable_namespaces(found, removed, kept), *definitions],
        pods=[pod for pod in pods if pod["metadata"]["namespace"] != operator.NAMESPACE],
        operator_pods=[Ref.of(pod) for pod in pods if pod["metadata"]["namespace"] == operator.NAMESPACE],
    )


def _delete(cluster: Cluster, refs: Sequence[Ref], found: _Found, result: ApplyResult) -> None:
    """Remove objects and add them to the result, also when only some could be removed."""
    try:
        done = delete_objects(cluster, refs, check=False, known=found.known)
    except PartlyDoneError as error:
        result.add(error.done)
        raise
    result.add(done)


def _observe(cluster: Cluster, namespace: str) -> _Found:
    role = names.cluster_role(namespace)
    own = [
        *(Ref("Deployment", name, namespace) for name in names.COMPONENTS),
        *(Ref("PodDisruptionBudget", name, namespace) for name in names.COMPONENTS),
        Ref("Service", names.CONTROLPLANE, namespace),
        ingress_ref(namespace),
        *(Ref("Secret", name, namespace) for name in (names.PEER_SECRET, names.CA_SECRET, *names.COMPONENTS)),
        Ref("ClusterRoleBinding", role),
        Ref("ClusterRole", role),
        Ref("RoleBinding", names.CONTROLPLANE, namespace),
        Ref("Role", names.CONTROLPLANE, namespace),
        Ref("ServiceAccount", names.CONTROLPLANE, namespace),
    ]
    made = [Ref("Secret", names.TOKEN_SECRET, namespace), Ref("Lease", names.CONTROLPLANE, namespace)]
    of_operator = [("Deployment", operator.DEPLOYMENT, operator.NAMESPACE), *operator.own(namespace)]
    groups: list[Sequence[Query]] = [
        [Query(ref.kind, ref.name, ref.namespace) for ref in own],
        [Query(kind, name, place) for kind, name, place in of_operator],
        [Query(ref.kind, ref.name, ref.namespace) for ref in made],
        [Query("Instance")],
        [Query("Namespace", namespace), Query("Namespace", operator.NAMESPACE)],
        [Query(kind, namespace=namespace) for kind in INHABITANTS],
        [Query(crd["kind"], crd["metadata"]["name"]) for crd in (*crds(), instance_crd())],
        [Query(kind) for kind in api.MESH_KINDS],
        [
            Query("Service", label_selector=_SERVICE_OF_IMPORT),
            Query("EndpointSlice", label_selector=_SLICE_OF_IMPORT),
        ],
        [Query("Deployment", label_selector=names.pod_selector(names.CONTROLPLANE))],
    ]
    answers = iter(read(cluster, [query for group in groups for query in group]))
    found = [[obj for _member in group for obj in next(answers)] for group in groups]
    scalers = list_permitted(cluster, autoscaling.KIND, namespace) or ()
    found[0] += [obj for obj in scalers if obj["metadata"]["name"] == names.DATAPLANE]
    # Of the list, since a gateway without them needs no permission to get them.
    policies = [obj for obj in found[5] if obj["kind"] == "NetworkPolicy"]
    found[0] += [obj for obj in policies if obj["metadata"]["name"] in names.COMPONENTS]
    place = [obj for obj in found[4] if obj["metadata"]["name"] == operator.NAMESPACE and is_ours(obj)]
    if (place or any(is_ours(obj) for obj in found[1])) and namespace != operator.NAMESPACE:
        beside = read(cluster, [Query(kind, namespace=operator.NAMESPACE) for kind in INHABITANTS])
        found[5] += [obj for objects in beside for obj in objects]
    namespaces = [obj for obj in found[4] if obj in place or obj["metadata"]["name"] == namespace]
    ours = [obj["metadata"]["name"] for obj in namespaces if is_ours(obj)]
    return _Found(
        own=found[0],
        operator=[obj for obj in found[1] if is_ours(obj)],
        made_by_controlplane=found[2],
        instances=[obj for obj in found[3] if operator.stands_for(obj, namespace)],
        served=[obj for obj in found[3] if operator.gateway_namespace(obj) != namespace],
        namespaces=namespaces,
        inhabitants=found[5],
        contents={name: namespace_contents(cluster, name, _READ_OTHERWISE) for name in ours},
        gateways=[
            obj
            for obj in found[9]
            if obj["metadata"]["name"] == names.CONTROLPLANE and obj["metadata"]["namespace"] != namespace
        ],
        definitions=found[6],
        declared=found[7],
        of_imports=found[8],
    )


def _is_made_by_operator(obj: Object, found: _Found) -> bool:
    """Whether the operator made this Deployment for an Instance of ours."""
    return obj["kind"] == "Deployment" and bool(found.instances)


def _needed(obj: Object) -> str:
    return f"{Ref.of(obj)} stays: other Instances need it"


def _foreign(obj: Object) -> str:
    managers = ", ".join(other_managers(obj)) or "somebody else"
    return f"{Ref.of(obj)} stays: this collection did not make it, {managers} did"


def _removable_definitions(found: _Found, remove_crds: bool, kept: list[str]) -> list[Ref]:
    ours = [Ref.of(obj) for obj in found.definitions if is_ours(obj)]
    kept += [_foreign(obj) for obj in found.definitions if not is_ours(obj)]
    if found.served:
        kept += [_needed(obj) for obj in found.definitions if is_ours(obj)]
        return []
    if found.gateways:
        others = ", ".join(obj["metadata"]["namespace"] for obj in found.gateways)
        kept += [f"{ref} stays: the gateway in namespace {others} needs it" for ref in ours]
        return []
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
    """What the control plane created for imports that are gone or about to go, and has not removed."""
    imports = {
        (obj["metadata"]["namespace"], obj["metadata"]["name"])
        for obj in found.declared
        if obj["kind"] == "Import" and not without_definitions
    }
    return [obj for obj in found.of_imports if _import_of(obj) not in imports]


def _import_of(obj: Object) -> tuple[str, str]:
    """The namespace and name of the import for which a control plane created a Service or an endpoint slice."""
    labels = obj["metadata"]["labels"]
    if obj["kind"] == "Service":
        return labels.get("clusterlink.net/import-namespace", ""), labels.get("clusterlink.net/import-name", "")
    return obj["metadata"]["namespace"], labels.get("kubernetes.io/service-name", "")


def _removable_namespaces(found: _Found, removed: set[Ref], kept: list[str]) -> list[Ref]:
    removable = []
    for namespace in found.namespaces:
        ref = Ref.of(namespace)
        inhabitants = [obj for obj in found.inhabitants if obj["metadata"]["namespace"] == ref.name]
        contents = found.contents.get(ref.name, Contents([], []))
        others = [*foreign_objects(inhabitants, removed), *_instances_left(found, ref.name)]
        others += [str(each) for each in contents.refs if each not in removed]
        if not is_ours(namespace):
            kept.append(_foreign(namespace))
        elif others:
            kept.append(f"{ref} stays: it holds {', '.join(others[:_SHOWN])}, which this collection did not make")
        elif contents.unread:
            kept.append(f"{ref} stays: it may hold {', '.join(contents.unread[:_SHOWN])}, which cannot be listed")
        else:
            removable.append(ref)
    return removable


def _instances_left(found: _Found, namespace: str) -> list[str]:
    return [str(Ref.of(obj)) for obj in found.served if obj["metadata"]["namespace"] == namespace]
