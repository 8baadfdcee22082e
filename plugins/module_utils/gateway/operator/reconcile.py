# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway whose Deployments ClusterLink's operator makes: observe it, trigger the operator, and wait for it.

An Instance's status may be outdated. The operator reconciles when the Instance changes, and every 3 s while a
Deployment progresses, and its conditions have no observedGeneration (v0.4.1). An empty status is a change of the
Instance that leaves no trace: the operator then writes both Deployments and reports their present status.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from ...common.kinds import Ref
from ...common.types import Address, Object
from ...kube.apply import ApplyResult
from ...kube.client import Cluster
from ...kube.deletion import delete_observed, release_observed
from ...kube.parallel import Query, read
from ...kube.readiness import unready
from ...kube.wait import NotReadyError, wait_gone, wait_ready
from ..pod_replacement import GONE_SECONDS
from ..spec import GatewaySpec
from ..status import explained, wait_until_serving
from . import identity as operator
from .deployments import INSTANCE, Operation, deviation, operated_deployments
from .instance import unready_instance

_MANAGER = Ref("Deployment", operator.DEPLOYMENT, operator.NAMESPACE)

_REPORT_SECONDS = 5.0
"""How long the operator may take to report a gateway that serves, before another reconcile is triggered."""
_EMPTY_STATUS = {"controlplane": None, "dataplane": None, "ingress": None}


def observe_operation(cluster: Cluster, spec: GatewaySpec) -> Operation:
    """Read the operator's part of a gateway.

    Raises:
        ClusterlinkError: With all requests that the API server refuses.
    """
    wanted = {Ref.of(each): each for each in operated_deployments(spec)}
    *deployments, instances = read(
        cluster, [*(Query(ref.kind, ref.name, ref.namespace) for ref in wanted), Query("Instance")]
    )
    return Operation(wanted, {Ref.of(obj): obj for objects in deployments for obj in objects}, instances)


def release_deleted_instance(cluster: Cluster, operation: Operation) -> None:
    """Finish the deletion of an Instance that no running operator finishes; it is recreated then.

    Raises:
        ClusterlinkError: It may not be changed, or is not gone in time.
    """
    if operation.instance is not None and operation.instance["metadata"].get("deletionTimestamp"):
        release_instances(cluster, [operation.instance])


def reconcile_deployments(cluster: Cluster, operation: Operation, result: ApplyResult) -> None:
    """Trigger a reconcile where a Deployment differs and the Instance does not: the operator does not notice that.

    Args:
        cluster: Where.
        operation: The operator's part of the gateway.
        result: What was just applied, with what the operator will change.

    Raises:
        ApiError: The Instance's status may not be changed.
    """
    if INSTANCE in result.unchanged and any(ref not in result.unchanged for ref in operation.wanted):
        _trigger_reconcile(cluster)


def release_instances(cluster: Cluster, instances: Sequence[Object]) -> None:
    """Remove the finalizer of an operator that no longer runs from its Instances, delete them, and wait for that.

    Finalizers of others stay: the error at the end of the wait names them.

    Raises:
        ClusterlinkError: An Instance was changed or recreated since it was read, or is not gone in time.
    """
    for each in instances:
        release_observed(cluster, each, operator.FINALIZER)
        delete_observed(cluster, each)
    wait_gone(cluster, [Ref.of(each) for each in instances], GONE_SECONDS)


def wait_until_operated(
    cluster: Cluster, spec: GatewaySpec, result: ApplyResult, timeout: float
) -> tuple[Address, ...]:
    """Wait until the operator has made the gateway, the gateway serves, and the operator reports it.

    Args:
        cluster: Where.
        spec: The desired gateway.
        result: What was just applied; an object that is ready in it costs no request.
        timeout: Seconds for everything together.

    Returns:
        The gateway's addresses; none only without ingress.

    Raises:
        ClusterlinkError: It does not serve in time; it says what is missing, and why.
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
    addresses = wait_until_serving(cluster, spec, result, max(0.0, deadline - time.monotonic()))
    _wait_until_reported(cluster, result, deadline)
    return addresses


def _wait_until_reported(cluster: Cluster, result: ApplyResult, deadline: float) -> None:
    known: Mapping[Ref, Object] = result.objects
    while True:
        left = max(0.0, deadline - time.monotonic())
        try:
            wait_ready(cluster, [INSTANCE], min(left, _REPORT_SECONDS), known=known, judge=unready_instance)
        except NotReadyError:
            if left <= _REPORT_SECONDS:
                raise
            _trigger_reconcile(cluster)
            known = {}
        else:
            return


def _trigger_reconcile(cluster: Cluster) -> None:
    cluster.patch_status(INSTANCE.kind, INSTANCE.name, INSTANCE.namespace, _EMPTY_STATUS)
