# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The common part of the modules for one object: apply or delete it, wait, and report what is done and why."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..clusterlink import api
from ..clusterlink.ownership import fabric_of
from ..common.changes import change_reason
from ..common.fields import Item, Report
from ..common.kinds import Ref
from ..common.naming import dns_label_fault
from ..common.types import Object
from ..errors import ClusterlinkError
from ..fabric.resources import read_labels
from ..kube.apply import ApplyResult, apply_objects, delete_objects
from ..kube.client import Cluster
from ..kube.connection import CONNECTION_SPEC, connect
from ..kube.readiness import conditions
from ..kube.wait import NotReadyError, settle_time, wait_gone, wait_ready
from ..outcome import Mode, Outcome

Params = Mapping[str, Any]

SINGLE_SPEC: dict[str, Any] = {
    **CONNECTION_SPEC,
    "labels": {"type": "dict"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "force_conflicts": {"type": "bool", "default": False},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 120},
}
"""The options of all these modules."""

_KEPT = frozenset({api.FABRIC_LABEL, api.LINK_LABEL, api.LINK_SOURCE_LABEL})
"""The labels by which an object belongs to a fabric; these modules keep them."""


@dataclass(frozen=True)
class Request:
    """One call of a module.

    Attributes:
        params: The parameters.
        mode: How it is run.
    """

    params: Params
    mode: Mode

    @property
    def lenient(self) -> bool:
        """Whether a missing object is allowed, because check mode skipped its creation or the module does not wait."""
        return self.mode.check or not self.params["wait"]


Check = Callable[[Cluster, Object, Request], list[str]]
"""A check of the cluster before any write, which returns warnings or raises a refusal."""


@dataclass(frozen=True)
class SingleObject:
    """A module for one object.

    Attributes:
        keys: The parameters that describe the object, without its labels.
        refer: The object that the parameters name.
        build: The desired object, from the parameters and the labels.
        before_apply: Called with the desired object.
        before_delete: Called with the existing object.
        clear: Prepares the deletion of the existing object.
    """

    keys: tuple[str, ...]
    refer: Callable[[Item], Ref]
    build: Callable[[Item, Mapping[str, str]], Object]
    before_apply: Check | None = None
    before_delete: Check | None = None
    clear: Callable[[Cluster, Object, Request], ApplyResult] | None = None

    def run(self, params: dict[str, Any], mode: Mode) -> Outcome:
        """The module's C(Task.run); it reports all problems of the parameters before any request."""
        report = Report()
        item = Item({key: params[key] for key in self.keys}, "", report)
        request = Request(params, mode)
        if params["state"] == "absent":
            ref = self.refer(item)
            report.raise_any()
            with connect(params) as cluster:
                return self._remove(cluster, ref, request)
        labels = read_labels(Item({"labels": params["labels"]}, "", report))
        # With the label, our field manager stays an owner even when a user edits all our other fields.
        wanted = self.build(item, {**labels, api.MANAGED_BY_LABEL: api.MANAGED_BY})
        report.raise_any()
        with connect(params) as cluster:
            return self._apply(cluster, wanted, request)

    def _apply(self, cluster: Cluster, wanted: Object, request: Request) -> Outcome:
        warnings = self.before_apply(cluster, wanted, request) if self.before_apply else []
        ref = Ref.of(wanted)
        observed = cluster.get(ref.kind, ref.name, ref.namespace)
        labels = wanted["metadata"]["labels"]
        fabric = "" if api.FABRIC_LABEL in labels else _fabric(observed)
        if fabric:
            labels.update({key: value for key, value in (observed or {})["metadata"]["labels"].items() if key in _KEPT})
        result = apply_objects(
            cluster, [wanted], check=request.mode.check, force=bool(request.params["force_conflicts"])
        )
        if fabric and result.changed:
            warnings.append(
                f"{ref} belongs to the declaration of the fabric {fabric}, whose next run reverts this change"
            )
        outcome = Outcome(changed=result.changed, diff=result.diff, warnings=warnings)
        outcome.values = _values(ref, result.objects[ref], _reason(result))
        if request.params["wait"] and not request.mode.check:
            _wait_ready(cluster, ref, result, request.params["wait_timeout"], outcome)
        return outcome

    def _remove(self, cluster: Cluster, ref: Ref, request: Request) -> Outcome:
        observed = cluster.get(ref.kind, ref.name, ref.namespace)
        if observed is None:
            return Outcome(values=_values(ref, None, ""))
        warnings = self.before_delete(cluster, observed, request) if self.before_delete else []
        result = self.clear(cluster, observed, request) if self.clear else ApplyResult()
        result.add(delete_objects(cluster, [ref], check=request.mode.check, known=[observed]))
        outcome = Outcome(changed=result.changed, diff=result.diff, warnings=[*warnings, *result.warnings])
        outcome.values = _values(ref, None, "it exists and must be absent")
        if request.params["wait"] and not request.mode.check:
            try:
                wait_gone(cluster, [ref], request.params["wait_timeout"])
            except ClusterlinkError as error:
                outcome.fail(error)
        return outcome


def refer_to(kind: str, fault: Callable[[str], str] = dns_label_fault) -> Callable[[Item], Ref]:
    """A C(SingleObject.refer) for a namespaced kind, whose names C(fault) checks."""
    return lambda item: Ref(kind, item.name(required=True, fault=fault), item.name("namespace", required=True))


def _wait_ready(cluster: Cluster, ref: Ref, result: ApplyResult, timeout: float, outcome: Outcome) -> None:
    """Wait, and complete the outcome with the result."""
    if not api.READY_CONDITIONS[ref.kind]:
        return
    if result.updated:
        # Its conditions may be older than the change: they have no observedGeneration.
        settle = min(settle_time([ref]), timeout)
        time.sleep(settle)
        timeout -= settle
    known = {} if result.changed else result.objects
    try:
        states: Mapping[Ref, Object | None] = wait_ready(cluster, [ref], timeout, known=known)
    except ClusterlinkError as error:
        states = error.states if isinstance(error, NotReadyError) else result.objects
        outcome.fail(error)
    outcome.values.update(_state(states[ref]))


def _values(ref: Ref, obj: Object | None, reason: str) -> dict[str, Any]:
    return {**ref.as_dict(), "reason": reason, **_state(obj)}


def _state(obj: Object | None) -> dict[str, Any]:
    if obj is None:
        return {"labels": {}, "spec": {}, "conditions": []}
    return {
        "labels": obj["metadata"].get("labels") or {},
        "spec": obj.get("spec") or {},
        "conditions": conditions(obj),
    }


def _fabric(obj: Object | None) -> str:
    return fabric_of(obj) if obj else ""


def _reason(result: ApplyResult) -> str:
    """Why the object is written, or in check mode would be."""
    return change_reason(result.diff[0]["before"], result.diff[0]["after"]) if result.changed else ""
