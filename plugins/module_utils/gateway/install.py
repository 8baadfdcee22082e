# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a cluster hold a gateway: look at what is there, decide, try all of it, write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink import api, names
from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.crds import VERSION, crds
from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.gateway import (
    gateway_stages,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.ownership import is_ours, not_ours
from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.spec import GatewaySpec
from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.stored import component_certificates
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError, Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.adopt import Adoption, find_adoption
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.rolling import rolling_steps
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.wake import wake_controlplane
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.apply import (
    ApplyResult,
    PartlyDoneError,
    Prune,
    apply_objects,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.client import Cluster, Object
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.compare import creation, is_applied
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.parallel import raise_all
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.read import Query, read
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.wait import wait_ready
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.clock import Clock
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.component_course import component_course
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.peer_material import PeerMaterial
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.renewal import Renewal

_ESTABLISHED_SECONDS = 30.0
"""How long a cluster may take to serve new kinds; it takes well under a second (measured)."""

_RESTARTED = (
    "The certificates by which control plane and data plane know each other are made anew. The pods of both "
    "Deployments are replaced for it, and new connections through this gateway may fail until all are."
)


@dataclass
class Installation:
    """What installing a gateway did, or in check mode would do.

    Attributes:
        result: What was written.
        reasons: Why component certificates were made anew.
        warnings: What the user should know.
        adoption: What of a gateway that somebody else made is replaced; None where nothing may be taken over.
    """

    result: ApplyResult
    reasons: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    adoption: Adoption | None = None

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

    CustomResourceDefinitions and a namespace that somebody else made are used as they are.

    Args:
        cluster: Where.
        spec: What the gateway shall be.
        peer: Its certificate in the fabric, checked.
        now: Aware.
        check: Only say what would be done.
        take_over: Whether to take over objects that somebody else made, and fields that another manager set in ours.
            Else they are an error; what was changed by hand is brought back in any case.
        renew_percent: The share of their life at which component certificates are made anew; 0 waits for their end.
        step_timeout: How many seconds replacing pods may take. Those of the control plane are replaced first, and all
            of them twice where component certificates that still serve are made anew; with 0 it is done all at once.

    Raises:
        ClusterlinkError: With all problems; nothing was written then.
        PartlyDoneError: Something failed while writing.
    """
    definitions = crds()
    crd_refs = [Ref.of(crd) for crd in definitions]
    namespace_ref = Ref("Namespace", spec.namespace)
    queries = [Query(ref.kind, ref.name) for ref in (*crd_refs, namespace_ref)]
    secrets, *found = read(
        cluster, [Query("Secret", namespace=spec.namespace), Query("Deployment", namespace=spec.namespace), *queries]
    )
    there = {Ref.of(obj): obj for objects in found for obj in objects}
    raise_all(problem for ref in crd_refs if ref in there for problem in _unusable(there[ref]))

    course = component_course(component_certificates(secrets), now, Renewal(renew_percent, spec.peer))
    clock = Clock(spec.peer, cluster.clock, now)
    clock.require_valid(
        {
            "the peer's certificate": peer.certificate_pem,
            "the control plane's certificate": course.final.controlplane_cert_pem,
            "the data plane's certificate": course.final.dataplane_cert_pem,
        }
    )
    stages = gateway_stages(spec, peer, course)
    if namespace_ref in there and not is_ours(there[namespace_ref]):
        stages = [[obj for obj in wanted if Ref.of(obj) != namespace_ref] for wanted in stages]
    missing = [
        crd
        for ref, crd in zip(crd_refs, definitions, strict=True)
        if ref not in there or (is_ours(there[ref]) and not is_applied(crd, there[ref]))
    ]
    # A Deployment that has become one of a single pod needs no budget any more.
    prune = Prune(("PodDisruptionBudget",), {api.MANAGED_BY_LABEL: api.MANAGED_BY}, spec.namespace)
    adoption = find_adoption(cluster, spec.namespace) if take_over else None
    steps = rolling_steps(stages, there)
    in_steps = len(steps) > 1 and bool(step_timeout)
    result = ApplyResult()
    if adoption:
        if not check:  # all of it is tried before the first step
            _apply(cluster, missing, stages[-1], prune, check=True, take_over=True)
        result = adoption.begin(cluster, check=check)
    try:
        applied = _apply(cluster, missing, stages[-1], prune, check=check or in_steps, take_over=take_over)
        if in_steps and not check:
            _take_steps(cluster, missing, steps, prune, applied, timeout=step_timeout, take_over=take_over)
    except PartlyDoneError as error:
        result.add(error.done)
        raise PartlyDoneError(error.problems, result) from error
    result.add(applied)
    if adoption and check:
        _made_anew(result, [obj for obj in stages[-1] if Ref.of(obj) in adoption.replaced])
    reasons = [f"component certificates: {reason}" for reason in course.reasons]
    done = Installation(result, reasons, clock.warnings(), adoption)
    if not in_steps and course.reasons and Ref("Secret", names.CA_SECRET, spec.namespace) in result.updated:
        done.warnings.append(_RESTARTED)
    if not check and Ref("Secret", names.PEER_SECRET, spec.namespace) in result.updated:
        done.warnings += wake_controlplane(cluster, spec.namespace, peer)
    return done


def _take_steps(
    cluster: Cluster,
    definitions: Sequence[Object],
    steps: Sequence[Sequence[Object]],
    prune: Prune,
    foretold: ApplyResult,
    *,
    timeout: float,
    take_over: bool,
) -> None:
    """Apply one step after another, each when all pods are of the last; C(foretold) gets the objects as they are."""
    done = _apply(cluster, definitions, steps[0], prune, check=False, take_over=take_over)
    for wanted in steps[1:]:
        try:
            refs = [ref for ref in done.objects if ref.kind == "Deployment"]
            wait_ready(cluster, refs, timeout, known=done.objects)
            done.add(_apply(cluster, [], wanted, prune, check=False, take_over=take_over))
        except ClusterlinkError as error:
            if isinstance(error, PartlyDoneError):
                done.add(error.done)
            raise PartlyDoneError(error.problems, done) from error
    foretold.objects.update(done.objects)


def _made_anew(result: ApplyResult, objects: Sequence[Object]) -> None:
    """Say in check mode that objects will be made, which an adoption will have removed by then."""
    refs = {Ref.of(obj) for obj in objects}
    names_of = {str(ref) for ref in refs}
    result.updated = [ref for ref in result.updated if ref not in refs]
    result.unchanged = [ref for ref in result.unchanged if ref not in refs]
    result.created += [Ref.of(obj) for obj in objects]
    result.diff = [change for change in result.diff if change["after_header"] not in names_of]
    for obj in objects:
        name = str(Ref.of(obj))
        result.diff.append({"before": {}, "after": creation(obj).after, "before_header": name, "after_header": name})


def _unusable(crd: Object) -> list[Problem]:
    """Why somebody else's definition cannot be used, which is the case when it does not serve our version."""
    served = [version["name"] for version in crd["spec"]["versions"] if version["served"]]
    if is_ours(crd) or VERSION in served:
        return []
    what = f"it does not serve version {VERSION}, which this collection did not make and does not change"
    fix = "Remove it together with the ClusterLink that it belongs to, or update that one"
    return [Problem(str(Ref.of(crd)), what, ", ".join(served), fix)]


def _apply(
    cluster: Cluster,
    definitions: Sequence[Object],
    wanted: Sequence[Object],
    prune: Prune,
    *,
    check: bool,
    take_over: bool,
) -> ApplyResult:
    def apply(objects: Sequence[Object], prune: Prune | None = prune, *, check: bool) -> ApplyResult:
        return apply_objects(cluster, objects, check=check, force=take_over, prune=prune, guard=not_ours)

    if check or not definitions:
        return apply([*definitions, *wanted], check=check)
    # Definitions have to be served before a control plane starts. Everything is tried before they are written.
    apply([*definitions, *wanted], check=True)
    first = apply(definitions, None, check=False)
    wait_ready(cluster, first.objects, _ESTABLISHED_SECONDS, known=first.objects)
    try:
        first.add(apply(wanted, check=False))
    except PartlyDoneError as error:
        first.add(error.done)
        raise PartlyDoneError(error.problems, first) from error
    return first
