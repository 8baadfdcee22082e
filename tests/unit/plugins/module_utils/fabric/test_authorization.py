# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decisions as gateways make them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.fields import Item, Report
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.authorization import (
    Client,
    Side,
    client_attributes,
    decide,
    explain,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.selector_grammar import (
    read_client,
    read_service,
)

Data = dict[str, Any]

# Random policies and what the gateway itself decided on them: recorded from connectivitypdp.PDP of ClusterLink v0.4.1,
# with the check that its manager makes before, for clients that are not known.
RECORDED: list[Data] = json.loads((Path(__file__).parent / "gateway_decisions.json").read_text(encoding="utf-8"))

APP = "client.clusterlink.net/labels.app"
NAME = "export.clusterlink.net/name"


def policy(name: str, action: str, clients: Data, services: Data, namespace: str = "default") -> Data:
    kind = "AccessPolicy" if namespace else "PrivilegedAccessPolicy"
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    spec = {"action": action, "from": [{"workloadSelector": clients}], "to": [{"workloadSelector": services}]}
    return {"kind": kind, "metadata": metadata, "spec": spec}


@pytest.mark.parametrize("case", RECORDED)
def test_decisions_are_those_that_the_gateway_makes(case: Data) -> None:
    decision = decide(case["policies"], case["client"], case["service"], case["namespace"])
    assert decision.allowed == case["allowed"]


@pytest.mark.parametrize("case", RECORDED)
def test_selectors_are_refused_exactly_when_the_gateway_refuses_the_policy(case: Data) -> None:
    report = Report()
    for each in case["policies"]:
        for selector in each["spec"]["from"]:
            read_client(Item(selector, "from", report), None)
        for selector in each["spec"]["to"]:
            read_service(Item(selector, "to", report), None)
    assert bool(report.problems) == case["refused"]


@pytest.mark.parametrize(
    ("policies", "allowed", "by"),
    [
        ([], False, ""),
        ([policy("a", "allow", {}, {})], True, "AccessPolicy default/a"),
        ([policy("a", "allow", {}, {}), policy("d", "deny", {}, {})], False, "AccessPolicy default/d"),
        ([policy("d", "deny", {}, {}), policy("p", "allow", {}, {}, "")], True, "PrivilegedAccessPolicy p"),
        (
            [policy("p", "allow", {}, {}, ""), policy("q", "deny", {}, {}, ""), policy("a", "allow", {}, {})],
            False,
            "PrivilegedAccessPolicy q",
        ),
        ([policy("a", "allow", {}, {}, "other")], False, ""),
    ],
)
def test_privileged_goes_before_namespaced_and_deny_before_allow(policies: list[Data], allowed: bool, by: str) -> None:
    decision = decide(policies, {APP: "x"}, {NAME: "web"}, "default")
    assert (decision.allowed, decision.by) == (allowed, by)
    assert decide(policies[::-1], {APP: "x"}, {NAME: "web"}, "default") == decision


def test_of_policies_that_match_alike_the_first_by_name_is_said() -> None:
    policies = [policy("b", "allow", {}, {}), policy("a", "allow", {}, {})]
    assert decide(policies, {APP: "x"}, {NAME: "web"}, "default").by == "AccessPolicy default/a"


def test_unknown_client_is_denied_as_soon_as_any_policy_asks_for_its_attributes() -> None:
    everyone = policy("a", "allow", {}, {})
    assert decide([everyone], {}, {NAME: "web"}, "default").allowed
    elsewhere = policy("b", "deny", {"matchLabels": {APP: "x"}}, {}, "other")
    decision = decide([everyone, elsewhere], {}, {NAME: "web"}, "default")
    assert not decision.allowed
    assert decision.reason == "the client is unknown, and a policy selects clients"


@pytest.mark.parametrize("selector", [None, {"matchLabels": {"client.clusterlink.net/labels.a/b": "x"}}])
def test_policy_that_a_gateway_refuses_has_no_effect(selector: Data | None) -> None:
    broken = policy("d", "deny", {}, {})
    broken["spec"]["from"].append({"workloadSelector": selector} if selector else {"workloadSets": ["x"]})
    assert decide([broken, policy("a", "allow", {}, {})], {APP: "x"}, {NAME: "web"}, "default").allowed


def sides(*policies: Data) -> dict[str, Side]:
    export = {"kind": "Export", "metadata": {"name": "web", "namespace": "default"}, "spec": {"port": 80}}
    here = [each for each in policies if "importing" in each["metadata"]["name"]]
    there = [each for each in policies if "exporting" in each["metadata"]["name"]]
    return {"north": Side.of("north", {"region": "us"}, here), "east": Side.of("east", {}, [export, *there])}


def web_import(**metadata: Any) -> Data:
    return {
        "kind": "Import",
        "metadata": {"name": "web", "namespace": "default", **metadata},
        "spec": {
            "port": 80,
            "sources": [{"peer": "east", "exportName": "web", "exportNamespace": "default"}],
            "lbScheme": "round-robin",
        },
    }


@pytest.mark.parametrize(
    ("policies", "allowed", "reason"),
    [
        ([], False, "no policy allows it"),
        ([policy("importing", "allow", {}, {})], False, "no policy allows it"),
        ([policy("exporting", "allow", {}, {})], False, "no policy allows it"),
        (
            [policy("importing", "allow", {}, {}), policy("exporting", "allow", {}, {})],
            True,
            "AccessPolicy default/exporting allows it",
        ),
    ],
)
def test_both_gateways_have_to_let_a_connection_through(policies: list[Data], allowed: bool, reason: str) -> None:
    found = sides(*policies)
    (verdict,) = explain(Client("default"), found["north"], web_import(), found)
    assert verdict.allowed == allowed
    assert (verdict.exporting or verdict.importing).reason == reason


def test_exporting_gateway_knows_the_client_by_its_own_cluster() -> None:
    north = {"matchLabels": {"peer.clusterlink.net/name": "north", "peer.clusterlink.net/labels.region": "us"}}
    found = sides(policy("importing", "allow", {}, {}), policy("exporting", "allow", north, {}))
    assert explain(Client("default"), found["north"], web_import(), found)[0].allowed


def test_importing_gateway_knows_the_service_by_the_labels_of_the_import() -> None:
    labelled = {"matchLabels": {"export.clusterlink.net/labels.tier": "data"}}
    found = sides(policy("importing", "allow", {}, labelled), policy("exporting", "allow", {}, {}))
    assert not explain(Client("default"), found["north"], web_import(), found)[0].allowed
    assert explain(Client("default"), found["north"], web_import(labels={"tier": "data"}), found)[0].allowed


def test_source_that_exports_nothing_is_denied_and_says_so() -> None:
    found = {**sides(policy("importing", "allow", {}, {})), "east": Side.of("east", {}, [])}
    (verdict,) = explain(Client("default"), found["north"], web_import(), found)
    assert not verdict.allowed
    assert verdict.exporting is not None
    assert verdict.exporting.reason == "east does not export default/web"


def test_source_outside_the_inventory_is_left_to_the_importing_side() -> None:
    found = sides(policy("importing", "allow", {}, {}))
    (verdict,) = explain(Client("default"), found["north"], web_import(), {})
    assert verdict.allowed
    assert verdict.exporting is None


def test_client_attributes_are_those_that_a_gateway_sends() -> None:
    client = Client("shop", {"app": "x"}, "robot")
    assert client_attributes(client, "north", {"region": "us"}) == {
        "peer.clusterlink.net/name": "north",
        "peer.clusterlink.net/labels.region": "us",
        "client.clusterlink.net/namespace": "shop",
        "client.clusterlink.net/service-account": "robot",
        "client.clusterlink.net/labels.app": "x",
    }
