# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway whose Deployments ClusterLink's operator makes: predict what it does, apply, and wait for it.

What the operator says of an Instance may be old: it looks when the Instance changes, and every 3 s while it calls a
Deployment progressing, and its conditions carry no observedGeneration (v0.4.1). To forget what it said is a change of
the Instance that leaves no trace: it looks again, writes both Deployments, and says how they are now.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ...clusterlink import names
from ...clusterlink.ownership import is_ours, not_ours
from ...common.kinds import Ref
from ...common.naming import FIELD_MANAGER
from ...errors import Problem
from ...kube.apply import ApplyResult
from ...kube.client import Cluster, Object
from ...kube.compare import Difference, Writer, creation
from ...kube.dry_run import CHANGED, MISSING, Drift
from ...kube.parallel import Query, read
from ...kube.readiness import unready
from ...kube.wait import NotReadyError, wait_gone, wait_ready
from ..apply_stages import StagedWrite
from ..manifests import ENFORCE_LABEL, RESTRICTED
from ..pod_replacement import GONE_SECONDS, replace_pods
from ..spec import Address, GatewaySpec
from ..status import explained, wait_until_serving
from . import identity as operator
from .deployments import deviation, operated_deployments
from .instance import unready_instance

INSTANCE = Ref("Instance", operator.INSTANCE, operator.NAMESPACE)
_MANAGER = Ref("Deployment", operator.DEPLOYMENT, operator.NAMESPACE)

_LOOK_SECONDS = 5.0
"""How long the operator may take to say how a gateway is that serves, before it is told to look again."""
_EMPTY_STATUS = {"controlplane": None, "dataplane": None, "ingress": None}


@dataclass(frozen=True)
class Operation:
    """What the operator has made of a gateway, and will make of it.

    Attributes:
        wanted: The Deployments as it will make them.
        there: Those that are there.
        instances: All Instances of the cluster.
    """

    wanted: Mapping[Ref, Object]
    there: Mapping[Ref, Object]
    instances: Sequence[Object]

    @property
    def instance(self) -> Object | None:
        """The gateway's Instance; None when it does not exist."""
        return next((each for each in self.instances if Ref.of(each) == INSTANCE), None)

    def problems(self, spec: GatewaySpec, namespace: Object | None, *, take_over: bool) -> list[Problem]:
        """Why the operator cannot make the gateway beside what the cluster holds.

        Args:
            spec: The desired gateway.
            namespace: The gateway's namespace; None when it does not exist.
            take_over: Whether the operator may write to Deployments that somebody else made.
        """
        problems = _obstacles(spec, namespace, self.instances)
        if not take_over and not any(operator.stands_for(each, spec.namespace) for each in self.instances):
            problems += [problem for obj in self.there.values() if (problem := not_ours(obj))]
        return problems

    def _has_other_certificates(self, wanted: Sequence[Object]) -> bool:
        """Whether pods run that were started with other component certificates than those wanted."""
        if self.instance is None:
            return False
        known = (self.instance["metadata"].get("annotations") or {}).get(names.COMPONENT_CERTIFICATES)
        [mark] = [obj["metadata"]["annotations"] for obj in wanted if obj["kind"] == "Instance"]
        return known not in (None, mark[names.COMPONENT_CERTIFICATES])

    def _predict(self) -> ApplyResult:
        """What the operator changes, as if it were ours to change."""
        result = ApplyResult()
        for ref, wanted in self.wanted.items():
            there = self.there.get(ref)
            difference = creation(wanted) if there is None else Difference(*deviation(wanted, there))
            if there is not None and not difference.changed:
                result.unchanged.append(ref)
                result.objects[ref] = there
                continue
            (result.created if there is None else result.updated).append(ref)
            change = {"before": difference.before, "after": difference.after}
            result.diff.append({**change, "before_header": str(ref), "after_header": str(ref)})
            kind = MISSING if there is None else CHANGED
            result.drift.append(Drift(ref, kind, difference, () if there is None else _writers(there)))
        return result

    def apply_instance(self, writing: StagedWrite, stages: Sequence[Sequence[Object]], *, check: bool) -> ApplyResult:
        """Write our own objects, and have the operator make its own.

        Args:
            writing: How ours are written.
            stages: They, one list for each time that all pods have to be replaced before the next.
            check: Only say what would be done.

        Raises:
            ClusterlinkError: With all problems; nothing was written then.
            PartlyDoneError: Something failed on the way.
        """
        cluster, final = writing.cluster, stages[-1]
        if not check and self.instance is not None and self.instance["metadata"].get("deletionTimestamp"):
            # Somebody deleted it, and no operator lives to let it go. It is recreated then.
            release_instances(cluster, [INSTANCE])
        if check or not self._has_other_certificates(final):
            result = writing.apply(final, check=check)
        else:
            # The Instance is written when the pods are those that it speaks of.
            first = [_without_instance(wanted) for wanted in stages[:-1]] or [_without_instance(final)]
            turn = partial(self._replace_pods, cluster)
            result = writing.apply_stages([*first, final], turn)
        result.add(self._predict())
        if not check and INSTANCE in result.unchanged and any(ref not in result.unchanged for ref in self.wanted):
            # The Instance has not changed, so the operator has to be told.
            _trigger_reconcile(cluster)
        return result

    def _replace_pods(self, cluster: Cluster, _done: ApplyResult) -> None:
        [namespace] = {ref.namespace for ref in self.wanted}
        replace_pods(cluster, namespace, GONE_SECONDS)


