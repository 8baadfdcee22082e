# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Likely typos in the C(from) of rules and policies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.plan import Plan
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.typos import is_slip

Data = dict[str, Any]
Declare = Callable[..., Data]
Planner = Callable[..., Plan]

GUARD = {"name": "guard", "tier": "privileged", "action": "deny", "to": [{}]}


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("frontend", "fronted"),
        ("frontend", "frontned"),
        ("frontend", "frontemd"),
        ("frontend", "Frontend"),
        ("shop-frontend", "shop-frotend"),
        ("asia", "Asia"),
        ("order", "orders"),
        ("frontend", "rfontend"),
        ("wets", "west"),
    ],
)
def test_a_slip_is_one(one: str, two: str) -> None:
    assert [is_slip(one, two), is_slip(two, one)] == [True, True]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("web", "wet"),
        ("east", "easts"),
        ("reader", "leader"),
        ("client-a", "client-b"),
        ("tier1", "tier2"),
        ("frontend", "frontend"),
        ("frontend", "frontend-2"),
        ("east-frontend", "west-frontend"),
        ("frontend", "backend"),
        ("product", "products-x"),
        ("abcdefghi", "acbdefgih"),
    ],
)
def test_two_names_are_no_slip(one: str, two: str) -> None:
    assert [is_slip(one, two), is_slip(two, one)] == [False, False]


@pytest.mark.parametrize(
    ("clients", "wrong", "right"),
    [
        ({"app": "fronted"}, "label app=fronted", "the service default/web by the label app=frontend"),
        ({"labels": {"App": "frontend"}}, "label App", "the service default/web by the label app"),
        ({"namespace": "defualt"}, "namespace defualt", "east has the namespace default"),
    ],
)
def test_a_rule_that_nearly_names_what_there_is_is_warned_of(
    declare: Declare, plan: Planner, clients: Data, wrong: str, right: str
) -> None:
    web = {"namespace": "default", "port": 80, "exported_by": ["east"], "imported_by": ["north"]}
    services = [{**web, "name": "web", "allow": [{"from": {"app": "frontend"}}]}]
    services.append({**web, "name": "api", "allow": [{"from": clients}]})
    assert plan(declare(services=services)).warnings == (
        f"The service default/api selects clients by the {wrong}, and {right}. Perhaps the same is meant.",
    )


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"region": "wets-europa"}, ("region=wets-europa", "region=west-europa")),
        ({"regoin": "west-europa"}, ("regoin", "region")),
    ],
)
def test_a_policy_that_nearly_names_a_clusters_label_is_warned_of(
    declare: Declare, plan: Planner, web: Data, labels: Data, said: tuple[str, str]
) -> None:
    policy = {**GUARD, "from": [{"peer_labels": labels}]}
    expected = (
        f"The policy guard selects clients by the peer label {said[0]}, and north has the peer label {said[1]}. "
        "Perhaps the same is meant."
    )
    host: Data = {"labels": {"region": "west-europa"}}
    assert plan(declare(services=[web], north=host, policies=[policy])).warnings == (expected,)
    assert plan(declare(services=[web], north=host, east={"access_policies": [policy]})).warnings == (expected,)


def test_names_that_the_clusters_have_are_meant(declare: Declare, plan: Planner, web: Data) -> None:
    hosts: Data = {"north": {"labels": {"region": "center"}}, "west": {"labels": {"region": "centers"}}}
    policies = [{**GUARD, "from": [{"peer_labels": {"region": "center"}}, {"peer_labels": {"region": "centers"}}]}]
    assert plan(declare(services=[web], policies=policies, **hosts)).warnings == ()
    other = {**web, "namespace": "defaults", "allow": [{"from": {"namespace": "default"}}]}
    assert plan(declare(services=[web, other])).warnings == ()


def test_names_that_a_rule_lists_are_meant(declare: Declare, plan: Planner, web: Data) -> None:
    assert plan(declare(services=[{**web, "allow": [{"from": {"app": ["order", "orders"]}}]}])).warnings == ()
