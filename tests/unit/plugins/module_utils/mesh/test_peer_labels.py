# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway decides by the labels that its peers have now, which it would not read again from a reachable one."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.apply import ApplyResult
from ansible_collections.skyshift.clusterlink.plugins.module_utils.mesh.peer_labels import refresh_peer_labels

WEST = Ref("Peer", "west", "system")
REACHABLE = [{"type": "PeerReachable", "status": "True"}]


def peer(**status: Any) -> dict[str, Any]:
    return {
        "apiVersion": "clusterlink.net/v1alpha1",
        "kind": "Peer",
        "metadata": {"name": "west", "namespace": "system"},
        "spec": {"gateways": []},
        "status": status,
    }


class Statuses:
    """Stands in for a cluster: remembers what was merged into a status."""

    def __init__(self) -> None:
        self.merged: list[dict[str, Any]] = []

    def patch_status(self, _kind: str, _name: str, _namespace: str, status: dict[str, Any]) -> dict[str, Any]:
        self.merged.append(status["labels"])
        return peer(**status)


def refreshed(cluster: Statuses, obj: dict[str, Any], wanted: dict[str, str], **options: Any) -> ApplyResult:
    result = ApplyResult(unchanged=[WEST], objects={WEST: obj})
    refresh_peer_labels(cluster, result, {}, {"west": wanted}, **{"check": False, **options})
    return result


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize(
    ("there", "wanted", "merged"),
    [
        ({}, {"region": "eu"}, {"region": "eu"}),
        ({"region": "eu", "zone": "a"}, {"region": "asia"}, {"region": "asia", "zone": None}),
        ({"region": "eu"}, {}, {"region": None}),
    ],
)
def test_labels_that_differ_are_written_and_reported(
    there: dict[str, str], wanted: dict[str, str], merged: dict[str, str | None], check: bool
) -> None:
    cluster = Statuses()
    result = refreshed(cluster, peer(labels=there, conditions=REACHABLE), wanted, check=check)
    assert (result.updated, result.unchanged) == ([WEST], [])
    assert [change["after"] for change in result.diff] == [{"status": {"labels": wanted}}]
    assert cluster.merged == ([] if check else [merged])


@pytest.mark.parametrize(
    ("status", "options"),
    [
        ({"labels": {"region": "eu"}, "conditions": REACHABLE}, {}),
        ({}, {}),  # the first heartbeat brings them
        ({"labels": {}, "conditions": REACHABLE}, {"away": ["west"]}),
    ],
)
def test_nothing_is_written_where_they_are_right_or_will_be_or_may_not_be_true(
    status: dict[str, Any], options: dict[str, Any]
) -> None:
    cluster = Statuses()
    result = refreshed(cluster, peer(**status), {"region": "eu"}, **options)
    assert not result.changed
    assert result.diff == cluster.merged == []
