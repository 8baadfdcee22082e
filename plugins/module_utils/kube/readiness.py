# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an object works, as far as its own status says. Pure.

ClusterLink v0.4.1 sets no observedGeneration in its conditions (pkg/controlplane/control), so a condition that was true
before a change says nothing about what was changed: see C(wait.SETTLE).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..clusterlink.api import READY_CONDITIONS

Judge = Callable[["Mapping[str, Any] | None"], str]
"""Says why an object, or None when it is not there, is not as waited for; nothing when it is."""

HINTS = {
    "Peer": "Check that its gateway runs, that the address can be reached from this cluster, "
    "and that both certificates are of one fabric",
    "Export": "Check that its Service exists",
    "Import": "Check that no other Service has its name",
    "Deployment": "Look at its pods with kubectl describe and kubectl logs",
}
"""What to do about an object of a kind that is not ready."""


def unready(obj: Mapping[str, Any] | None) -> str:
    """Why the object does not work yet; empty when it does, and for a kind that has no status to tell it by."""
    if obj is None:
        return "it is not there"
    kind = obj["kind"]
    if kind == "Deployment":
        return _rollout(obj)
    if kind == "CustomResourceDefinition":
        return _conditions(obj, ("Established",))
    return _conditions(obj, READY_CONDITIONS.get(kind, ()))


def still_there(obj: Mapping[str, Any] | None) -> str:
    """Why an object that was removed is not gone yet; empty when it is."""
    if obj is None:
        return ""
    finalizers = obj["metadata"].get("finalizers") or []
    return f"it is still there, held by {', '.join(finalizers)}" if finalizers else "it is still there"


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
    """As C(kubectl rollout status) decides, and nothing less than all wanted pods available."""
    status = obj.get("status") or {}
    wanted = obj["spec"].get("replicas", 1)
    if status.get("observedGeneration", 0) < obj["metadata"].get("generation", 0):
        return "the change has not been taken up yet"
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
