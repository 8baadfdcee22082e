# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/rbac.yml is enough: a user who has these rights and no others brings a fabric's part, and removes it again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support.ansible import Call
from tests.support.gateways import Fabric
from tests.support.objects import crd_names, make, peer, policy, service_import
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.ansible import Ansible
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

WRITTEN = "clusterlink-system"
SPACE = "rbac-gateway"


@pytest.fixture
def user(kubectl: Kubectl) -> Iterator[str]:
    """One with the rights of the manifest, for a gateway in a namespace of this test's own."""
    text = (ROOT / "docs" / "rbac.yml").read_text(encoding="utf-8").replace(WRITTEN, SPACE)
    objects = list(yaml.safe_load_all(text))
    kubectl.apply(*objects)
    yield f"system:serviceaccount:{SPACE}:skyshift-clusterlink"
    kubectl("delete", "--ignore-not-found", "-f", "-", "--wait=false", stdin=json.dumps(_as_list(objects)))
    kubectl("delete", "crd", "--ignore-not-found", "--wait", *crd_names())


def _as_list(objects: list[dict[str, Any]]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "List", "items": objects}


@pytest.mark.usefixtures("no_crds")
def test_the_manifests_rights_are_enough_from_installation_to_removal(
    run_module: Ansible, user: str, namespace: str, tmp_path: Path
) -> None:
    gateway = {**Fabric(tmp_path / "fabric").peer("east"), "namespace": SPACE, "wait": False}
    objects = [
        peer("west", SPACE),
        make("Export", "api", namespace, port=8080),
        service_import("web", namespace, "west"),
        policy("AccessPolicy", "web", namespace),
        policy("PrivilegedAccessPolicy", "all"),
    ]
    mesh = {"fabric": "test", "namespace": SPACE, "wait": False}
    replicas = {"dataplane_replicas": 2, "controlplane_replicas": 2}
    calls = (
        Call("gateway", {**gateway, **replicas}),
        Call("gateway", {**gateway, "ingress_type": "NodePort"}),
        Call("fabric_apply", {**mesh, "objects": objects}),
        Call("gateway_info", {"namespace": SPACE}),
        Call("fabric_info", {"namespace": SPACE}),
        Call("service_info", {"namespaces": [namespace]}),
        Call("fabric_apply", {**mesh, "objects": []}),
        Call("gateway", {"state": "absent", "namespace": SPACE, "wait": False}),
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
