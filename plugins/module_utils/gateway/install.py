# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a cluster hold a gateway: look at what is there, decide, try all of it, write."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from ..clusterlink import api, names
from ..clusterlink.crds import crds
from ..clusterlink.ownership import is_ours
from ..clusterlink.schema import VERSION
from ..common.kinds import Ref
from ..errors import Problem, raise_all
from ..kube.apply import ApplyResult, PartlyDoneError, Prune
from ..kube.client import Cluster, Object
from ..kube.compare import is_applied
from ..kube.parallel import Query, read
from ..pki.clock_skew import Clock
from ..pki.components import plan_component_rollout
from ..pki.peer_material import PeerMaterial
from ..pki.renewal import Renewal
from .apply_stages import StagedWrite, mark_as_recreated
from .manifests import gateway_stages
from .operator.identity import NAMESPACE, OPERATOR
from .operator.instance import instance_crd
from .operator.reconcile import Operation, observe_operation, wait_until_operated
from .pod_replacement import leave_service
from .rollout_order import rollout_stages
from .secret_refresh import refresh_mounted_secret
from .spec import Address, GatewaySpec
from .status import wait_until_running, wait_until_serving
from .stored_certificates import component_certificates
from .takeover import Takeover, find_takeover, is_moving

_RESTARTED = (
    "The certificates by which control plane and data plane know each other are recreated. The pods of both "
    "Deployments are replaced for it, and new connections through this gateway may fail until all are."
)


