# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order in which pods are replaced. That no request is lost is shown by Molecule scenario certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink import api
from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.rollout_order import rollout_stages

if TYPE_CHECKING:
    from tests.unit.fakes import MemoryCluster

CONTROLPLANE, DATAPLANE = "cl-controlplane", "cl-dataplane"
SERVICE: dict[str, Any] = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "clusterlink", "namespace": "n"}}

SECRETS: list[dict[str, Any]] = [
    {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "n"}}
    for name in ("cl-ca", CONTROLPLANE, DATAPLANE)
]


def deployment(name: str, image: str) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "n", "labels": {api.MANAGED_BY_LABEL: api.MANAGED_BY}},
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
    steps = rollout_stages([gateway("new", "new")], there)
    assert names_of(steps) == [["clusterlink", CONTROLPLANE], ["clusterlink", CONTROLPLANE, DATAPLANE]]


@pytest.mark.parametrize("wanted", [gateway(), gateway(controlplane="new"), gateway(dataplane="new")])
def test_otherwise_there_is_nothing_to_wait_for(there: dict[Ref, Any], wanted: list[dict[str, Any]]) -> None:
    assert rollout_stages([wanted], there) == [wanted]


def test_a_new_gateway_is_made_all_at_once() -> None:
    assert rollout_stages([gateway()], {}) == [gateway()]


def stages() -> list[list[dict[str, Any]]]:
    """As they are where component certificates are recreated: trust both, have new ones, trust only the new."""
    renewed = gateway("new", "new")
    return [[*SECRETS, *gateway("bridge", "bridge")], [*SECRETS[1:], *renewed], [*SECRETS, *renewed]]


def test_data_planes_trust_both_before_the_control_plane_changes_which_it_does_once(there: dict[Ref, Any]) -> None:
    bridge, renewed, final = stages()
    first, second, *rest = rollout_stages([bridge, renewed, final], there)
    assert first == [*SECRETS, SERVICE, bridge[-1]]
    assert second == [SECRETS[1], SERVICE, renewed[-2]], "its trust is the first step's, and data planes keep theirs"
    assert rest == [renewed, final]


def test_pods_of_others_are_replaced_each_time(memory_cluster: type[MemoryCluster]) -> None:
    cluster = memory_cluster()
    for obj in gateway():
        cluster.apply({**obj, "metadata": {"name": obj["metadata"]["name"], "namespace": "n"}})
    steps = rollout_stages(stages(), cluster.objects)
    assert [[obj["kind"] for obj in step].count("Deployment") for step in steps] == [1, 2, 1, 2, 1, 2]
