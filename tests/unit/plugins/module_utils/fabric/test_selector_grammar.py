# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words for clients and services, and the selectors that they become."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.fields import Item, Report
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.groups import Clusters
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.selector_grammar import (
    read_allowed,
    read_client,
    read_service,
)

Data = dict[str, Any]

CLUSTERS = Clusters("clusters", {"east": "east", "west": "west"}, {"eu": ("west", "east")}, frozenset({"far"}))


def read(reader: Any, value: Data, clusters: Clusters | None = CLUSTERS) -> Data:
    report = Report()
    selector = reader(Item(value, "from", report), clusters)
    assert [str(problem) for problem in report.problems] == []
    result: Data = selector.as_dict()
    return result


def refused(reader: Any, value: Data) -> list[str]:
    report = Report()
    reader(Item(value, "from", report), CLUSTERS)
    return [str(problem) for problem in report.problems]


@pytest.mark.parametrize(
    ("words", "selector"),
    [
        ({}, {}),
        ({"namespace": "shop"}, {"matchLabels": {"client.clusterlink.net/namespace": "shop"}}),
        ({"service_account": "robot"}, {"matchLabels": {"client.clusterlink.net/service-account": "robot"}}),
        ({"labels": {"app": "x"}}, {"matchLabels": {"client.clusterlink.net/labels.app": "x"}}),
        ({"peers": "east"}, {"matchLabels": {"peer.clusterlink.net/name": "east"}}),
        ({"peers": ["far"]}, {"matchLabels": {"peer.clusterlink.net/name": "far"}}),
        ({"peer_labels": {"region": "eu"}}, {"matchLabels": {"peer.clusterlink.net/labels.region": "eu"}}),
        (
            {"peers": "eu", "namespace": ["b", "a"]},
            {
                "matchExpressions": [
                    {"key": "client.clusterlink.net/namespace", "operator": "In", "values": ["a", "b"]},
                    {"key": "peer.clusterlink.net/name", "operator": "In", "values": ["east", "west"]},
                ]
            },
        ),
    ],
)
def test_words_of_clients(words: Data, selector: Data) -> None:
    assert read(read_client, words) == selector


@pytest.mark.parametrize(
    ("words", "selector"),
    [
        ({}, {}),
        (
            {"service": "web", "namespace": "shop"},
            {"matchLabels": {"export.clusterlink.net/name": "web", "export.clusterlink.net/namespace": "shop"}},
        ),
        ({"labels": {"tier": "data"}}, {"matchLabels": {"export.clusterlink.net/labels.tier": "data"}}),
        ({"peers": "west"}, {"matchLabels": {"peer.clusterlink.net/name": "west"}}),
    ],
)
def test_words_of_services(words: Data, selector: Data) -> None:
    assert read(read_service, words) == selector


def test_raw_selector_is_taken_as_it_stands() -> None:
    raw: Data = {
        "matchLabels": {"client.clusterlink.net/labels.app": "x"},
        "matchExpressions": [
            {"key": "client.clusterlink.net/labels.old", "operator": "DoesNotExist"},
            {"key": "client.clusterlink.net/namespace", "operator": "NotIn", "values": ["dev", "test"]},
        ],
    }
    assert read(read_client, {"workloadSelector": raw}) == raw
    backwards = {**raw, "matchExpressions": raw["matchExpressions"][::-1]}
    assert read(read_client, {"workloadSelector": backwards}) == raw


def test_peers_are_plain_names_where_there_is_no_inventory() -> None:
    selector = read(read_client, {"peers": ["north"]}, None)
    assert selector == {"matchLabels": {"peer.clusterlink.net/name": "north"}}


def test_rule_is_labels_of_pods_when_none_of_its_keys_is_a_word() -> None:
    assert read(read_allowed, {"app": "x", "tier": ["a", "b"]}) == {
        "matchLabels": {"client.clusterlink.net/labels.app": "x"},
        "matchExpressions": [{"key": "client.clusterlink.net/labels.tier", "operator": "In", "values": ["a", "b"]}],
    }


def test_rule_with_a_word_is_words_and_a_label_among_them_is_refused() -> None:
    assert read(read_allowed, {"namespace": "shop"}) == {"matchLabels": {"client.clusterlink.net/namespace": "shop"}}
    (problem,) = refused(read_allowed, {"namespace": "shop", "app": "x"})
    assert problem.startswith("from.app: is not known. Known keys: labels, namespace, ")


@pytest.mark.parametrize(
    ("value", "start"),
    [
        ({"app": "x"}, "from.app: is not known"),
        ({"labels": {"app": 1}}, "from.labels.app: must be a string"),
        ({"labels": {"app": []}}, "from.labels.app: is an empty list"),
        ({"labels": "app=x"}, "from.labels: must be a mapping"),
        ({"labels": {}}, "from.labels: is empty, so it selects everything"),
        ({"peer_labels": {}}, "from.peer_labels: is empty, so it selects everything"),
        (
            {"labels": {"app.kubernetes.io/name": "x"}},
            "from.labels.app.kubernetes.io/name: the key has a '/', and ClusterLink's policies cannot select on such",
        ),
        (
            {"labels": {"a" * 60: "x"}},
            f"from.labels.{'a' * 60}: the key makes the attribute client.clusterlink.net/labels.{'a' * 60}, which has",
        ),
        ({"namespace": "a b"}, "from.namespace: is not a label value"),
        ({"peers": ["moon"]}, "from.peers[0]: is not a host of the group clusters, nor a group"),
        ({"peers": []}, "from.peers: is an empty list, which matches nothing"),
        ({"workloadSelector": {}, "labels": {}}, "from.labels: cannot be combined with workloadSelector"),
        ({"workloadSelector": {"matchLabels": {"app": "x"}}}, "from.workloadSelector.matchLabels.app: is not an attr"),
        (
            {"workloadSelector": {"matchLabels": {"export.clusterlink.net/name": "x"}}},
            "from.workloadSelector.matchLabels.export.clusterlink.net/name: is not an attribute",
        ),
        (
            {"workloadSelector": {"matchExpressions": [{"key": "peer.clusterlink.net/name", "operator": "Gt"}]}},
            "from.workloadSelector.matchExpressions[0].operator: must be one of In, NotIn, Exists, DoesNotExist",
        ),
        (
            {"workloadSelector": {"matchExpressions": [{"key": "peer.clusterlink.net/name", "operator": "In"}]}},
            "from.workloadSelector.matchExpressions[0].values: is an empty list",
        ),
        (
            {
                "workloadSelector": {
                    "matchExpressions": [
                        {"key": "peer.clusterlink.net/name", "operator": "Exists", "values": ["x"]},
                    ]
                }
            },
            "from.workloadSelector.matchExpressions[0].values: must be left out for the operator Exists",
        ),
    ],
)
def test_selectors_that_no_gateway_would_understand_are_refused(value: Data, start: str) -> None:
    (problem,) = refused(read_client, value)
    assert problem.startswith(start)