def observe_operation(cluster: Cluster, spec: GatewaySpec) -> Operation:
    """Read what the operator has made of a gateway.

    Raises:
        ClusterlinkError: With all requests that the API server refuses.
    """
    wanted = {Ref.of(each): each for each in operated_deployments(spec)}
    *deployments, instances = read(
        cluster, [*(Query(ref.kind, ref.name, ref.namespace) for ref in wanted), Query("Instance")]
    )
    return Operation(wanted, {Ref.of(obj): obj for objects in deployments for obj in objects}, instances)


def release_instances(cluster: Cluster, refs: Sequence[Ref]) -> None:
    """Take the finalizer of an operator that is gone off its Instances, remove them, and wait until they are gone."""
    for ref in refs:
        if cluster.get(ref.kind, ref.name, ref.namespace) is not None:
            cluster.patch(ref.kind, ref.name, ref.namespace, {"metadata": {"finalizers": None}})
            cluster.delete(ref.kind, ref.name, ref.namespace)
    wait_gone(cluster, refs, GONE_SECONDS)


def wait_until_operated(cluster: Cluster, spec: GatewaySpec, result: ApplyResult, timeout: float) -> Address | None:
    """Wait until the operator has made the gateway, the gateway serves, and the operator says so.

    Args:
        cluster: Where.
        spec: What the gateway shall be.
        result: What was just applied; what is ready there costs no request.
        timeout: Seconds for all of it together.

    Returns:
        The gateway's address; None only where there is no ingress.

    Raises:
        ClusterlinkError: The time is over; it says what is missing, and why.
    """
    deadline = time.monotonic() + timeout
    wanted = {Ref.of(each): each for each in operated_deployments(spec)}

    def unmade(obj: Mapping[str, Any] | None) -> str:
        if obj is not None and any(deviation(wanted[Ref.of(obj)], obj)):
            return "the operator has not changed it yet"
        return unready(obj)

    try:
        wait_ready(cluster, [_MANAGER], timeout, known=result.objects)
        states = wait_ready(cluster, wanted, deadline - time.monotonic(), known=result.objects, judge=unmade)
    except NotReadyError as error:
        raise explained(cluster, error) from error
    result.objects.update({ref: obj for ref, obj in states.items() if obj is not None})
    address = wait_until_serving(cluster, spec, result, max(0.0, deadline - time.monotonic()))
    _wait_until_said(cluster, result, deadline)
    return address


def _wait_until_said(cluster: Cluster, result: ApplyResult, deadline: float) -> None:
    known: Mapping[Ref, Object] = result.objects
    while True:
        left = max(0.0, deadline - time.monotonic())
        try:
            wait_ready(cluster, [INSTANCE], min(left, _LOOK_SECONDS), known=known, judge=unready_instance)
        except NotReadyError:
            if left <= _LOOK_SECONDS:
                raise
            _trigger_reconcile(cluster)
            known = {}
        else:
            return


def _without_instance(objects: Sequence[Object]) -> list[Object]:
    return [obj for obj in objects if Ref.of(obj) != INSTANCE]


def _trigger_reconcile(cluster: Cluster) -> None:
    cluster.patch_status(INSTANCE.kind, INSTANCE.name, INSTANCE.namespace, _EMPTY_STATUS)


def _obstacles(spec: GatewaySpec, namespace: Object | None, instances: Sequence[Object]) -> list[Problem]:
    problems = []
    labels = (namespace or {}).get("metadata", {}).get("labels") or {}
    if namespace is not None and not is_ours(namespace) and labels.get(ENFORCE_LABEL) == RESTRICTED:
        what = "it enforces the restricted Pod Security Standard, which the operator's pods do not meet"
        fix = "Set install (clusterlink_install) to direct, or let it enforce the baseline standard"
        problems.append(Problem(f"Namespace {spec.namespace}", what, fix=fix))
    for each in instances:
        ref, place = Ref.of(each), operator.gateway_namespace(each)
        if ref == INSTANCE and place != spec.namespace:
            what = "it stands for a gateway in another namespace"
            problems.append(Problem(str(ref), what, place, "Remove that gateway first, or keep its namespace"))
        elif ref != INSTANCE and place == spec.namespace:
            what = "it stands for the same gateway, and the operator reads only one Instance for a namespace"
            problems.append(Problem(str(ref), what, fix="Remove it, or set install (clusterlink_install) to direct"))
    return problems


def _writers(deployment: Object) -> tuple[Writer, ...]:
    """Who wrote to a Deployment besides the operator, us, and what only reports; the latest first."""
    found = {
        Writer(entry.get("manager", ""), entry.get("operation", ""), entry.get("time", ""))
        for entry in deployment["metadata"].get("managedFields") or []
        if entry.get("manager") not in (operator.MANAGER, FIELD_MANAGER)
        and entry.get("subresource") != "status"
        and "f:spec" in (entry.get("fieldsV1") or {})
    }
    return tuple(sorted(found, key=lambda writer: (writer.time, writer), reverse=True))
