# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is planned as declared, but said to be perhaps not meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.plan import Plan

Data = dict[str, Any]
Declare = Callable[..., Data]
Planner = Callable[..., Plan]

NOBODY = (
    "Nobody may call {} in north: no policy allows a client. Add clients to the service's allow, or a policy for both "
    "sides."
)
IDLE = {"name": "more", "tier": "privileged", "from": [{}], "to": [{"labels": {"tier": "none"}}]}


def test_a_plain_service_is_no_reason_to_warn(declare: Declare, plan: Planner, web: Data) -> None:
    assert plan(declare(services=[web])).warnings == ()


def test_policy_that_matches_nothing_declared_is_warned_of(declare: Declare, plan: Planner, web: Data) -> None:
    assert plan(declare(services=[web], policies=[IDLE])).warnings == (
        "The policy more of clusterlink_policies matches no declared connection.",
    )
    assert plan(declare(services=[web], east={"access_policies": [IDLE]})).warnings == (
        "The policy more of east matches no declared connection.",
    )


def test_policy_that_some_connection_can_meet_is_not_warned_of(declare: Declare, plan: Planner, web: Data) -> None:
    labelled = {**web, "labels": {"tier": "none"}}
    assert plan(declare(services=[labelled], policies=[IDLE])).warnings == ()
    for peer, warned in (("north", False), ("west", True)):
        policy = {**IDLE, "clusters": ["east"], "from": [{"peers": [peer], "labels": {"app": "x"}}]}
        assert bool(plan(declare(services=[labelled], policies=[policy])).warnings) == warned


def test_privileged_deny_may_stand_idle(declare: Declare, plan: Planner, web: Data) -> None:
    assert plan(declare(services=[web], policies=[{**IDLE, "action": "deny"}])).warnings == ()


def test_nothing_is_said_of_policies_when_peers_outside_the_inventory_may_meet_them(
    declare: Declare, plan: Planner, web: Data
) -> None:
    far = {"name": "far", "host": "192.0.2.1", "port": 443}
    assert plan(declare(services=[web], policies=[IDLE], north={"peers": [far]})).warnings == ()


def test_export_into_which_imports_are_merged_is_warned_of(declare: Declare, plan: Planner, web: Data) -> None:
    (warning,) = plan(declare(services=[{**web, "imported_by": ["north", "west"], "merge": ["west"]}])).warnings
    assert warning.startswith("west exports default/web and merges imports into the same Service")


def test_own_import_at_another_port_than_its_export_is_warned_of(declare: Declare, plan: Planner) -> None:
    planned = plan(
        declare(
            east={"exports": [{"name": "db", "port": 5432}]},
            north={"imports": [{"name": "db", "port": 3306, "sources": [{"peer": "east"}]}]},
        )
    )
    assert planned.warnings == (
        NOBODY.format("default/db"),
        "north imports default/db with port 3306, and east exports default/db with port 5432.",
    )


@pytest.mark.parametrize(
    "service",
    [
        {"service": "webb"},
        {"service": ["webb"], "namespace": "default"},
        {"workloadSelector": {"matchLabels": {"export.clusterlink.net/name": "webb"}}},
    ],
)
@pytest.mark.parametrize("owner", ["clusterlink_policies", "east"])
def test_policy_on_a_service_that_nobody_exports_here_is_warned_of(
    declare: Declare, plan: Planner, web: Data, service: Data, owner: str
) -> None:
    """Others may export it without this collection, who are not those that write policies."""
    policy = {"name": "more", "namespace": "default", "from": [{}], "to": [service]}
    own: Data = {"policies": [policy]} if owner == "clusterlink_policies" else {"east": {"access_policies": [policy]}}
    planned = plan(declare(services=[web], **own))
    named = "default/webb" if "namespace" in service else "webb"
    (warning,) = planned.warnings
    assert warning == (
        f"The policy default/more of {owner} names the service {named}, which no cluster exports here. "
        "Perhaps web is meant."
    )
    assert "more" in {each["metadata"]["name"] for each in planned.peers["east"].objects}


def test_policy_on_all_services_but_one_names_none(declare: Declare, plan: Planner, web: Data) -> None:
    other = {"key": "export.clusterlink.net/name", "operator": "NotIn", "values": ["web"]}
    policy = {**IDLE, "to": [{"workloadSelector": {"matchExpressions": [other]}}]}
    (warning,) = plan(declare(services=[web], policies=[policy])).warnings
    assert "matches no declared connection" in warning


@pytest.mark.parametrize(("key", "meant"), [("peer", "peers"), ("namspace", "namespace"), ("label", "labels")])
def test_label_that_may_be_a_key_is_warned_of(declare: Declare, plan: Planner, web: Data, key: str, meant: str) -> None:
    (warning,) = plan(declare(services=[{**web, "allow": [{"from": {key: "north"}}]}])).warnings
    assert warning == (
        f"clusterlink_services[0].allow[0].from.{key} (default/web): selects pods by a label of that name. "
        f"Perhaps {meant} is meant."
    )
    spelt_out = {**web, "allow": [{"from": {"labels": {key: "north"}}}]}
    assert plan(declare(services=[spelt_out])).warnings == ()


ALLOWED = {"name": "some", "namespace": "default", "from": [{"labels": {"app": "x"}}], "to": [{"service": "web"}]}


def test_service_that_nobody_may_call_is_warned_of(declare: Declare, plan: Planner, web: Data) -> None:
    closed = {**web, "allow": [], "imported_by": ["north"], "exported_by": ["east"]}
    nobody = NOBODY.format("default/web")
    assert plan(declare(services=[closed])).warnings == (nobody,)
    assert plan(declare(services=[closed], policies=[ALLOWED])).warnings == ()
    one_side = {**ALLOWED, "clusters": ["north"]}
    assert plan(declare(services=[closed], policies=[one_side])).warnings == (nobody,)
    assert plan(declare(services=[{**closed, "imported_by": []}])).warnings == ()
