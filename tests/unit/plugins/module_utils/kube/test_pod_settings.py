# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading where pods may run, and what a cluster's admission requires of them: every problem by its path."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.fields import Item, Report
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.pod_settings import (
    PodSettings,
    options_of,
    read_pod_settings,
    require_pod_settings,
    set_options,
)

EXPRESSION = {"key": "zone", "operator": "In", "values": ["a"]}
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
WHOLE: dict[str, Any] = {
    "node_selector": {"kubernetes.io/os": "linux"},
    "tolerations": [
        {"key": "dedicated", "operator": "Equal", "value": "edge", "effect": "NoSchedule"},
        {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30},
    ],
    "affinity": {
        "nodeAffinity": {
            REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": [EXPRESSION]}]},
            PREFERRED: [{"weight": 1, "preference": {"matchFields": [EXPRESSION]}}],
        },
        "podAntiAffinity": {
            REQUIRED: [{"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "db"}}}],
            PREFERRED: [{"weight": 100, "podAffinityTerm": {"topologyKey": "zone", "namespaces": ["shop"]}}],
        },
    },
    "priority_class_name": "system-cluster-critical",
    "pod_labels": {"team": "net"},
    "pod_annotations": {"example.com/why": "any text: 1"},
    "image_pull_policy": "Always",
    "image_pull_secrets": ["registry.internal"],
    "user_ids": "platform",
    "topology_spread_constraints": [
        {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "minDomains": 2}
    ],
}


def read(**options: Any) -> PodSettings:
    return require_pod_settings(options)


def problems(**options: Any) -> dict[str, str]:
    """What is found wrong, by where."""
    report = Report()
    read_pod_settings(Item(options, "", report))
    return {problem.where: problem.what for problem in report.problems}


def test_nothing_is_needed() -> None:
    assert read() == read(**dict.fromkeys(WHOLE)) == PodSettings()
    assert read().fields() == {}
    assert set_options(read()) == {}


def test_everything_that_is_given_is_kept_as_it_is() -> None:
    assert options_of(read(**WHOLE)) == WHOLE
    assert set_options(read(**WHOLE)) == WHOLE


def test_null_is_as_if_it_were_not_there() -> None:
    given = read(tolerations=[{"operator": "Exists", "effect": None}], affinity={"podAffinity": None})
    assert (list(given.tolerations), given.affinity) == ([{"operator": "Exists"}], {})


@pytest.mark.parametrize(
    ("options", "where", "what"),
    [
        ({"node_selector": {"gpu": True}}, "node_selector.gpu", "must be a string"),
        ({"tolerations": {"key": "a"}}, "tolerations", "must be a list"),
        ({"tolerations": [{"key": "a", "operator": "In"}]}, "tolerations[0].operator", "Exists, Equal"),
        ({"tolerations": [{"key": "a", "effects": "NoExecute"}]}, "tolerations[0].effects", "is not known"),
        ({"tolerations": [{"value": "a"}]}, "tolerations[0].key", "required unless operator is Exists"),
        ({"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]}, "tolerations[0].value", "left out"),
        ({"tolerations": [{"key": "a", "tolerationSeconds": 3}]}, "tolerations[0].tolerationSeconds", "NoExecute"),
        ({"affinity": {"nodeAffinty": {}}}, "affinity.nodeAffinty", "is not known"),
        ({"affinity": {"nodeAffinity": {REQUIRED: [EXPRESSION]}}}, f"affinity.nodeAffinity.{REQUIRED}", "a mapping"),
        (
            {"affinity": {"podAffinity": {PREFERRED: [{"weight": 101, "podAffinityTerm": {"topologyKey": "a"}}]}}},
            f"affinity.podAffinity.{PREFERRED}[0].weight",
            "from 1 to 100",
        ),
        (
            {"affinity": {"podAffinity": {REQUIRED: [{"labelSelector": {"matchLabels": {"a": 1}}}]}}},
            f"affinity.podAffinity.{REQUIRED}[0].labelSelector.matchLabels.a",
            "must be a string",
        ),
        (
            {"affinity": {"podAffinity": {REQUIRED: [{}]}}},
            f"affinity.podAffinity.{REQUIRED}[0].topologyKey",
            "is required",
        ),
        ({"priority_class_name": "High!"}, "priority_class_name", "is not a DNS name"),
        ({"pod_labels": {"app": "mine"}}, "pod_labels.app", "is set by this collection"),
        ({"pod_annotations": {"skyshift.clusterlink/x": "1"}}, "pod_annotations.skyshift.clusterlink/x", "is set by"),
        ({"pod_annotations": {"x": 1}}, "pod_annotations.x", "must be a string"),
        ({"image_pull_policy": "Sometimes"}, "image_pull_policy", "must be one of Always"),
        ({"image_pull_secrets": ["Not_A_Name"]}, "image_pull_secrets[0]", "is not the name of a Secret"),
        (
            {"topology_spread_constraints": [{"topologyKey": "a"}]},
            "topology_spread_constraints[0].maxSkew",
            "is required",
        ),
        (
            {
                "topology_spread_constraints": [
                    {"maxSkew": 0, "topologyKey": "a", "whenUnsatisfiable": "ScheduleAnyway"}
                ]
            },
            "topology_spread_constraints[0].maxSkew",
            "from 1 to",
        ),
    ],
)
def test_what_is_wrong_is_named_by_its_path(options: dict[str, Any], where: str, what: str) -> None:
    assert what in problems(**options).get(where, ""), problems(**options)
