# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster's resources of a fabric as plain data. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..clusterlink import api
from ..clusterlink.ownership import fabric_of
from ..common.types import Object

View = Mapping[str, Any]

NOT_SEEN = "no gateway has reported its status"
NO_HEARTBEAT = "its gateway has not answered a heartbeat"


def peer_view(peer: Object) -> dict[str, Any]:
    """A Peer: its gateways' addresses, and whether they are reachable."""
    state = ready_state(peer)
    return {
        **_common(peer),
        "gateways": [dict(gateway) for gateway in peer["spec"].get("gateways") or []],
        "peer_labels": dict((peer.get("status") or {}).get("labels") or {}),
        "reachable": state.pop("ready"),
        **state,
    }


def export_view(export: Object) -> dict[str, Any]:
    """An Export: its Service or host, and whether it is valid."""
    spec, state = export.get("spec") or {}, ready_state(export)
    return {
        **_common(export),
        "host": spec.get("host", ""),
        "port": spec.get("port", 0),
        "valid": state.pop("ready"),
        **state,
    }


def import_view(import_: Object) -> dict[str, Any]:
    """An Import: its sources, and whether it is valid."""
    spec, state = import_["spec"], ready_state(import_)
    common = _common(import_)
    return {
        **common,
        "port": spec["port"],
        "target_port": spec.get("targetPort", 0),
        "sources": [
            {"peer": each["peer"], "export_name": each["exportName"], "export_namespace": each["exportNamespace"]}
            for each in spec.get("sources") or []
        ],
        "lb_scheme": spec.get("lbScheme", ""),
        "merge": common["labels"].get(api.MERGE_LABEL) == "true",
        "valid": state.pop("ready"),
        **state,
    }


def policy_view(policy: Object) -> dict[str, Any]:
    """An access policy of either tier, with its selectors as Kubernetes label selectors."""
    spec = policy.get("spec") or {}
    return {
        "tier": "namespaced" if policy["kind"] == "AccessPolicy" else "privileged",
        **_common(policy),
        "action": spec.get("action", ""),
        "from": [each.get("workloadSelector") or {} for each in spec.get("from") or []],
        "to": [each.get("workloadSelector") or {} for each in spec.get("to") or []],
    }


def ready_state(obj: Object) -> dict[str, Any]:
    """Whether all conditions of an object are true: C(ready), C(since), C(reason) and C(message).

    Reason and message are those of the first condition that is not true; C(since) is the time of the last change.
    """
    conditions = {each["type"]: each for each in (obj.get("status") or {}).get("conditions") or []}
    wanted = api.READY_CONDITIONS[obj["kind"]]
    found = [conditions[name] for name in wanted if name in conditions]
    since = max((each.get("lastTransitionTime", "") for each in found), default="")
    for name in wanted:
        condition = conditions.get(name) or {}
        if condition.get("status") != "True":
            missing = NO_HEARTBEAT if name == api.PEER_REACHABLE else f"{name} is not true" if condition else NOT_SEEN
            message = condition.get("message") or missing
            return {"ready": False, "since": since, "reason": condition.get("reason", ""), "message": message}
    reason = found[-1].get("reason", "") if found else ""
    return {"ready": True, "since": since, "reason": reason, "message": ""}


def faults(
    peers: Sequence[View], exports: Sequence[View], imports: Sequence[View], policies: Sequence[View]
) -> list[str]:
    """The faults, each as a sentence without a full stop.

    Args:
        peers: The results of C(peer_view).
        exports: The results of C(export_view).
        imports: The results of C(import_view).
        policies: The results of C(policy_view).
    """
    known = {peer["name"] for peer in peers}
    found = [f"Peer {each['name']} is not reachable: {each['message']}" for each in peers if not each["reachable"]]
    for kind, objects in (("Export", exports), ("Import", imports)):
        found += [
            f"{kind} {each['namespace']}/{each['name']} is not valid: {each['message']}"
            for each in objects
            if not each["valid"]
        ]
    for each in imports:
        missing = sorted({source["peer"] for source in each["sources"]} - known)
        found += [
            f"Import {each['namespace']}/{each['name']} has the source {peer}, and that Peer does not exist: "
            "connections to this source fail"
            for peer in missing
        ]
    if (exports or imports) and not policies:
        found.append("there is no access policy, so every connection is denied")
    return found


def _common(obj: Object) -> dict[str, Any]:
    metadata = obj["metadata"]
    return {
        "name": metadata["name"],
        "namespace": metadata.get("namespace", ""),
        "labels": dict(metadata.get("labels") or {}),
        "fabric": fabric_of(obj),
    }
