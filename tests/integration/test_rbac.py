# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/rbac.yml is enough: a user who has these rights and no others brings a fabric's part, and removes it again."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support.ansible import Call
from tests.support.gateways import Fabric
from tests.support.objects import make, peer, policy, service_import
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.ansible import Ansible
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

WRITTEN = "clusterlink-system"


@pytest.fixture
def space() -> str:
    """The gateway's namespace, of one test."""
    return f"rbac-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def user(kubectl: Kubectl, space: str) -> Iterator[str]:
    """One with the rights of the manifest."""
    text = (ROOT / "docs" / "rbac.yml").read_text(encoding="utf-8").replace(WRITTEN, space)
    objects = yaml.safe_load(text)["items"]
    kubectl.apply(*objects)
    yield f"system:serviceaccount:{space}:skyshift-clusterlink"
    kubectl("delete", "--ignore-not-found", "-f", "-", "--wait=false", stdin=json.dumps(_as_list(objects)))
    kubectl.remove_definitions()


def _as_list(objects: list[dict[str, Any]]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "List", "items": objects}


@pytest.mark.usefixtures("no_crds")
def test_the_manifests_rights_are_enough_from_installation_to_removal(
    run_module: Ansible, user: str, space: str, namespace: str, tmp_path: Path
) -> None:
    gateway = {**Fabric(tmp_path / "fabric").peer("east"), "namespace": space, "wait": False}
    objects = [
        peer("west", space),
        make("Export", "api", namespace, port=8080),
        service_import("web", namespace, "west"),
        policy("AccessPolicy", "web", namespace),
        policy("PrivilegedAccessPolicy", "all"),
    ]
    mesh = {"fabric": "test", "namespace": space, "wait": False}
    replicas = {"dataplane_replicas": 2, "controlplane_replicas": 2}
    calls = (
        Call("gateway", {**gateway, **replicas}),
        Call("gateway", {**gateway, "ingress_type": "NodePort"}),
        Call("fabric_apply", {**mesh, "objects": objects}),
        Call("gateway_info", {"namespace": space}),
        Call("fabric_info", {"namespace": space}),
        Call("service_info", {"namespaces": [namespace]}),
        Call("fabric_apply", {**mesh, "objects": []}),
        Call("gateway", {"state": "absent", "namespace": space, "wait": False}),
    )
    results = run_module.each(*(Call(call.name, {**call.args, "impersonate_user": user}) for call in calls))
    failed = [f"{call.name}: {each['msg']}" for call, each in zip(calls, results, strict=True) if each.get("failed")]
    assert not failed
    assert [each["changed"] for each in results] == [True, True, True, False, False, False, True, True]


def test_without_them_nothing_is_written(run_module: Ansible, tmp_path: Path) -> None:
    gateway = {**Fabric(tmp_path / "fabric").peer("east"), "namespace": "rbac-stranger", "wait": False}
    refused = run_module("gateway", {**gateway, "impersonate_user": "nobody"})
    assert refused["failed"]
    assert "the user nobody is not permitted to" in refused["msg"]


def test_they_reach_the_lock_and_pods_and_not_what_is_others(
    kubectl: Kubectl, user: str, space: str, namespace: str
) -> None:
    asked = {
        ("update", "leases.coordination.k8s.io", "default"): "yes",  # the lock
        ("create", "pods/exec", namespace): "yes",
        ("get", "secrets", space): "yes",
        ("get", "secrets", "kube-system"): "no",
        ("create", "deployments.apps", namespace): "no",
        ("escalate", "clusterroles.rbac.authorization.k8s.io", ""): "no",
        ("update", "leases.coordination.k8s.io", "kube-system"): "no",
    }
    said = {
        (verb, resource, place): kubectl(
            *("auth", "can-i", verb, resource, f"--as={user}", *([f"--namespace={place}"] if place else [])),
            check=False,
        ).split()[0]
        for verb, resource, place in asked
    }
    assert said == asked
