# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order in which pods are replaced. That no request is lost is shown by Molecule scenario certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.rolling import rolling_steps
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.kinds import Ref

if TYPE_CHECKING:
    from tests.unit.plugins.module_utils.kube.conftest import MemoryCluster

CONTROLPLANE, DATAPLANE = "cl-controlplane", "cl-dataplane"
SERVICE: dict[str, Any] = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "clusterlink", "namespace": "n"}}


def deployment(name: str, image: str) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "n"},
        "spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}},
    }


def gateway(controlplane: str = "old", dataplane: str = "old") -> list[dict[str, Any]]:
    return [SERVICE, deployment(CONTROLPLANE, controlplane), deployment(DATAPLANE, dataplane)]


@pytest.fixture
def there(memory_cluster: type[MemoryCluster]) -> dict[Ref, Any]:
    """What a cluster holds that has a gateway."""
    cluster = memory_cluster()
    for obj in gateway():
        cluster.apply(obj)
    return dict(cluster.objects)


def names_of(steps: list[list[dict[str, Any]]]) -> list[list[str]]:
    return [[obj["metadata"]["name"] for obj in step] for step in steps]


def test_the_control_planes_pods_go_before_those_that_ask_it(there: dict[Ref, Any]) -> None:
    steps = rolling_steps([gateway("new", "new")], there)
    assert names_of(steps) == [["clusterlink", CONTROLPLANE], ["clusterlink", CONTROLPLANE, DATAPLANE]]


@pytest.mark.parametrize("wanted", [gateway(), gateway(controlplane="new"), gateway(dataplane="new")])
def test_otherwise_there_is_nothing_to_wait_for(there: dict[Ref, Any], wanted: list[dict[str, Any]]) -> None:
    assert rolling_steps([wanted], there) == [wanted]


def test_a_new_gateway_is_made_all_at_once() -> None:
    assert rolling_steps([gateway()], {}) == [gateway()]


def test_it_is_so_each_time_that_all_are_replaced(there: dict[Ref, Any]) -> None:
    steps = rolling_steps([gateway("new", "new"), gateway()], there)
    assert [DATAPLANE in names for names in names_of(steps)] == [False, True, False, True]
