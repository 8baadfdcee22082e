# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide what to write so that a cluster holds a gateway, and in which steps. No cluster access, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from ..clusterlink import api, names
from ..clusterlink.ownership import is_ours
from ..clusterlink.schema import VERSION
from ..common.kinds import Ref
from ..common.types import Object
from ..errors import Problem, raise_all
from ..kube.apply import Prune
from ..kube.compare import is_applied
from ..kube.server_version import adapted
from ..pki.clock_skew import Clock
from ..pki.components import ComponentRollout, plan_component_rollout
from ..pki.peer_material import PeerMaterial
from ..pki.renewal import Renewal
from .autoscaling import KIND as AUTOSCALER
from .autoscaling import autoscaled, leave_replicas, second_autoscaler
from .certificate import component_certificates
from .ingress import immutable_problems
from .manifests import gateway_definitions, gateway_objects
from .network_policy import KIND as NETWORK_POLICY
from .network_policy import blocked
from .observe import GatewayState
from .operator.deployments import Operation
from .spec import GatewaySpec
from .supported import family_problems, version_problems
from .takeover import Takeover

_TRANSITION_STAGES = 3
"""The number of stages in which running pods receive new component certificates."""


@dataclass(frozen=True)
class InstallPlan:
    """What to write for a gateway.

    Attributes:
        spec: The desired gateway.
        peer: Its certificate in the fabric.
        definitions: The CustomResourceDefinitions to write first.
        steps: The desired objects of each step. Between two steps, pods are replaced.
        new_pods: The Deployments that will create pods.
        step_timeout: How many seconds the pods of one step may take.
        prune: The objects of the gateway to delete because they are no longer desired.
        take_over: Whether to change objects of others, and fields that another manager set.
        takeover: What to remove of a gateway that somebody else or the operator made; None when there is nothing.
        operation: What the operator makes of the gateway; None when its Deployments are ours.
        reasons: Why component certificates are recreated.
        warnings: What the user should know.
        relabelled: Whether data planes that ask for decisions with the peer's former labels are replaced.
        notice_restart: Whether the pods of both Deployments are replaced at once for new component certificates.
    """

    spec: GatewaySpec
    peer: PeerMaterial
    definitions: Sequence[Object]
    steps: Sequence[Sequence[Object]]
    new_pods: Sequence[Object]
    step_timeout: float
    prune: Prune
    take_over: bool = False
    takeover: Takeover | None = None
    operation: Operation | None = None
    reasons: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    relabelled: bool = False
    notice_restart: bool = False

    @property
    def final(self) -> Sequence[Object]:
        """The desired objects after the last step."""
        return self.steps[-1]


def plan_install(
    spec: GatewaySpec,
    peer: PeerMaterial,
    state: GatewayState,
    now: datetime,
    *,
    take_over: bool = False,
    renew_percent: int = 0,
    step_timeout: float = 0,
) -> InstallPlan:
    """Decide what to write.

    CustomResourceDefinitions and namespaces that somebody else made are used as they are.

    Args:
        spec: The desired gateway.
        peer: Its certificate in the fabric, checked.
        state: What the cluster holds.
        now: Aware.
        take_over: Whether to take over objects that somebody else made, and fields that another manager set in ours.
            Otherwise they are an error. Manual changes are reverted in any case.
        renew_percent: The share of their life at which component certificates are recreated; 0 waits for their end.
        step_timeout: How many seconds the pods of one step may take; with 0 everything is written in one step.

    Raises:
        ClusterlinkError: With what makes the gateway impossible in this cluster.
    """
    spec = replace(spec, pods=spec.pods.on_platform(assigns_user_ids=state.assigns_user_ids))
    definitions = {Ref.of(crd): crd for crd in gateway_definitions(spec)}
    raise_all(problem for ref in definitions if ref in state.objects and (problem := _unusable(state.objects[ref])))
    unsupported = version_problems(spec, [*definitions.values()], state.version)
    raise_all([*unsupported, *family_problems(spec, state.first_family)])
    raise_all(immutable_problems(spec.ingress, state.objects.get(Ref("Service", names.INGRESS, spec.namespace))))
    if state.operation:
        namespace = state.objects.get(Ref("Namespace", spec.namespace))
        raise_all(state.operation.problems(spec, namespace, take_over=take_over))
    rollout = plan_component_rollout(component_certificates(state.secrets), now, Renewal(renew_percent, spec.peer))
    clock = Clock(spec.peer, state.clock, now)
    clock.require_valid(
        {
            "the peer's certificate": peer.certificate_pem,
            "the control plane's certificate": rollout.final.controlplane_cert_pem,
            "the data plane's certificate": rollout.final.dataplane_cert_pem,
        }
    )
    if state.takeover:
        raise_all(state.takeover.problems())
    scalers = state.autoscalers or ()
    raise_all(second_autoscaler(spec, scalers))
    foreign = {ref for ref, obj in state.objects.items() if ref.kind == "Namespace" and not is_ours(obj)}
    wanted = adapted(gateway_stages(spec, peer, rollout), state.version)
    stages = [[obj for obj in stage if Ref.of(obj) not in foreign] for stage in wanted]
    stages = leave_replicas(stages, autoscaled(spec, scalers), state.objects)
    steps = rollout_steps(stages, state.objects) if step_timeout else stages[-1:]
    return InstallPlan(
        spec=spec,
        peer=peer,
        definitions=[crd for ref, crd in definitions.items() if _must_write(crd, state.objects.get(ref))],
        steps=state.operation.steps(steps) if state.operation else steps,
        new_pods=[] if state.operation else [obj for obj in steps[-1] if _creates_pods(obj, state.objects)],
        step_timeout=step_timeout,
        # A Deployment of a single pod has no PodDisruptionBudget.
        prune=Prune(
            ("PodDisruptionBudget", *_readable(state)),
            {api.MANAGED_BY_LABEL: api.MANAGED_BY},
            spec.namespace,
        ),
        take_over=take_over or state.takeover is not None,
        takeover=state.takeover,
        operation=state.operation,
        reasons=[f"component certificates: {reason}" for reason in rollout.reasons],
        warnings=[*clock.warnings(), *_blocked(spec, state, stages[-1])],
        relabelled=_is_relabelled(stages[-1], state.objects),
        notice_restart=len(steps) == 1 and bool(rollout.reasons),
    )


