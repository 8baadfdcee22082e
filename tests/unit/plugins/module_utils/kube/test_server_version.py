# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fields that older versions of Kubernetes lack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.server_version import (
    Version,
    adapted,
    lacking,
    server_version,
)

if TYPE_CHECKING:
    from tests.unit.fakes import Api

SLEEP: dict[str, Any] = {"spec": {"containers": [{"lifecycle": {"preStop": {"sleep": {"seconds": 9}}}}]}}
COMMAND: dict[str, Any] = {"spec": {"containers": [{"lifecycle": {"preStop": {"exec": {"command": ["sleep", "9"]}}}}]}}
SPREAD: dict[str, Any] = {"spec": {"topologySpreadConstraints": [{"maxSkew": 1, "matchLabelKeys": ["a"]}]}}
BUDGET: dict[str, Any] = {"spec": {"maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow"}}
TERM = {"podAffinityTerm": {"topologyKey": "zone", "mismatchLabelKeys": ["a"]}}
AFFINITY: dict[str, Any] = {"spec": {"affinity": {"podAntiAffinity": {"preferred": [TERM]}}}}


@pytest.mark.parametrize(
    ("body", "version"),
    [
        ({"major": "1", "minor": "29"}, Version(1, 29)),
        ({"major": "1", "minor": "27+"}, Version(1, 27)),
        ({"major": "", "minor": ""}, None),
        ({"gitVersion": "v1.29.1"}, None),
    ],
)
def test_the_version_is_read_also_in_the_form_of_a_provider(api: Api, body: Any, version: Version | None) -> None:
    api.will(200, body)
    assert server_version(api.cluster()) == version
    assert api.asked[0].path == "/version"


def test_a_version_that_is_told_to_nobody_is_unknown(api: Api) -> None:
    api.will(403, {"kind": "Status", "message": 'User "x" cannot get path "/version"'})
    assert server_version(api.cluster()) is None


@pytest.mark.parametrize(
    ("obj", "since", "older"),
    [
        (SLEEP, Version(1, 30), COMMAND),
        (SPREAD, Version(1, 27), {"spec": {"topologySpreadConstraints": [{"maxSkew": 1}]}}),
        (BUDGET, Version(1, 27), {"spec": {"maxUnavailable": 1}}),
    ],
)
def test_an_older_version_gets_what_takes_a_fields_place(obj: Any, since: Version, older: Any) -> None:
    before = Version(since.major, since.minor - 1)
    assert adapted(obj, before) == older
    assert [each.field.since for each in lacking(obj, before)] == [since]
    for version in (since, None):
        assert adapted(obj, version) == obj
        assert not list(lacking(obj, version))


def test_what_nothing_replaces_stays_and_is_named() -> None:
    assert adapted(AFFINITY, Version(1, 30)) == AFFINITY
    [found] = lacking(AFFINITY, Version(1, 30))
    assert found.path == "spec.affinity.podAntiAffinity.preferred.podAffinityTerm.mismatchLabelKeys"
    assert found.field.since == Version(1, 31)