@dataclass
class Installation:
    """What installing a gateway did, or in check mode would do.

    Attributes:
        result: What was written.
        reasons: Why component certificates were recreated.
        warnings: What the user should know.
        adoption: What of a gateway that somebody else or the operator made is replaced; None where nothing is.
        operation: What the operator makes of it; None where its Deployments are ours.
    """

    result: ApplyResult
    reasons: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    adoption: Takeover | None = None
    operation: Operation | None = None

    def wait(self, cluster: Cluster, spec: GatewaySpec, timeout: float) -> Address | None:
        """Wait until the gateway serves; its address, or None where there is no ingress.

        Raises:
            ClusterlinkError: The time is over; it says what is missing, and why.
        """
        wait = wait_until_operated if self.operation else wait_until_serving
        return wait(cluster, spec, self.result, timeout)

    def settle(self, cluster: Cluster, *, check: bool) -> None:
        """Once the gateway serves: remove what it takes the place of.

        Raises:
            ClusterlinkError: Something may not be removed, or does not go.
        """
        if self.adoption:
            self.result.add(self.adoption.end(cluster, check=check))


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

    CustomResourceDefinitions and namespaces that somebody else made are used as they are.

    Args:
        cluster: Where.
        spec: What the gateway shall be.
        peer: Its certificate in the fabric, checked.
        now: Aware.
        check: Only say what would be done.
        take_over: Whether to take over objects that somebody else made, and fields that another manager set in ours.
            Else they are an error; what was changed by hand is brought back in any case.
        renew_percent: The share of their life at which component certificates are recreated; 0 waits for their end.
        step_timeout: How many seconds replacing pods may take, one component's after the other's (see
            C(rolling.rollout_stages)); with 0 it is done all at once.

    Raises:
        ClusterlinkError: With all problems; nothing was written then.
        PartlyDoneError: Something failed while writing.
    """
    operated = spec.install == OPERATOR
    definitions = [*crds(), instance_crd()] if operated else crds()
    crd_refs = [Ref.of(crd) for crd in definitions]
    operators = Ref.of(instance_crd())
    place = Ref("Namespace", spec.namespace)
    places = [place, Ref("Namespace", NAMESPACE)] if operated else [place]
    queries = [Query(ref.kind, ref.name) for ref in dict.fromkeys((*crd_refs, *places, operators))]
    secrets, *found = read(
        cluster, [Query("Secret", namespace=spec.namespace), Query("Deployment", namespace=spec.namespace), *queries]
    )
    there = {Ref.of(obj): obj for objects in found for obj in objects}
    raise_all(problem for ref in crd_refs if ref in there for problem in _unusable(there[ref]))
    operation = observe_operation(cluster, spec, there.get(place), take_over=take_over) if operated else None
    # What our own operator made is ours, and needs no force to be taken back.
    take_over = take_over or (not operated and operators in there and is_moving(cluster, spec.namespace))

    rollout = plan_component_rollout(component_certificates(secrets), now, Renewal(renew_percent, spec.peer))
    clock = Clock(spec.peer, cluster.clock, now)
    clock.require_valid(
        {
            "the peer's certificate": peer.certificate_pem,
            "the control plane's certificate": rollout.final.controlplane_cert_pem,
            "the data plane's certificate": rollout.final.dataplane_cert_pem,
        }
    )
    stages = gateway_stages(spec, peer, rollout)
    used = {ref for ref in places if ref in there and not is_ours(there[ref])}
    stages = [[obj for obj in wanted if Ref.of(obj) not in used] for wanted in stages]
    missing = [
        crd
        for ref, crd in zip(crd_refs, definitions, strict=True)
        if ref not in there or (is_ours(there[ref]) and not is_applied(crd, there[ref]))
    ]
    # A Deployment that has become one of a single pod needs no budget any more.
    prune = Prune(("PodDisruptionBudget",), {api.MANAGED_BY_LABEL: api.MANAGED_BY}, spec.namespace)
    writing = StagedWrite(cluster, missing, prune, take_over)
    final, steps = stages[-1], rollout_stages(stages, there)
    in_steps = len(steps) > 1 and bool(step_timeout)
    adoption = find_takeover(cluster, spec.namespace) if take_over and not operated else None
    result = ApplyResult()
    if adoption:
        if not check:  # all of it is tried before the first step
            writing.apply(final, check=True)
        result = adoption.begin(cluster, check=check)
    try:
        if operation:
            applied = operation.apply_instance(writing, steps if in_steps else [final], check=check)
        elif in_steps and not check:
            applied = writing.apply_stages(steps, partial(_wait_for_pods, cluster, spec.namespace, step_timeout))
        else:
            applied = writing.apply(final, check=check)
    except PartlyDoneError as error:
        result.add(error.done)
        raise PartlyDoneError(error.problems, result) from error
    result.add(applied)
    if adoption and check:
        mark_as_recreated(result, [obj for obj in final if Ref.of(obj) in adoption.replaced])
    reasons = [f"component certificates: {reason}" for reason in rollout.reasons]
    done = Installation(result, reasons, clock.warnings(), adoption, operation)
    if not in_steps and rollout.reasons and Ref("Secret", names.CA_SECRET, spec.namespace) in result.updated:
        done.warnings.append(_RESTARTED)
    if not check and Ref("Secret", names.PEER_SECRET, spec.namespace) in result.updated:
        done.warnings += refresh_mounted_secret(cluster, spec.namespace, peer)
    return done


def _wait_for_pods(cluster: Cluster, namespace: str, timeout: float, done: ApplyResult) -> None:
    refs = [ref for ref in done.objects if ref.kind == "Deployment"]
    wait_until_running(cluster, refs, done, timeout)
    # Data planes that come shall ask a control plane that stays, and not one that was let go of.
    leave_service(cluster, namespace, names.CONTROLPLANE)


def _unusable(crd: Object) -> list[Problem]:
    """Why somebody else's definition cannot be used, which is the case when it does not serve our version."""
    served = [version["name"] for version in crd["spec"]["versions"] if version["served"]]
    if is_ours(crd) or VERSION in served:
        return []
    what = f"it does not serve version {VERSION}, which this collection did not make and does not change"
    fix = "Remove it together with the ClusterLink that it belongs to, or update that one"
    return [Problem(str(Ref.of(crd)), what, ", ".join(served), fix)]
