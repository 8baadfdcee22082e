# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway beside the admission of a real API server: a webhook that rewrites, quotas and limits that refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.ansible import Call
from tests.support.gateways import CONTROLPLANE, DATAPLANE, Fabric, inventory
from tests.support.waiting import wait_until
from tests.support.webhook import mutating_webhook

if TYPE_CHECKING:
    from tests.support.ansible import Ansible
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

Object = dict[str, Any]
SPACE = "gateway-admission"
QUOTA = "compute"
PLACED: Object = {
    "node_selector": {"pool": "edge"},
    "tolerations": [{"key": "dedicated", "operator": "Equal", "value": "edge", "effect": "NoSchedule"}],
    "affinity": {
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 1, "podAffinityTerm": {"topologyKey": "zone", "labelSelector": {"matchLabels": {"a": "b"}}}}
            ]
        }
    },
    "topology_spread_constraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}],
    "pod_labels": {"team": "network"},
    "pod_annotations": {"example.com/owner": "network"},
    "image_pull_policy": "Always",
    "image_pull_secrets": ["registry"],
}


@pytest.fixture(scope="module")
def east(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The arguments that every gateway needs."""
    fabric = Fabric(tmp_path_factory.mktemp("fabric"))
    return {**fabric.peer("east"), "namespace": SPACE, "ingress_type": "none", "wait": False}


@pytest.fixture(autouse=True)
def _nothing_is_left(kubectl: Kubectl) -> Iterator[None]:
    kubectl("create", "namespace", SPACE)
    accounts = ("get", "serviceaccounts", "-n", SPACE, "-o", "name")
    wait_until("its accounts", lambda: "default" in kubectl(*accounts))
    yield
    kubectl("delete", "mutatingwebhookconfiguration", SPACE, "--ignore-not-found")
    kubectl.remove_namespace(SPACE)
    role = f"clusterlink:{SPACE}:cl-controlplane"
    kubectl("delete", "clusterrole,clusterrolebinding", role, "--ignore-not-found")
    kubectl.remove_definitions()


def rewrite(deployment: Object) -> list[Object]:
    """Another registry, and a sidecar before the containers that are there."""
    path = "/spec/template/spec/containers"
    containers = deployment["spec"]["template"]["spec"]["containers"]
    changes = [
        {"op": "replace", "path": f"{path}/{index}/image", "value": each["image"].replace("ghcr.io", "mirror.internal")}
        for index, each in enumerate(containers)
    ]
    if not any(each["name"] == "sidecar" for each in containers):
        changes.append({"op": "add", "path": f"{path}/0", "value": {"name": "sidecar", "image": "proxy:1"}})
    label = {"op": "add", "path": "/spec/template/metadata/labels/injected", "value": "yes"}
    return [*changes, label]


def test_what_a_webhook_changes_is_one_warning_and_no_drift(
    run_module: Ansible, kubectl: Kubectl, east: dict[str, Any], tmp_path: Path
) -> None:
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["deployments"]}
    options = {**east, **PLACED, "network_policy": True}
    with mutating_webhook(tmp_path, SPACE, rule, SPACE, rewrite) as configuration:
        kubectl.apply(configuration)
        first, again, changed, last = run_module.each(
            Call("gateway", options),
            Call("gateway", options, check=True),
            Call("gateway", {**options, "image_tag": "v0.4.1-patched"}),
            Call("gateway", {**options, "image_tag": "v0.4.1-patched"}),
        )
        [info] = run_module.each(Call("gateway_info", {"namespace": SPACE}))
    for result in (first, changed):
        assert not result["failed"], result["msg"]
        [warning] = [each for each in result["warnings"] if "admission" in each]
        assert f"Deployment {SPACE}/{DATAPLANE}: spec.template.spec.containers[dataplane].image is mirror." in warning
    for result in (again, last):
        assert not result["changed"], result["reasons"]
        assert (result["drift"], result.get("warnings", [])) == ([], [])
    assert info["options"]["images"]["dataplane"] == "mirror.internal/clusterlink-net/cl-dataplane:v0.4.1-patched"
    assert info["options"]["node_selector"] == PLACED["node_selector"]
    assert info["options"]["topology_spread_constraints"] == PLACED["topology_spread_constraints"]


def require(kubectl: Kubectl, **hard: str) -> None:
    """A ResourceQuota in force; the bed has no controller that fills in its status."""
    spec = {"hard": {key.replace("_", "."): value for key, value in hard.items()}}
    metadata = {"name": QUOTA, "namespace": SPACE}
    kubectl.apply({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": spec})
    status = {"status": {**spec, "used": dict.fromkeys(spec["hard"], "0")}}
    kubectl(
        *("patch", "resourcequota", QUOTA, "-n", SPACE, "--subresource=status", "--type=merge", "-p"),
        json.dumps(status),
    )


def test_pods_that_would_be_refused_are_an_error_before_anything_is_written(
    run_module: Ansible, kubectl: Kubectl, east: dict[str, Any]
) -> None:
    before = inventory(kubectl)
    require(kubectl, limits_memory="4Gi")

    [refused] = run_module.each(Call("gateway", east))

    assert f"Deployment {SPACE}/{CONTROLPLANE}: ResourceQuota compute refuses its pods" in refused["msg"]
    assert "they do not set limits.memory" in refused["msg"]
    kubectl("delete", "resourcequota", QUOTA, "-n", SPACE)
    limits = {"limits": [{"type": "Container", "min": {"memory": "1Gi"}}]}
    metadata = {"name": "least", "namespace": SPACE}
    kubectl.apply({"apiVersion": "v1", "kind": "LimitRange", "metadata": metadata, "spec": limits})
    limited, unknown = run_module.each(
        Call("gateway", east, check=True), Call("gateway", {**east, "priority_class_name": "none-such"})
    )
    assert "minimum memory usage per Container is 1Gi, but request is 64Mi" in limited["msg"]
    assert "PriorityClass does not exist (found: none-such)" in unknown["msg"]
    kubectl("delete", "limitrange", "least", "-n", SPACE)
    assert inventory(kubectl) == before


def test_pods_that_are_refused_later_are_named_by_the_deployments_conditions(
    run_module: Ansible, kubectl: Kubectl, east: dict[str, Any]
) -> None:
    [made] = run_module.each(Call("gateway", east))
    assert not made["failed"], made["msg"]
    require(kubectl, pods="0")
    kubectl("delete", "pods", "--all", "-n", SPACE, "--grace-period=0", "--force")

    [waited] = run_module.each(Call("gateway", {**east, "wait": True, "wait_timeout": 1}))

    assert not waited["changed"], waited["reasons"]
    assert "not ready within 1 s: ResourceQuota compute refuses a further pod" in waited["msg"]
    assert "limited to pods=0" in waited["msg"]
