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
from typing import Any

from ...common.kinds import Ref
from ...kube.apply import ApplyResult
from ...kube.client import Cluster, Object
from ...kube.parallel import Query, read
from ...kube.readiness import unready
from ...kube.wait import NotReadyError, wait_gone, wait_ready
from ..pod_replacement import GONE_SECONDS
from ..spec import Address, GatewaySpec
from ..status import explained, wait_until_serving
from . import identity as operator
from .deployments import INSTANCE, Operation, deviation, operated_deployments
from .instance import unready_instance

_MANAGER = Ref("Deployment", operator.DEPLOYMENT, operator.NAMESPACE)

_LOOK_SECONDS = 5.0
"""How long the operator may take to say how a gateway is that serves, before it is told to look again."""
_EMPTY_STATUS = {"controlplane": None, "dataplane": None, "ingress": None}


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


def release_deleted_instance(cluster: Cluster, operation: Operation) -> None:
    """Let an Instance go that somebody deleted while no operator runs to remove its finalizer; it is recreated then.

    Raises:
        ClusterlinkError: It may not be changed, or is still there after the timeout.
    """
    if operation.instance is not None and operation.instance["metadata"].get("deletionTimestamp"):
        release_instances(cluster, [INSTANCE])


def reconcile_deployments(cluster: Cluster, operation: Operation, result: ApplyResult) -> None:
    """Trigger the operator where its Deployments differ and its Instance does not: it does not look by itself then.

    Args:
        cluster: Where.
        operation: What the operator has made of the gateway.
        result: What was just applied, with what the operator changes.

    Raises:
        ApiError: The Instance's status may not be changed.
    """
    if INSTANCE in result.unchanged and any(ref not in result.unchanged for ref in operation.wanted):
        _trigger_reconcile(cluster)


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


def _trigger_reconcile(cluster: Cluster) -> None:
    cluster.patch_status(INSTANCE.kind, INSTANCE.name, INSTANCE.namespace, _EMPTY_STATUS)
