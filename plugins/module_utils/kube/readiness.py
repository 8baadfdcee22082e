# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an object is ready, as far as its own status says. Pure.

Conditions without an observedGeneration (ClusterLink v0.4.1 sets none, pkg/controlplane/control) may still describe the
object before its latest change: see C(Kind.settle).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..common.kinds import KINDS

Judge = Callable[["Mapping[str, Any] | None"], str]
"""The reason why an object, or None when it does not exist, is not in the desired state; empty when it is."""


def unready(obj: Mapping[str, Any] | None) -> str:
    """The reason why the object is not ready; empty when it is, and for a kind whose status does not show readiness."""
    if obj is None:
        return "it does not exist"
    return _rollout(obj) if obj["kind"] == "Deployment" else _conditions(obj, KINDS[obj["kind"]].conditions)


def still_there(obj: Mapping[str, Any] | None) -> str:
    """The reason why a deleted object still exists; empty when it is gone."""
    if obj is None:
        return ""
    finalizers = obj["metadata"].get("finalizers") or []
    return f"it still exists, held by {', '.join(finalizers)}" if finalizers else "it still exists"


def conditions(obj: Mapping[str, Any]) -> list[dict[str, str]]:
    """An object's conditions: type, status, reason and message."""
    return [
        {key: str(condition.get(key, "")) for key in ("type", "status", "reason", "message")}
        for condition in (obj.get("status") or {}).get("conditions") or []
    ]


def _conditions(obj: Mapping[str, Any], types: tuple[str, ...]) -> str:
    found = {condition["type"]: condition for condition in conditions(obj)}
    reasons = []
    for name in types:
        condition = found.get(name)
        if condition is None:
            reasons.append(f"no condition {name} yet")
        elif condition["status"] != "True":
            reasons.append(_described(condition))
    return "; ".join(reasons)


def _described(condition: Mapping[str, str]) -> str:
    because = ", ".join(part for part in (condition["reason"], condition["message"]) if part)
    return f"{condition['type']} is {condition['status']}" + (f" ({because})" if because else "")


def _rollout(obj: Mapping[str, Any]) -> str:
    """As C(kubectl rollout status) decides; all desired pods must be available."""
    status = obj.get("status") or {}
    wanted = obj["spec"].get("replicas", 1)
    if status.get("observedGeneration", 0) < obj["metadata"].get("generation", 0):
        return "its controller has not observed the change yet"
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    old = status.get("replicas", 0) - updated
    if updated >= wanted and available >= wanted and old <= 0:
        return ""
    state = f"{updated} of {wanted} pods are up to date, {available} available, {old} old ones remain"
    failed = [
        _described(condition)
        for condition in conditions(obj)
        if (condition["type"], condition["status"]) in {("ReplicaFailure", "True"), ("Progressing", "False")}
    ]
    return "; ".join([state, *failed])
