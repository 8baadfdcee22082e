# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is planned as declared, but said to be perhaps not meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.plan import Plan

Data = dict[str, Any]
Declare = Callable[..., Data]
Planner = Callable[..., Plan]

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
    assert planned.warnings == ("north imports default/db with port 3306, and east exports default/db with port 5432.",)
