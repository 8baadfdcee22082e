# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data plane's autoscaler, and the number of pods that it sets."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.crds import crds
from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError, Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.autoscaling import autoscaling_option
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.install import Installation, install_gateway
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.options import gateway_spec
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.remove import remove_gateway
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.errors import ApiError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.peer_material import PeerMaterial

if TYPE_CHECKING:
    from tests.unit.fakes import MemoryCluster

NOW = datetime(2030, 6, 15, 12, 0, 0, tzinfo=timezone.utc)
PEER = PeerMaterial(certificate_pem="cert", key_pem="key", ca_pem="ca")
SYSTEM = "clusterlink-system"
SCALER = Ref("HorizontalPodAutoscaler", "cl-dataplane", SYSTEM)
DATAPLANE = Ref("Deployment", "cl-dataplane", SYSTEM)
SCALING = {"min": 2, "max": 6}


def install(cluster: MemoryCluster, *, check: bool = False, **options: Any) -> Installation:
    spec = gateway_spec({"peer": "east", **options})
    return install_gateway(cluster, spec, PEER, NOW, check=check, take_over=False)


def scale(cluster: MemoryCluster, replicas: int) -> None:
    """Set the number of pods as Kubernetes' controller of autoscalers does: it takes the field over."""
    obj = cluster.objects[DATAPLANE]
    ours, *others = obj["metadata"]["managedFields"]
    spec = {key: value for key, value in ours["fieldsV1"]["f:spec"].items() if key != "f:replicas"}
    entry = {
        "manager": "kube-controller-manager",
        "operation": "Update",
        "subresource": "scale",
        "fieldsV1": {"f:spec": {"f:replicas": {}}},
    }
    fields = [{**ours, "fieldsV1": {**ours["fieldsV1"], "f:spec": spec}}, entry]
    assert not others
    cluster.objects[DATAPLANE] = {
        **obj,
        "metadata": {**obj["metadata"], "managedFields": fields},
        "spec": {**obj["spec"], "replicas": replicas},
    }


def somebodys_scaler(name: str = "theirs") -> dict[str, Any]:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "cl-dataplane"}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": SYSTEM},
        "spec": {"scaleTargetRef": target, "maxReplicas": 9},
    }


@pytest.fixture
def cluster(memory_cluster: type[MemoryCluster]) -> MemoryCluster:
    """A cluster with a gateway of a fixed number of pods."""
    made = memory_cluster(*crds())
    install(made, dataplane_replicas=3)
    return made


def test_new_gateway_begins_with_the_least_number_of_pods(memory_cluster: type[MemoryCluster]) -> None:
    bare = memory_cluster(*crds())
    install(bare, dataplane_autoscaling=SCALING, dataplane_replicas=9)
    assert bare.objects[DATAPLANE]["spec"]["replicas"] == 2
    made = bare.objects[SCALER]
    assert made["spec"] == {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "cl-dataplane"},
        "minReplicas": 2,
        "maxReplicas": 6,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
            }
        ],
    }
    assert autoscaling_option(made) == {"min": 2, "max": 6, "cpu": 80}
    assert Ref("PodDisruptionBudget", "cl-dataplane", SYSTEM) in bare.objects
    assert not install(bare, dataplane_autoscaling=SCALING).result.changed


def test_running_gateway_keeps_its_pods_until_the_autoscaler_sets_a_number(cluster: MemoryCluster) -> None:
    """Without the field, the server would set one pod."""
    done = install(cluster, dataplane_autoscaling=SCALING).result
    assert SCALER in done.created
    assert cluster.objects[DATAPLANE]["spec"]["replicas"] == 3


def test_number_of_an_autoscaler_is_no_drift_and_survives_an_upgrade(cluster: MemoryCluster) -> None:
    install(cluster, dataplane_autoscaling=SCALING)
    scale(cluster, 5)
    assert not install(cluster, dataplane_autoscaling=SCALING, check=True).result.changed
    upgrade = install(cluster, dataplane_autoscaling=SCALING, image_tag="patched", check=True).result
    assert DATAPLANE in upgrade.updated
    assert "replicas" not in upgrade.objects[DATAPLANE]["spec"], "the server keeps the field of another manager"


