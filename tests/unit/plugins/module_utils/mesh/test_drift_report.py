# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

from ansible_collections.skyshift.clusterlink.plugins.filter.drift_report import FilterModule
from ansible_collections.skyshift.clusterlink.plugins.module_utils.mesh.drift_report import report

GITOPS = {"manager": "gitops", "operation": "Apply", "time": "2026-01-02T00:00:00Z"}
OURSELVES = {"manager": "skyshift.clusterlink", "operation": "Apply", "time": "2026-01-03T00:00:00Z"}


def finding(drift: str = "changed", **more: Any) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "name": "cl-dataplane",
        "namespace": "system",
        "drift": drift,
        "before": {"spec": {"replicas": 5}},
        "after": {"spec": {"replicas": 1}},
        "by": [GITOPS],
        "conflict": True,
        **more,
    }


def test_a_finding_says_what_by_whom_when_and_which_fields() -> None:
    said = report({"east": {"drift": [finding()]}, "west": {"drift": []}})
    assert said["drifted"]
    assert said["clusters"]["west"] == {"read": True, "error": "", "drift": [], "incomplete": []}
    assert said["clusters"]["east"]["drift"] == [finding()]
    assert said["table"] == [
        "CLUSTER  OBJECT                          DRIFT               BY      WHEN                  FIELDS",
        "east     Deployment system/cl-dataplane  changed (conflict)  gitops  2026-01-02T00:00:00Z  spec.replicas",
    ]
    [problem] = said["problems"]
    assert problem == (
        "east: Deployment system/cl-dataplane is changed by gitops (spec.replicas); a run reverts it only with "
        "clusterlink_force_conflicts"
    )


def test_nothing_is_said_of_a_fabric_that_is_as_declared() -> None:
    said = FilterModule().filters()["drift_report"]({"east": {"drift": [], "msg": ""}})
    assert (said["drifted"], said["table"], said["problems"]) == (False, [], [])


def test_a_cluster_that_cannot_be_read_is_a_problem_and_no_drift() -> None:
    said = report({"east": {"drift": [], "msg": "https://x: away\nCheck it"}, "west": {}})
    assert not said["drifted"]
    error = "https://x: away; Check it"
    assert said["clusters"]["east"] == {"read": False, "error": error, "drift": [], "incomplete": []}
    assert said["table"][1:] == [
        "east             not compared            https://x: away; Check it",
        "west             not compared            it was not read",
    ]
    assert said["problems"] == [
        "east cannot be compared: https://x: away; Check it",
        "west cannot be compared: it was not read",
    ]


def test_who_is_not_known_and_who_is_ourselves_is_said() -> None:
    missing = finding("missing", by=[], before={}, conflict=False)
    earlier = finding(by=[OURSELVES], conflict=False)
    both = finding(by=[OURSELVES, GITOPS])
    said = report({"east": {"drift": [missing, earlier, both]}})
    assert [line[61:].split("  ")[0] for line in said["table"][1:]] == [
        "unknown",
        "skyshift.clusterlink, from an earlier declaration",
        "gitops",
    ]
    assert said["problems"][0] == "east: Deployment system/cl-dataplane is missing"
    assert "2026-01-02" in said["table"][3]


def test_many_fields_are_counted() -> None:
    fields = {f"f{number}": number for number in range(5)}
    [problem] = report({"east": {"drift": [finding(before=fields, after=fields, conflict=False)]}})["problems"]
    assert problem.endswith("(f0, f1, f2 and 2 more)")


def test_what_waits_for_a_cluster_that_is_unreachable_is_named_and_no_drift() -> None:
    incomplete = {"kind": "Peer", "name": "west", "namespace": "system", "reason": "its gateway has no address yet"}
    said = report({"east": {"drift": [], "incomplete": [incomplete]}})
    assert (said["drifted"], said["problems"]) == (False, [])
    assert said["clusters"]["east"]["incomplete"] == [incomplete]
    assert " ".join(said["table"][1].split()) == "east Peer system/west not compared its gateway has no address yet"


def test_the_summary_names_the_clusters_and_repeats_no_line_of_the_table() -> None:
    found = {"east": {"drift": [finding(), finding()]}, "north": {"drift": []}, "west": {"drift": [], "msg": "away"}}
    assert report(found)["summary"] == "east drifted; west cannot be compared. The table says why"
    assert report({"north": {"drift": []}})["summary"] == ""
