# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.readiness import still_there, unready


def condition(name: str, status: str = "True", reason: str = "", message: str = "") -> dict[str, str]:
    return {"type": name, "status": status, "reason": reason, "message": message}


def with_conditions(kind: str, *conditions: dict[str, str]) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": "x"}, "status": {"conditions": list(conditions)}}


def deployment(**status: Any) -> dict[str, Any]:
    complete = {"observedGeneration": 4, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
    return {
        "kind": "Deployment",
        "metadata": {"name": "d", "generation": 4},
        "spec": {"replicas": 2},
        "status": {**complete, **status},
    }


@pytest.mark.parametrize(
    ("obj", "reason"),
    [
        (None, "it does not exist"),
        ({"kind": "Peer", "metadata": {"name": "x"}}, "no condition PeerReachable yet"),
        (with_conditions("Peer", condition("PeerReachable")), ""),
        (
            with_conditions("Peer", condition("PeerReachable", "False", "Heartbeat", "refused")),
            "PeerReachable is False (Heartbeat, refused)",
        ),
        (with_conditions("Export", condition("ExportValid", "Unknown")), "ExportValid is Unknown"),
        (
            with_conditions("Import", condition("ImportTargetPortValid")),
            "no condition ImportServiceValid yet",
        ),
        (with_conditions("Import", condition("ImportTargetPortValid"), condition("ImportServiceValid")), ""),
        ({"kind": "AccessPolicy", "metadata": {"name": "x"}}, ""),
        ({"kind": "ConfigMap", "metadata": {"name": "x"}}, ""),
        (with_conditions("CustomResourceDefinition", condition("NamesAccepted")), "no condition Established yet"),
        (with_conditions("CustomResourceDefinition", condition("Established")), ""),
    ],
)
def test_object_is_ready_when_its_own_conditions_say_so(obj: dict[str, Any] | None, reason: str) -> None:
    assert unready(obj) == reason


def test_complete_rollout_is_ready() -> None:
    assert unready(deployment()) == ""


def test_deployment_without_pods_is_ready_when_none_are_wanted() -> None:
    none = deployment()
    none["spec"]["replicas"] = 0
    none["status"] = {"observedGeneration": 4}
    assert unready(none) == ""


@pytest.mark.parametrize(
    "status",
    [
        {"observedGeneration": 3},
        {"updatedReplicas": 1},
        {"availableReplicas": 1},
        {"replicas": 3},  # an old pod is left
    ],
)
def test_unfinished_rollout_is_not_ready(status: dict[str, int]) -> None:
    assert unready(deployment(**status))


def test_rollout_that_cannot_go_on_says_why() -> None:
    said = condition("ReplicaFailure", "True", "FailedCreate", "violates PodSecurity")
    reason = unready(deployment(updatedReplicas=0, availableReplicas=0, replicas=0, conditions=[said]))
    assert reason == (
        "0 of 2 pods are up to date, 0 available, 0 old ones remain; "
        "ReplicaFailure is True (FailedCreate, violates PodSecurity)"
    )


def test_what_holds_a_removed_object_is_named() -> None:
    assert still_there(None) == ""
    assert still_there({"metadata": {}}) == "it still exists"
    assert still_there({"metadata": {"finalizers": ["a/b", "c"]}}) == "it still exists, held by a/b, c"
