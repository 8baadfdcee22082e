# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a cluster hold a gateway: observe, decide (install_plan.py), execute."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from ..clusterlink import names
from ..clusterlink.ownership import not_ours
from ..common.kinds import Ref
from ..common.types import Address, Object
from ..errors import ClusterlinkError, raise_all
from ..kube.apply import ApplyResult, PartlyDoneError, Prune, apply_objects
from ..kube.client import Cluster
from ..kube.compare import creation
from ..kube.parallel import NOTHING, Query
from ..kube.wait import wait_ready
from ..pki.peer_material import PeerMaterial
from .admission import refused_pods, rewritten
from .certificate import material_digest, refresh_mounted_secret
from .install_plan import InstallPlan, plan_install
from .observe import observe_gateway
from .operator.reconcile import reconcile_deployments, release_deleted_instance, wait_until_operated
from .pod_replacement import GONE_SECONDS, leave_service, replace_pods, wait_until_ended
from .spec import GatewaySpec
from .status import wait_until_resolved, wait_until_running, wait_until_serving

_ESTABLISHED_SECONDS = 30.0
"""How long a cluster may take to serve new kinds. It takes well under a second (measured)."""

_RESTARTED = (
    "The certificates by which control plane and data plane know each other are recreated. The pods of both "
    "Deployments are replaced for this, and new connections through this gateway may fail until all are replaced."
)


@dataclass
class Installation:
    """What installing a gateway did, or in check mode would do.

    Attributes:
        plan: What was decided.
        result: What was written.
        warnings: What the user should know.
    """

    plan: InstallPlan
    result: ApplyResult
    warnings: list[str] = field(default_factory=list)

    @property
    def reasons(self) -> list[str]:
        """Why component certificates were recreated."""
        return self.plan.reasons

    def wait(self, cluster: Cluster, timeout: float) -> tuple[Address, ...]:
        """Wait until the gateway serves, and return its addresses; none without ingress.

        Raises:
            ClusterlinkError: It does not serve in time; it says what is missing, and why.
        """
        deadline = time.monotonic() + timeout
        wait = wait_until_operated if self.plan.operation else wait_until_serving
        addresses = wait(cluster, self.plan.spec, self.result, timeout)
        if self.plan.relabelled:
            wait_until_ended(cluster, self.plan.spec.namespace, names.DATAPLANE)
        self.warnings += wait_until_resolved(self.plan.spec, addresses, self.result, deadline - time.monotonic())
        return addresses

    def settle(self, cluster: Cluster, *, check: bool) -> None:
        """Remove what the gateway replaces, once it serves.

        Raises:
            ClusterlinkError: Something may not be removed, or is not gone in time.
        """
        if self.plan.takeover:
            self.result.add(self.plan.takeover.end(cluster, check=check))


def install_gateway(
    cluster: Cluster,
    spec: GatewaySpec,
    peer: PeerMaterial,
    now: datetime,
    *,
    check: bool,
    take_over: bool,
    renew_percent: int = 0,
    step_timeout: float = 0,
) -> Installation:
    """Make the cluster hold the gateway.

    Args:
        cluster: Where.
        spec: The desired gateway.
        peer: Its certificate in the fabric, checked.
        now: Aware.
        check: Only return what would be done.
        take_over: As C(plan_install).
        renew_percent: As C(plan_install).
        step_timeout: As C(plan_install).

    Raises:
        ClusterlinkError: With all problems; nothing was written then.
        PartlyDoneError: Something failed while writing.
    """
    state = observe_gateway(cluster, spec, take_over=take_over)
    plan = plan_install(
        spec, peer, state, now, take_over=take_over, renew_percent=renew_percent, step_timeout=step_timeout
    )
    return execute(cluster, plan, check=check, known=state.reads)


def execute(
    cluster: Cluster, plan: InstallPlan, *, check: bool, known: Mapping[Query, Sequence[Object]] = NOTHING
) -> Installation:
    """Write what was planned. Check mode writes nothing and returns the same changes.

    Args:
        cluster: Where.
        plan: What to write.
        check: Only return what would be done.
        known: What was read to make the plan.

    Raises:
        ClusterlinkError: With all problems; nothing was written then.
        PartlyDoneError: Something failed while writing.
    """
    raise_all(refused_pods(cluster, plan.new_pods))
    result = ApplyResult()
    if plan.takeover:
        if not check:  # find every problem before the first change
            _apply(cluster, plan, plan.final, check=True, known=known)
            known = NOTHING
        result = plan.takeover.begin(cluster, check=check)
    try:
        result.add(_write(cluster, plan, check=check, known=known))
    except PartlyDoneError as error:
        result.add(error.done)
        raise PartlyDoneError(error.problems, result, plan.warnings) from error
    if plan.takeover and check:
        _mark_as_recreated(result, [obj for obj in plan.final if Ref.of(obj) in plan.takeover.replaced])
    done = Installation(plan, result, [*plan.warnings, *rewritten(plan.final, result)])
    namespace = plan.spec.namespace
    if plan.notice_restart and Ref("Secret", names.CA_SECRET, namespace) in result.updated:
        done.warnings.append(_RESTARTED)
    if not check and Ref("Secret", names.PEER_SECRET, namespace) in result.updated:
        done.warnings += refresh_mounted_secret(cluster, namespace, material_digest(plan.peer))
    return done