def test_autoscaler_goes_with_the_variable_and_the_number_is_ours_again(cluster: MemoryCluster) -> None:
    install(cluster, dataplane_autoscaling=SCALING)
    scale(cluster, 5)
    gone = install(cluster, dataplane_replicas=3).result
    assert gone.deleted == [SCALER]
    assert cluster.objects[DATAPLANE]["spec"]["replicas"] == 3


def test_autoscaler_of_somebody_else_stays_and_decides(cluster: MemoryCluster) -> None:
    theirs = somebodys_scaler()
    cluster.objects[Ref.of(theirs)] = theirs
    scale(cluster, 7)
    assert not install(cluster, dataplane_replicas=3).result.changed
    with pytest.raises(ClusterlinkError, match="HorizontalPodAutoscaler clusterlink-system/theirs: sets the number"):
        install(cluster, dataplane_autoscaling=SCALING)


def test_permission_to_list_autoscalers_is_needed_only_for_one(cluster: MemoryCluster) -> None:
    listed = cluster.list

    def refuse(kind: str, namespace: str = "", **selectors: str) -> Any:
        if kind == SCALER.kind:
            raise ApiError(Problem(kind, "may not be listed"), status=403)
        return listed(kind, namespace, **selectors)

    cluster.list = refuse  # type: ignore[method-assign]
    assert not install(cluster, dataplane_replicas=3).result.changed
    with pytest.raises(ClusterlinkError, match="may not be listed"):
        install(cluster, dataplane_autoscaling=SCALING)


@pytest.mark.parametrize(
    ("options", "where", "what"),
    [
        ({"dataplane_autoscaling": {"min": 2}}, "dataplane_autoscaling.max", "is required"),
        ({"dataplane_autoscaling": {"min": 3, "max": 2}}, "dataplane_autoscaling.min", "is more than max, which is 2"),
        ({"dataplane_autoscaling": {"max": 0}}, "dataplane_autoscaling.max", "must be a whole number from 1"),
        ({"dataplane_autoscaling": {"max": 2, "memory": 1}}, "dataplane_autoscaling.memory", "is not known"),
        ({"dataplane_autoscaling": {"max": 2, "cpu": "x"}}, "dataplane_autoscaling.cpu", "must be a whole number"),
        (
            {"dataplane_autoscaling": SCALING, "dataplane_resources": {"requests": {"memory": "64Mi"}}},
            "dataplane_autoscaling",
            "needs a request of CPU",
        ),
        (
            {"dataplane_autoscaling": SCALING, "install": "operator"},
            "dataplane_autoscaling",
            "the operator sets the number of pods itself",
        ),
    ],
)
def test_what_cannot_be_scaled_is_refused(options: dict[str, Any], where: str, what: str) -> None:
    with pytest.raises(ClusterlinkError) as raised:
        gateway_spec({"peer": "east", **options})
    assert any(problem.where == where and problem.what.startswith(what) for problem in raised.value.problems)


def test_limit_of_cpu_is_a_request_too() -> None:
    spec = gateway_spec(
        {"peer": "east", "dataplane_autoscaling": SCALING, "dataplane_resources": {"limits": {"cpu": "1"}}}
    )
    assert spec.dataplane.most == 6


def test_autoscaler_is_removed_with_the_gateway(cluster: MemoryCluster) -> None:
    install(cluster, dataplane_autoscaling=SCALING)
    removal = remove_gateway(cluster, SYSTEM, check=True, timeout=1)
    assert SCALER in removal.result.deleted
    theirs = somebodys_scaler("cl-dataplane")
    cluster.objects[SCALER] = theirs
    removal = remove_gateway(cluster, SYSTEM, check=True, timeout=1)
    assert SCALER not in removal.result.deleted
    assert any("HorizontalPodAutoscaler clusterlink-system/cl-dataplane stays" in each for each in removal.kept)
