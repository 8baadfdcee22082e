# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""service_info, and the Services of pods that fabric_apply makes, on a real API server; proven with kubectl."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.objects import service_import

if TYPE_CHECKING:
    from tests.support.ansible import Ansible
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

BACKING = {"skyshift.clusterlink/backing": "true"}


def service(name: str, namespace: str, **labels: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    spec = {"selector": {"app": name}, "ports": [{"port": 80}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


@pytest.mark.usefixtures("crds")
def test_namespace_is_reported_without_what_was_made_for_imports(
    run_module: Ansible, kubectl: Kubectl, namespace: str
) -> None:
    kubectl.apply(
        service("web", namespace, share="yes"),
        service("far", namespace, **{"app.kubernetes.io/managed-by": "clusterlink.net"}),
        service_import("far", namespace, "east"),
    )
    result = run_module("service_info", {"namespaces": [namespace, "not-there"]}, own_process=True)
    assert not result["changed"]
    held = result["namespaces"][namespace]
    (found,) = held["services"]
    assert (found["name"], found["labels"], found["selector"]) == ("web", {"share": "yes"}, {"app": "web"})
    assert found["ports"] == [{"name": "", "port": 80, "protocol": "TCP", "target_port": 80}]
    assert [each["sources"][0]["peer"] for each in held["imports"]] == ["east"]
    assert result["namespaces"]["not-there"] == {"services": [], "stateful_sets": [], "imports": []}


@pytest.mark.usefixtures("crds")
def test_services_of_pods_are_made_left_alone_repaired_and_removed(
    run_module: Ansible, kubectl: Kubectl, namespace: str
) -> None:
    port = {"port": 80, "protocol": "TCP", "targetPort": "http"}
    wanted = service("db-0", namespace)
    wanted["spec"] = {"selector": {"statefulset.kubernetes.io/pod-name": "db-0"}, "ports": [port]}
    arguments = {"fabric": "pods", "objects": [wanted], "wait": False}
    assert [each["name"] for each in run_module("fabric_apply", arguments, check=True)["created"]] == ["db-0"]
    assert run_module("fabric_apply", arguments)["changed"]
    made = kubectl.json("get", "service", "db-0", "--namespace", namespace)
    assert BACKING.items() <= made["metadata"]["labels"].items()
    assert not run_module("fabric_apply", arguments)["changed"]
    kubectl("patch", "service", "db-0", "--namespace", namespace, "--patch", '{"spec": {"selector": {"x": "y"}}}')
    assert run_module("fabric_apply", {**arguments, "objects": []}, check=True)["deleted"] != []
    kubectl.apply(service("mine", namespace))
    refused = run_module("fabric_apply", {**arguments, "objects": [wanted, service("mine", namespace)]})
    assert "did not create it for an export" in refused["msg"]
    assert [each["name"] for each in run_module("fabric_apply", {**arguments, "objects": []})["deleted"]] == ["db-0"]
    assert kubectl("get", "services", "--namespace", namespace, "--output", "name").split() == ["service/mine"]
