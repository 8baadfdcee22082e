# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What playbook plan shows: of the inventory alone, and with what the clusters say."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.filter.plan_report import FilterModule
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.callers import selector_text
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.plan import Plan
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.plan_report import report

Data = dict[str, Any]
Planned = Callable[[Data], Plan]

UNCHANGED: Data = {"gateway": {}, "mesh": {"created": [], "updated": [], "deleted": []}}


def ref(kind: str, name: str, namespace: str = "shop") -> Data:
    return {"kind": kind, "name": name, "namespace": namespace}


@pytest.fixture
def compiled(declare: Callable[..., Data], web: Data, plan: Planned) -> Data:
    """The plan of service default/web, which is in east and west, and called from north."""
    return plan(declare(services=[web])).as_dict()


def test_it_says_without_a_cluster_what_is_declared_and_who_may_call(compiled: Data) -> None:
    said = report(compiled)
    assert (said["online"], said["changed"], said["clusters"], said["problems"]) == (False, False, {}, [])
    assert [(each["source"], each["target"]) for each in said["links"]] == [("north", "east"), ("north", "west")]
    assert [each["cluster"] for each in said["exports"]] == ["east", "west"]
    assert said["imports"] == [
        {
            "cluster": "north",
            "service": "default/web",
            "port": 80,
            "sources": ["east", "west"],
            "lb_scheme": "round-robin",
        }
    ]
    call = {"cluster": "north", "service": "default/web", "port": 80}
    assert said["callers"] == [{**call, "caller": "app=frontend", "reaches": ["east", "west"]}]
    assert "north  default/web  80    app=frontend  east, west" in said["table"]
    assert said["table"][-1] == "Fabric demo declares 3 clusters, 2 links, 2 exports, 1 import. No cluster was asked."


def test_a_service_that_nobody_may_call_says_so(declare: Callable[..., Data], web: Data, plan: Planned) -> None:
    said = report(plan(declare(services=[{**web, "allow": []}])).as_dict())
    assert [(each["caller"], each["reaches"]) for each in said["callers"]] == [("nobody", [])]


def test_what_a_policy_denies_is_not_reached(declare: Callable[..., Data], web: Data, plan: Planned) -> None:
    deny = {"name": "no-east", "tier": "privileged", "action": "deny", "from": [{}], "to": [{"peers": ["east"]}]}
    said = report(plan(declare(services=[web], policies=[deny])).as_dict())
    assert [each["reaches"] for each in said["callers"]] == [["west"]]
    (row,) = [each for each in said["policies"] if each["policy"] == "no-east"]
    assert (row["tier"], row["action"], row["from"], row["to"]) == ("privileged", "deny", ["every pod"], ["peer=east"])
    assert row["clusters"] == ["east", "north", "west"]


@pytest.mark.parametrize(
    ("operator", "values", "text"),
    [
        ("In", ["a"], "app=a"),
        ("NotIn", ["a"], "app!=a"),
        ("In", ["b", "a"], "app in (a, b)"),
        ("NotIn", ["a", "b"], "app notin (a, b)"),
        ("Exists", None, "app"),
        ("DoesNotExist", None, "!app"),
    ],
)
def test_a_selector_is_written_as_kubectl_writes_it(operator: str, values: list[str] | None, text: str) -> None:
    requirement = {"key": "client.clusterlink.net/labels.app", "operator": operator, "values": values}
    assert selector_text({"matchExpressions": [requirement]}) == text


def test_a_client_that_only_needs_a_label_is_found(declare: Callable[..., Data], web: Data, plan: Planned) -> None:
    key = {"key": "client.clusterlink.net/labels.app", "operator": "Exists"}
    web["allow"] = [{"from": {"workloadSelector": {"matchExpressions": [key]}}}]
    said = report(plan(declare(services=[web])).as_dict())
    assert [(each["caller"], each["reaches"]) for each in said["callers"]] == [("app", ["east", "west"])]


def test_changes_read_as_a_person_says_them(compiled: Data) -> None:
    mesh = {
        "created": [ref("Import", "web"), ref("Import", "db")],
        "updated": [],
        "deleted": [ref("Peer", "west", "clusterlink-system")],
        "lost": [{"cluster": "", "namespace": "shop", "name": "web", "lost": ["west"], "left": ["east"]}],
        "incomplete": [{**ref("Peer", "east", "clusterlink-system"), "reason": "the gateway address is unknown"}],
    }
    said = FilterModule().filters()["plan_report"](compiled, {"north": {"mesh": mesh}, "east": UNCHANGED})
    assert said["summary"] == ["east: no change", "north: +2 imports, -1 peer: north loses west for shop/web"]
    assert (said["online"], said["changed"], said["problems"]) == (True, True, [])
    assert said["table"][-2:] == said["summary"]
    assert [line.split() for line in said["table"] if line.startswith("north    -")] == [
        ["north", "-", "Peer", "clusterlink-system/west"]
    ]
    assert any("Peer clusterlink-system/east" in line and "waits: the gateway" in line for line in said["table"])
    assert said["clusters"]["north"]["lost"] == mesh["lost"]
    json.dumps({key: value for key, value in said.items() if key not in ("table", "markdown")})


def test_a_new_gateway_is_one_phrase_and_a_changed_one_says_why(compiled: Data) -> None:
    deployment = ref("Deployment", "cl-controlplane", "system")
    new = {"gateway": {"created": [deployment, ref("Secret", "cl-peer", "system")]}, "mesh": UNCHANGED["mesh"]}
    reason = "Deployment system/cl-controlplane: spec.replicas differs"
    changed = {"gateway": {"updated": [deployment], "reasons": [reason]}, "mesh": UNCHANGED["mesh"]}
    said = report(compiled, {"east": new, "west": changed})
    assert said["summary"] == ["east: the gateway is installed", "west: the gateway changes (~1 Deployment)"]
    assert any(line.startswith("west") and line.endswith("spec.replicas differs") for line in said["table"])
    (row,) = [line.split() for line in said["table"] if line.startswith("east     +")]
    assert row == ["east", "+", "gateway", "(2", "objects)", "it", "does", "not", "exist"]


def test_nothing_to_change_is_one_sentence(compiled: Data) -> None:
    said = report(compiled, {"east": UNCHANGED})
    assert (said["changed"], said["table"][-1]) == (False, "Nothing changes.")


def test_a_cluster_that_cannot_be_compared_is_a_row_and_a_problem(compiled: Data) -> None:
    said = report(compiled, {"east": UNCHANGED, "west": {"msg": "https://w: unreachable"}, "north": {}})
    assert said["problems"] == [
        "north cannot be compared: it was not compared",
        "west cannot be compared: https://w: unreachable",
    ]
    assert any(line.split()[:2] == ["west", "?"] and line.endswith("https://w: unreachable") for line in said["table"])
    assert not said["changed"]
    assert "west: not known" in said["summary"]


def test_markdown_has_the_same_tables_and_no_cell_breaks_them(declare: Callable[..., Data], plan: Planned) -> None:
    compiled = plan(declare(fabric="demo")).as_dict()
    said = report(compiled, {"east": {"msg": "a|b\n<c>"}})["markdown"].splitlines()
    assert said[0] == "## Plan of fabric demo"
    assert said[2] == "- east: not known"
    assert said[-3:] == [
        "| Cluster | Action | Object | Reason |",
        "| --- | --- | --- | --- |",
        r"| east | ? | not compared | a\|b; \<c\> |",
    ]
