# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway in clusters of older versions of Kubernetes, and of another address family."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.crds import crds
from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.install import Installation, install_gateway
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.options import gateway_spec

from .material import PEER

if TYPE_CHECKING:
    from tests.unit.fakes import MemoryCluster

NOW = datetime(2030, 6, 15, 12, 0, 0, tzinfo=timezone.utc)
OWN = "registry.example.com/own"


@pytest.fixture
def cluster(memory_cluster: type[MemoryCluster]) -> MemoryCluster:
    return memory_cluster(*crds())


def install(cluster: MemoryCluster, minor: str, **options: Any) -> Installation:
    cluster.version = {"major": "1", "minor": minor}
    spec = gateway_spec({"peer": "east", **options})
    return install_gateway(cluster, spec, PEER, NOW, check=False, take_over=False)


def pod_of(cluster: MemoryCluster, name: str) -> Any:
    return cluster.objects[Ref("Deployment", name, "clusterlink-system")]["spec"]["template"]["spec"]


def problems(cluster: MemoryCluster, minor: str, **options: Any) -> dict[str, str]:
    with pytest.raises(ClusterlinkError) as raised:
        install(cluster, minor, **options)
    assert cluster.writes == []
    assert {problem.found for problem in raised.value.problems} == {f"1.{minor}"}
    return {problem.where: f"{problem.what}. {problem.fix}" for problem in raised.value.problems}


def test_before_1_30_pods_wait_by_the_command_of_their_image(cluster: MemoryCluster) -> None:
    install(cluster, "29", dataplane="go")
    for name, seconds in (("cl-controlplane", "90"), ("cl-dataplane", "15")):
        hook = pod_of(cluster, name)["containers"][0]["lifecycle"]
        assert hook == {"preStop": {"exec": {"command": ["sleep", seconds]}}}
    assert not install(cluster, "29", dataplane="go").result.changed


def test_the_oldest_version_gets_no_field_that_it_lacks(cluster: MemoryCluster) -> None:
    install(cluster, "25", controlplane_replicas=2, dataplane_replicas=2)
    written = json.dumps([obj for ref, obj in cluster.objects.items() if ref.kind != "CustomResourceDefinition"])
    for field in ('"sleep":', "matchLabelKeys", "unhealthyPodEvictionPolicy"):
        assert field not in written


@pytest.mark.parametrize("dataplane", ["envoy", "go"])
def test_an_image_of_ones_own_that_may_have_no_such_command_is_refused(cluster: MemoryCluster, dataplane: str) -> None:
    images = {"controlplane": f"{OWN}-controlplane:1", "dataplane": f"{OWN}-dataplane:1"}
    found = problems(cluster, "29", dataplane=dataplane, images=images)
    assert set(found) == {"controlplane_drain_seconds", *(["dataplane_drain_seconds"] if dataplane == "go" else [])}
    for text in found.values():
        assert "preStop.sleep needs Kubernetes 1.30 or newer" in text
        assert "to 0: requests are lost" in text
    install(cluster, "29", dataplane=dataplane, images=images, controlplane_drain_seconds=0, dataplane_drain_seconds=0)
    for name in ("cl-controlplane", "cl-dataplane"):
        assert "lifecycle" not in pod_of(cluster, name)["containers"][0]
        assert pod_of(cluster, name)["terminationGracePeriodSeconds"] == 15


def test_fields_of_options_that_the_version_lacks_are_named(cluster: MemoryCluster) -> None:
    spread = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
    term = {"topologyKey": "zone", "matchLabelKeys": ["team"]}
    found = problems(
        cluster,
        "25",
        topology_spread_constraints=[{**spread, "minDomains": 2, "matchLabelKeys": ["team"]}],
        affinity={"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}},
    )
    assert set(found) == {
        "topology_spread_constraints.minDomains",
        "topology_spread_constraints.matchLabelKeys",
        "affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution.matchLabelKeys",
    }


def test_a_version_that_cannot_hold_the_definitions_is_refused(cluster: MemoryCluster) -> None:
    assert problems(cluster, "24") == {
        "Kubernetes": "ClusterLink's CustomResourceDefinitions need 1.25 or newer. Update the cluster"
    }


@pytest.mark.parametrize("dataplane", ["envoy", "go"])
@pytest.mark.parametrize("families", [["IPv6"], ["IPv6", "IPv4"]])
def test_a_cluster_with_ipv6_first_is_refused_by_name_before_anything_is_written(
    memory_cluster: type[MemoryCluster], dataplane: str, families: list[str]
) -> None:
    metadata = {"name": "kubernetes", "namespace": "default"}
    service = {"kind": "Service", "metadata": metadata, "spec": {"ipFamilies": families}}
    cluster = memory_cluster(*crds(), service)
    with pytest.raises(ClusterlinkError) as raised:
        install(cluster, "34", dataplane=dataplane)
    assert cluster.writes == []
    [problem] = map(str, raised.value.problems)
    assert problem.startswith("Service default/kubernetes: the cluster's Services have IPv6 first, and ClusterLink v0")
    cluster.objects[Ref.of(service)]["spec"]["ipFamilies"] = families[::-1] if len(families) > 1 else ["IPv4"]
    assert install(cluster, "34", dataplane=dataplane).result.changed
