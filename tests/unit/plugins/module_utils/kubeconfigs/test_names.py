# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which contexts count, and the names that their clusters get."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.skyshift.clusterlink.plugins.inventory.kubeconfig import DOCUMENTATION
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kubeconfigs import names

DEFAULT = yaml.safe_load(DOCUMENTATION)["options"]["names"]["default"]


@pytest.mark.parametrize(
    ("context", "parts"),
    [
        (
            "arn:aws:eks:eu-west-1:123456789012:cluster/shop",
            {"name": "shop", "region": "eu-west-1", "account": "123456789012"},
        ),
        ("arn:aws-cn:eks:cn-north-1:1:cluster/shop_2", {"name": "shop_2", "region": "cn-north-1", "account": "1"}),
        ("gke_my-project_europe-west1-b_shop", {"name": "shop", "project": "my-project", "location": "europe-west1-b"}),
        ("dev@shop.eu-west-1.eksctl.io", {"name": "shop", "region": "eu-west-1"}),
        ("default/api-shop-example-com:6443/kube:admin", {"name": "shop-example-com"}),
        ("/api-crc-testing:6443/developer", {"name": "crc-testing"}),
        ("kubernetes-admin@shop", {"name": "shop"}),
        ("shop-admin", {"name": "shop-admin"}),
        ("kind-east", {"name": "kind-east"}),
    ],
)
def test_contexts_of_each_provider_give_the_name_of_the_cluster(context: str, parts: dict[str, str]) -> None:
    assert names.parts(context, DEFAULT) == parts


@pytest.mark.parametrize(
    ("text", "host", "peer"),
    [
        ("shop", "shop", "shop"),
        ("K8S_lyon.example.com", "K8S_lyon.example.com", "k8s-lyon-example-com"),
        ("a/b:c d", "a-b-c-d", "a-b-c-d"),
        ("_shop.", "shop", "shop"),
        ("été", "t", "t"),
        ("::", "", ""),
        ("a" * 63, "a" * 63, "a" * 63),
        ("a" * 64, "a" * 64, ""),
    ],
)
def test_names_can_be_those_of_hosts_and_of_peers(text: str, host: str, peer: str) -> None:
    assert (names.host_name(text), names.peer_name(host)) == (host, peer)


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [("prod-*", True), ("PROD-*", False), ("prod", False), ("~^prod", True), ("~od-e", True), ("~east$", True)],
)
def test_patterns_are_a_shells_or_regular_expressions(pattern: str, matches: bool) -> None:
    assert names.matches("prod-east", ["no", pattern]) is matches


def test_every_wrong_pattern_is_reported() -> None:
    with pytest.raises(ClusterlinkError) as caught:
        names.check_patterns(["[", "~["], ["~("], ["(?P<name>.+)", "(?P<other>.+)", "("])
    assert [problem.where for problem in caught.value.problems] == ["include[1]", "exclude[0]", "names[1]", "names[2]"]
    names.check_patterns(["["], ["*"], DEFAULT)
