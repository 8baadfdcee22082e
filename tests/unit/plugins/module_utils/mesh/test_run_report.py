# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.mesh.run_report import report

LONG = "another run works on the fabric " * 4
LOCKED = {"fabric_locked": {"failed": True, "msg": LONG}}
WEB = {"kind": "Import", "name": "web", "namespace": "shop"}
GOOD: dict[str, Any] = {
    "gateway_result": {"created": [], "changed": False},
    "mesh_result": {
        "created": [WEB],
        "changed": True,
        "incomplete": [{"kind": "Peer", "name": "west", "namespace": "system", "reason": "no address yet"}],
    },
    "verify_result": {"results": [{"name": "web", "ok": True}]},
}


def said(clusters: dict[str, dict[str, Any]], *left: str) -> dict[str, Any]:
    return report(clusters, set(clusters) - {*left})


def test_a_run_without_a_failure_says_what_it_did() -> None:
    found = said({"north": GOOD}, "north")
    assert (found["failed"], found["run"]) == ([], {"changed": ["north"], "failed": [], "waiting": ["north"]})
    north = found["clusters"]["north"]
    assert (north["failed"], north["error"], north["changed"]) == (False, "", True)
    assert (north["summary"], north["answers"]) == ("north: +1 import", [{"name": "web", "ok": True}])
    assert found["lines"] == ["CLUSTER  WAITS             REASON", "north    Peer system/west  no address yet"]


@pytest.mark.parametrize("name", ["gateway_result", "gateway_certificate_result", "mesh_result", "link_result"])
def test_a_cluster_that_any_task_wrote_to_has_changed(name: str) -> None:
    assert said({"east": {name: {"changed": True}}}, "east")["run"]["changed"] == ["east"]


@pytest.mark.parametrize("name", ["certificates_found", "drift_found", "plan_found", "show_info"])
def test_a_cluster_that_a_report_cannot_read_has_failed_for_a_workflow(name: str) -> None:
    found = said({"east": {name: {"msg": "no answer"}}, "west": {name: {"msg": ""}}}, "east", "west")
    assert (found["run"]["failed"], found["lines"]) == (["east"], [])


def test_one_cause_of_several_clusters_is_said_once() -> None:
    found = said({"east": LOCKED, "west": LOCKED, "north": GOOD}, "north")
    assert found["failed"] == ["east", "west"]
    assert found["lines"][:5] == [
        "FAILED                             REASON",
        "east failed and is not up to date  [1]",
        "west failed and is not up to date  [1]",
        f"[1] {LONG.strip()}",
        "Run the playbook again.",
    ]


def test_the_first_failure_is_the_cause_and_an_earlier_success_is_none() -> None:
    variables = {**GOOD, "mesh_result": {"failed": True, "msg": "a conflict"}, "verify_result": {"msg": "later"}}
    assert said({"north": variables})["clusters"]["north"]["error"] == "a conflict"
    silent = {"verify_result": {"failed": True, "msg": ["web does not answer", "east: no fault"]}}
    assert said({"north": silent})["clusters"]["north"]["error"] == "web does not answer; east: no fault"
    assert said({"north": {}})["clusters"]["north"]["error"] == "see the failed task above"


def test_a_link_that_is_refused_is_the_cause_and_a_side_that_is_written_is_no_failure() -> None:
    refused = {"link_refused": {"failed": True, "msg": "the target is unreachable\nNothing was written"}}
    clusters = said({"east": refused, "west": refused})["clusters"]
    assert [each["error"] for each in clusters.values()] == ["the target is unreachable; Nothing was written"] * 2
    skipped = {"link_refused": {"skipped": True, "msg": ""}}
    sides = {"east": {"changed": True}, "west": {"failed": True, "msg": "west is unreachable"}}
    found = said({host: {**skipped, "link_result": side} for host, side in sides.items()}, "east")
    assert (found["run"]["changed"], found["run"]["failed"]) == (["east"], ["west"])
    assert found["clusters"]["west"]["error"] == "west is unreachable"