def _readable(state: GatewayState) -> list[str]:
    """The optional kinds of a gateway that may be listed, and so removed."""
    kinds = {AUTOSCALER: state.autoscalers, NETWORK_POLICY: state.network_policies}
    return [kind for kind, found in kinds.items() if found is not None]


def _blocked(spec: GatewaySpec, state: GatewayState, wanted: Sequence[Object]) -> list[str]:
    added = [obj for obj in wanted if obj["kind"] == NETWORK_POLICY]
    return blocked(spec, state.network_policies or (), added)


def gateway_stages(spec: GatewaySpec, peer: PeerMaterial, rollout: ComponentRollout) -> list[list[Object]]:
    """The gateway's objects in stages. Before the next stage, all pods must run with the objects of this one.

    Pods read their component certificates when they start. So the old site CA stays trusted until no pod has a
    certificate of it. Its removal does not concern running pods.
    """
    final: list[Object] = [*gateway_objects(spec, peer, rollout.final)]
    if rollout.transition is None and not rollout.extra_trust:
        return [final]
    trusting = _without(final, names.CA_SECRET, "Secret")
    first: list[list[Object]] = [[*gateway_objects(spec, peer, rollout.transition)]] if rollout.transition else []
    return [*first, trusting, final]


def rollout_steps(stages: Sequence[Sequence[Object]], there: Mapping[Ref, Object]) -> list[list[Object]]:
    """The steps in which to apply the stages so that no request is lost. Between two steps, all pods become ready.

    Where pods of both Deployments are replaced, those of the data plane are last: a data plane keeps the control plane
    that it connected to first, so that one has to be new. The old ones keep serving until then (see
    C(spec.CONTROLPLANE_DRAIN_SECONDS)).

    Args:
        stages: What C(gateway_stages) returns.
        there: What the cluster holds.
    """
    final = {Ref.of(obj): obj for obj in stages[-1]}
    workloads = [ref for ref in final if ref.kind == "Deployment"]
    changed = [ref for ref in workloads if ref in there and not is_applied(final[ref], there[ref])]
    if {ref.name for ref in changed} != set(names.COMPONENTS):
        return [list(stage) for stage in stages]
    if len(stages) == _TRANSITION_STAGES and all(is_ours(there[ref]) for ref in changed):
        return _transition_steps(*stages)
    return [step for stage in stages for step in (_without(stage, names.DATAPLANE, "Deployment"), list(stage))]


def _is_relabelled(final: Sequence[Object], there: Mapping[Ref, Object]) -> bool:
    """Whether running data planes belong to other labels of the peer than the desired ones."""
    return any(
        _peer_labels(obj) != _peer_labels(there[ref])
        for obj in final
        if (ref := Ref.of(obj)).kind == "Deployment" and ref.name == names.DATAPLANE and ref in there
    )


def _peer_labels(deployment: Object) -> str:
    annotations = deployment["spec"]["template"]["metadata"].get("annotations") or {}
    return str(annotations.get(names.PEER_LABELS_ANNOTATION, ""))


def _transition_steps(
    transition: Sequence[Object], renewed: Sequence[Object], final: Sequence[Object]
) -> list[list[Object]]:
    """New component certificates for running pods: control planes are replaced once, data planes twice.

    Data planes trust both site CAs before control planes have certificates of the new one. From then on control planes
    trust both, and accept the data planes' new certificates, too.
    """
    first = _without(transition, names.CONTROLPLANE, "Deployment")
    second = _without(renewed, names.DATAPLANE, "Deployment", "Secret")
    return [first, second, list(renewed), list(final)]


def _without(objects: Sequence[Object], name: str, *kinds: str) -> list[Object]:
    return [obj for obj in objects if obj["metadata"]["name"] != name or obj["kind"] not in kinds]


def _creates_pods(obj: Object, there: Mapping[Ref, Object]) -> bool:
    """Whether an object is a Deployment that is missing or differs."""
    ref = Ref.of(obj)
    return ref.kind == "Deployment" and (ref not in there or not is_applied(obj, there[ref]))


def _must_write(crd: Object, there: Object | None) -> bool:
    """Whether a CustomResourceDefinition is missing, or is ours and differs."""
    return there is None or (is_ours(there) and not is_applied(crd, there))


def _unusable(crd: Object) -> Problem | None:
    """Why somebody else's CustomResourceDefinition is unusable: it does not serve our version."""
    served = [version["name"] for version in crd["spec"]["versions"] if version["served"]]
    if is_ours(crd) or VERSION in served:
        return None
    what = f"it does not serve version {VERSION}, which this collection did not make and does not change"
    fix = "Remove it together with the ClusterLink that it belongs to, or update that one"
    return Problem(str(Ref.of(crd)), what, ", ".join(served), fix)
