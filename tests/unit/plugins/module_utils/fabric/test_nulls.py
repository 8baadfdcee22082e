# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A value that was forgotten in a selector opens nothing: it is refused, with the name of the entry that has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.declaration import parse

Data = dict[str, Any]
Declare = Callable[..., Data]

RAW = {"matchExpressions": [{"key": "client.clusterlink.net/labels.app", "operator": "Exists", "values": None}]}
NULL_CLIENTS: list[tuple[Any, str]] = [
    ({"peers": None}, ".peers"),
    ({"app": None}, ".app"),
    ({"app": "frontend", "tier": None}, ".tier"),
    ({"labels": None}, ".labels"),
    ({"labels": {"app": None}}, ".labels.app"),
    ({"namespace": None}, ".namespace"),
    ({"service_account": None, "labels": {"app": "x"}}, ".service_account"),
    ({"peer_labels": {"region": None}}, ".peer_labels.region"),
    ({"workloadSelector": None}, ".workloadSelector"),
    ({"workloadSelector": {"matchLabels": None}}, ".workloadSelector.matchLabels"),
    (
        {"workloadSelector": {"matchLabels": {"client.clusterlink.net/labels.app": None}}},
        ".workloadSelector.matchLabels.client.clusterlink.net/labels.app",
    ),
    ({"workloadSelector": RAW}, ".workloadSelector.matchExpressions[0].values"),
]


def refused(data: Data) -> list[str]:
    with pytest.raises(ClusterlinkError) as caught:
        parse(data)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({}, ".from (default/web): is required. Name the clients, or write from: {} for every client."),
        ({"from": None}, ".from (default/web): is null. Name the clients, or write from: {} for every client."),
    ],
)
def test_rule_without_clients_is_refused(declare: Declare, web: Data, rule: Data, said: str) -> None:
    allow = [{"from": {"app": "frontend"}}, rule]
    assert refused(declare(services=[{**web, "allow": allow}])) == [f"clusterlink_services[0].allow[1]{said}"]


@pytest.mark.parametrize(("client", "path"), NULL_CLIENTS)
def test_null_in_a_rule_is_refused(declare: Declare, web: Data, client: Data, path: str) -> None:
    (said,) = refused(declare(services=[{**web, "allow": [{"from": client}]}]))
    assert said == (
        f"clusterlink_services[0].allow[0].from{path} (default/web): is null. "
        "Give it a value, or remove the key: a selector without keys, {}, matches everything."
    )


@pytest.mark.parametrize(("client", "path"), [each for each in NULL_CLIENTS if not {"app"} & each[0].keys()])
@pytest.mark.parametrize("variable", ["policies", "access_policies"])
def test_null_in_the_clients_of_a_policy_is_refused(declare: Declare, client: Data, path: str, variable: str) -> None:
    policy = {"name": "p", "tier": "privileged", "from": [{}, client], "to": [{}]}
    own: Data = {"policies": [policy]} if variable == "policies" else {"east": {"access_policies": [policy]}}
    (said,) = refused(declare(**own))
    host = "east: " if variable == "access_policies" else ""
    assert said.startswith(f"{host}clusterlink_{variable}[0].from[1]{path} (p): is null")


@pytest.mark.parametrize("service", [{"service": None}, {"namespace": None}, {"labels": {"tier": None}}])
def test_null_in_the_services_of_a_policy_is_refused(declare: Declare, service: Data) -> None:
    policy = {"name": "p", "tier": "privileged", "from": [{}], "to": [service]}
    (said,) = refused(declare(policies=[policy]))
    assert said.startswith("clusterlink_policies[0].to[0].")
    assert "(p): is null" in said


@pytest.mark.parametrize("lists", [{"from": None}, {"to": None}, {"from": [None]}, {"to": [None]}, {"clusters": None}])
def test_null_instead_of_a_list_is_refused(declare: Declare, lists: Data) -> None:
    policy = {"name": "p", "tier": "privileged", "from": [{}], "to": [{}], **lists}
    assert len(refused(declare(policies=[policy]))) == 1


def test_allow_without_a_value_is_refused(declare: Declare, web: Data) -> None:
    said = "is null. List the clients that may call, or remove the key."
    assert refused(declare(services=[{**web, "allow": None}])) == [
        f"clusterlink_services[0].allow (default/web): {said}"
    ]
    shared = {"name": "train", "clusters": ["east", "west"], "allow": None}
    assert refused(declare(shared_namespaces=[shared])) == [f"clusterlink_shared_namespaces[0].allow (train): {said}"]
    assert len(refused(declare(services=[{**web, "allow": [None]}]))) == 1


def test_problems_name_the_entry_beside_its_index(declare: Declare, web: Data) -> None:
    own = {"exports": [{"name": "db", "port": 0}]}
    unnamed = {key: value for key, value in web.items() if key != "name"}
    assert [
        each.partition(": must")[0].partition(": is")[0]
        for each in refused(
            declare(
                services=[{**web, "port": 0}, {**web, "name": "api", "namespace": "shop", "port": 0}, unnamed], east=own
            )
        )
    ] == [
        "east: clusterlink_exports[0].port (db)",
        "clusterlink_services[0].port (default/web)",
        "clusterlink_services[1].port (shop/api)",
        "clusterlink_services[2].name",
    ]
