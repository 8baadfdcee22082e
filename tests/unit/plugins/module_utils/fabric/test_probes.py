# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan says of how its imports can be tried."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.plan import Plan

Data = dict[str, Any]
Declare = Callable[..., Data]
Planner = Callable[..., Plan]


def probe(plan: Plan, host: str = "north") -> Data:
    (each,) = plan.as_dict()["peers"][host]["probes"]
    result: Data = each
    return result


def test_probe_of_a_service_is_made_by_a_pod_that_its_rule_names(declare: Declare, plan: Planner, web: Data) -> None:
    settings = {"scheme": "https", "path": "/healthz", "contains": "ok"}
    allow = [
        {"from": {"labels": {"app": "frontend", "tier": ["b", "a"]}, "namespace": "shop", "service_account": "robot"}}
    ]
    assert probe(plan(declare(services=[{**web, "allow": allow, "probe": settings}]))) == {
        "name": "web",
        "namespace": "default",
        "port": 80,
        "sources": ["east", "west"],
        "scheme": "https",
        "path": "/healthz",
        "contains": "ok",
        "client": {"namespace": "shop", "service_account": "robot", "labels": {"app": "frontend", "tier": "a"}},
    }


@pytest.mark.parametrize(("settings", "scheme"), [({}, "auto"), ({"path": "/x"}, "http"), ({"contains": "x"}, "http")])
def test_protocol_need_not_be_named(declare: Declare, plan: Planner, web: Data, settings: Data, scheme: str) -> None:
    assert probe(plan(declare(services=[{**web, "probe": settings}])))["scheme"] == scheme


def test_probe_of_what_everyone_may_use_is_made_in_the_namespace_of_the_import(
    declare: Declare, plan: Planner, web: Data
) -> None:
    found = probe(plan(declare(services=[{**web, "allow": [{"from": {}}], "import_as": {"namespace": "remote"}}])))
    assert found["client"] == {"namespace": "remote", "service_account": "default", "labels": {}}


def test_probe_skips_a_client_that_a_privileged_policy_denies(declare: Declare, plan: Planner, web: Data) -> None:
    allow = [{"from": {"app": "a"}}, {"from": {"app": "b"}}]
    guard = {"name": "no-a", "tier": "privileged", "action": "deny", "from": [{"labels": {"app": "a"}}], "to": [{}]}
    planned = plan(declare(services=[{**web, "allow": allow}], policies=[{**guard, "clusters": ["east"]}]))
    assert probe(planned)["client"]["labels"] == {"app": "b"}


def test_probe_expects_only_the_sources_that_let_its_client_through(declare: Declare, plan: Planner, web: Data) -> None:
    guard = {"name": "closed", "tier": "privileged", "action": "deny", "from": [{}], "to": [{}], "clusters": ["east"]}
    assert probe(plan(declare(services=[web], policies=[guard])))["sources"] == ["west"]


def test_probe_has_no_client_when_everything_is_denied(declare: Declare, plan: Planner, web: Data) -> None:
    guard = {"name": "closed", "tier": "privileged", "action": "deny", "from": [{}], "to": [{}]}
    found = probe(plan(declare(services=[web], policies=[guard])))
    assert (found["client"], found["sources"]) == (None, ["east", "west"])


def test_probe_of_an_own_import_finds_its_client_in_the_policies(declare: Declare, plan: Planner) -> None:
    rule = {"name": "db", "namespace": "default", "from": [{"labels": {"app": "x"}}], "to": [{"service": "db"}]}
    imported = {"name": "db", "port": 1, "sources": [{"peer": "east"}], "probe": {"scheme": "tcp"}}
    planned = plan(
        declare(
            east={"exports": [{"name": "db", "port": 1}], "access_policies": [rule]},
            north={"imports": [imported], "access_policies": [rule]},
        )
    )
    assert probe(planned)["client"]["labels"] == {"app": "x"}
    assert probe(planned)["scheme"] == "tcp"
