# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plain data of a cluster's objects."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.mesh.fabric_view import (
    export_view,
    faults,
    import_view,
    peer_view,
    ready_state,
)


def condition(name: str, status: str, message: str = "", since: str = "2025-01-31T12:00:00Z") -> dict[str, str]:
    return {"type": name, "status": status, "reason": "R", "message": message, "lastTransitionTime": since}


def obj(kind: str, *conditions: dict[str, str], **spec: Any) -> dict[str, Any]:
    metadata = {"name": "web", "namespace": "shop"}
    return {"kind": kind, "metadata": metadata, "spec": spec, "status": {"conditions": list(conditions)}}


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (obj("Peer"), "its gateway has not answered a heartbeat"),
        (obj("Peer", condition("PeerReachable", "False")), "its gateway has not answered a heartbeat"),
        (obj("Peer", condition("PeerReachable", "True")), ""),
        (obj("Export"), "no gateway has reported its status"),
        (obj("Export", condition("ExportValid", "False", "no such service")), "no such service"),
        (obj("Import", condition("ImportTargetPortValid", "True")), "no gateway has reported its status"),
        (
            obj("Import", condition("ImportTargetPortValid", "False"), condition("ImportServiceValid", "True")),
            "ImportTargetPortValid is not true",
        ),
        (obj("Import", condition("ImportTargetPortValid", "True"), condition("ImportServiceValid", "True")), ""),
        ({"kind": "AccessPolicy", "metadata": {"name": "p"}}, ""),
    ],
)
def test_object_is_ready_when_every_condition_of_its_kind_is_true(thing: dict[str, Any], message: str) -> None:
    state = ready_state(thing)
    assert (state["ready"], state["message"]) == (not message, message)


def test_since_is_the_last_change() -> None:
    older = condition("ImportTargetPortValid", "True", since="2024-01-01T00:00:00Z")
    newer = condition("ImportServiceValid", "True", since="2025-01-01T00:00:00Z")
    assert ready_state(obj("Import", older, newer))["since"] == "2025-01-01T00:00:00Z"


def test_label_that_is_not_the_collections_makes_no_fabric() -> None:
    peer = obj("Peer", gateways=[])
    peer["metadata"]["labels"] = {"skyshift.clusterlink/fabric": "demo"}
    assert peer_view(peer)["fabric"] == ""
    peer["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "skyshift.clusterlink"
    assert peer_view(peer)["fabric"] == "demo"


def test_nothing_is_at_fault_when_all_is_well() -> None:
    peer = peer_view(obj("Peer", condition("PeerReachable", "True")))
    export = export_view(obj("Export", condition("ExportValid", "True"), port=80))
    assert faults([peer], [export], [], [{"name": "allow"}]) == []
    assert faults([], [], [], []) == []


def test_source_without_a_peer_and_missing_policies_are_faults() -> None:
    valid = (condition("ImportTargetPortValid", "True"), condition("ImportServiceValid", "True"))
    source = {"peer": "east", "exportName": "web", "exportNamespace": "shop"}
    found = faults([], [], [import_view(obj("Import", *valid, port=80, sources=[source]))], [])
    assert [line.split(":")[0] for line in found] == [
        "Import shop/web has the source east, and that Peer does not exist",
        "there is no access policy, so every connection is denied",
    ]
