# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which NetworkPolicies keep a pod from a connection."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.network_policies import (
    EGRESS,
    INGRESS,
    OtherEnd,
    in_the_way,
)

POD = {"app": "web"}
OTHER = OtherEnd("shop", {"app": "client"}, {"kubernetes.io/metadata.name": "shop"})
SHOP = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}


def policy(name: str, **spec: Any) -> dict[str, Any]:
    return {"kind": "NetworkPolicy", "metadata": {"name": name, "namespace": "links"}, "spec": spec}


DENY = policy("deny", podSelector={}, policyTypes=[INGRESS, EGRESS])


def allow(*rules: dict[str, Any]) -> dict[str, Any]:
    return policy("allow", podSelector={"matchLabels": POD}, ingress=list(rules))


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"ports": [{"port": 80}]},
        {"ports": [{"port": "https"}]},
        {"ports": [{"port": 70, "endPort": 90}], "from": [SHOP]},
        {"from": [{**SHOP, "podSelector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]}}]},
        {"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]},
    ],
)
def test_a_rule_of_any_policy_allows_it(rule: dict[str, Any]) -> None:
    assert in_the_way([DENY, allow(rule)], INGRESS, POD, 80, OTHER) == []


@pytest.mark.parametrize(
    "rule",
    [
        {"ports": [{"port": 53, "protocol": "UDP"}]},
        {"ports": [{"port": 81}]},
        {"ports": [{"port": 81, "endPort": 90}]},
        {"from": [{"podSelector": {}}]},
        {"from": [{"namespaceSelector": {"matchLabels": {"a": "b"}}}]},
        {"from": [{**SHOP, "podSelector": {"matchLabels": POD}}]},
        {"from": [{**SHOP, "podSelector": {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}}]},
    ],
)
def test_rules_for_something_else_do_not(rule: dict[str, Any]) -> None:
    found = in_the_way([DENY, allow(rule)], INGRESS, POD, 80, OTHER)
    assert [ref.name for ref in found] == ["deny", "allow"]


def test_policies_for_other_pods_or_directions_are_not_in_the_way() -> None:
    elsewhere = policy("elsewhere", podSelector={"matchLabels": {"app": "db"}})
    ingress = policy("ingress", podSelector={})
    assert in_the_way([elsewhere], INGRESS, POD, 80, OTHER) == []
    assert in_the_way([ingress], EGRESS, POD, 80, OTHER) == []
    assert [ref.name for ref in in_the_way([ingress], INGRESS, POD, 80, OTHER)] == ["ingress"]


def test_an_address_outside_needs_a_rule_for_addresses() -> None:
    inside = policy("inside", podSelector={}, egress=[{"to": [SHOP]}])
    assert [ref.name for ref in in_the_way([inside], EGRESS, POD, 443, None)] == ["inside"]
    assert in_the_way([inside], EGRESS, POD, None, OTHER) == []