def _write(cluster: Cluster, plan: InstallPlan, *, check: bool, known: Mapping[Query, Sequence[Object]]) -> ApplyResult:
    if plan.operation and not check:
        release_deleted_instance(cluster, plan.operation)
    if check or len(plan.steps) == 1:
        result = _apply(cluster, plan, plan.final, check=check, known=known)
    else:
        result = _apply_steps(cluster, plan, known)
    if plan.operation:
        result.add(plan.operation.predict())
        if not check:
            reconcile_deployments(cluster, plan.operation, result)
    return result


def _apply_steps(cluster: Cluster, plan: InstallPlan, known: Mapping[Query, Sequence[Object]]) -> ApplyResult:
    """Write one step after another, and return the changes of all together, with the objects as they are."""
    predicted = _apply(cluster, plan, plan.final, check=True, known=known)
    done = _apply(cluster, plan, plan.steps[0], check=False)
    later = replace(plan, definitions=())
    for objects in plan.steps[1:]:
        try:
            _replace_pods(cluster, plan, done)
            done.add(_apply(cluster, later, objects, check=False))
        except ClusterlinkError as error:
            if isinstance(error, PartlyDoneError):
                done.add(error.done)
            raise PartlyDoneError(error.problems, done) from error
    predicted.objects.update(done.objects)
    return predicted


def _apply(
    cluster: Cluster,
    plan: InstallPlan,
    objects: Sequence[Object],
    *,
    check: bool,
    known: Mapping[Query, Sequence[Object]] = NOTHING,
) -> ApplyResult:
    """Write the definitions and the objects of one step, after a dry run of both."""

    def apply(
        wanted: Sequence[Object], prune: Prune | None, *, check: bool, known: Mapping[Query, Sequence[Object]] = NOTHING
    ) -> ApplyResult:
        force = plan.take_over
        return apply_objects(cluster, wanted, check=check, force=force, prune=prune, guard=not_ours, known=known)

    if check or not plan.definitions:
        return apply([*plan.definitions, *objects], plan.prune, check=check, known=known)
    apply([*plan.definitions, *objects], plan.prune, check=True, known=known)
    # The cluster must serve the definitions before a control plane starts.
    first = apply(plan.definitions, None, check=False)
    wait_ready(cluster, first.objects, _ESTABLISHED_SECONDS, known=first.objects)
    try:
        first.add(apply(objects, plan.prune, check=False))
    except PartlyDoneError as error:
        first.add(error.done)
        raise PartlyDoneError(error.problems, first) from error
    return first


def _replace_pods(cluster: Cluster, plan: InstallPlan, done: ApplyResult) -> None:
    """Replace the pods between two steps. Our own Deployments do that by themselves; here we wait for them."""
    if plan.operation:
        replace_pods(cluster, plan.spec.namespace, GONE_SECONDS)
        return
    refs = [ref for ref in done.objects if ref.kind == "Deployment"]
    wait_until_running(cluster, refs, done, plan.step_timeout)
    # New data planes must connect to a control plane that stays, not to one that is about to end.
    leave_service(cluster, plan.spec.namespace, names.CONTROLPLANE)


def _mark_as_recreated(result: ApplyResult, objects: Sequence[Object]) -> None:
    """Report in check mode that objects will be created, since a takeover removes them first."""
    refs = {Ref.of(obj) for obj in objects}
    names_of = {str(ref) for ref in refs}
    result.updated = [ref for ref in result.updated if ref not in refs]
    result.unchanged = [ref for ref in result.unchanged if ref not in refs]
    result.created += [Ref.of(obj) for obj in objects]
    result.diff = [change for change in result.diff if change["after_header"] not in names_of]
    for obj in objects:
        name = str(Ref.of(obj))
        result.diff.append({"before": {}, "after": creation(obj).after, "before_header": name, "after_header": name})
