# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway that the operator makes: our objects, its own, and what differs. Real ones: tests/integration."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.manifests import gateway_objects
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.operator.deployments import (
    deviation,
    operated_deployments,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.operator.instance import (
    instance_crd,
    unready_instance,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.options import gateway_spec
from tests.unit.plugins.module_utils.gateway.material import COMPONENTS, PEER

Object = dict[str, Any]
OPERATORS = "clusterlink-operator"


def spec_of(**options: Any) -> Any:
    return gateway_spec({"peer": "east", "install": "operator", **options})


def objects(**options: Any) -> dict[tuple[str, str, str], Object]:
    """What is ours, by kind, namespace and name."""
    made = gateway_objects(spec_of(**options), PEER, COMPONENTS)
    return {(obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]): obj for obj in made}


def instance_of(**options: Any) -> Object:
    made: Object = objects(**options)["Instance", OPERATORS, "cl-instance"]
    return made


def verbs(rules: list[Object], resource: str) -> set[str]:
    return {verb for rule in rules if resource in rule["resources"] for verb in rule["verbs"]}


def test_all_but_the_two_deployments_is_ours_and_the_instance_comes_last() -> None:
    direct = gateway_objects(gateway_spec({"peer": "east"}), PEER, COMPONENTS)
    names = {(obj["kind"], obj["metadata"]["name"]) for obj in direct if obj["kind"] != "Deployment"}
    made = objects()
    assert names <= {(kind, name) for kind, _namespace, name in made}
    assert [key for key in made if key[0] == "Deployment"] == [
        ("Deployment", OPERATORS, "cl-operator-controller-manager")
    ]
    assert list(made)[-1][0] == "Instance"
    for kind, _namespace, name in made:
        labels = made[kind, _namespace, name]["metadata"]["labels"]
        assert labels["app.kubernetes.io/managed-by"] == "skyshift.clusterlink"


def test_the_gateways_namespace_lets_its_pods_in_and_the_operators_is_restricted() -> None:
    made, label = objects(), "pod-security.kubernetes.io/enforce"
    assert made["Namespace", "", "clusterlink-system"]["metadata"]["labels"][label] == "baseline"
    assert made["Namespace", "", OPERATORS]["metadata"]["labels"][label] == "restricted"
    assert "automountServiceAccountToken" not in made["ServiceAccount", "clusterlink-system", "cl-controlplane"]


def test_an_instance_says_what_was_asked_for() -> None:
    made = instance_of(
        namespace="links",
        dataplane="go",
        dataplane_replicas=2,
        log_level="warn",
        labels={"region": "eu"},
        image_registry="mirror.example.com/cl",
        image_tag="patched",
        ingress_port=30123,
        ingress_annotations={"example.com/pool": "a"},
    )
    assert made["spec"] == {
        "dataplane": {"type": "go", "replicas": 2},
        "ingress": {"type": "NodePort", "port": 30123, "annotations": {"example.com/pool": "a"}},
        "logLevel": "warning",
        "containerRegistry": "mirror.example.com/cl",
        "tag": "patched",
        "namespace": "links",
        "peerLabels": {"region": "eu"},
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"type": "NodePort"}),
        ({"ingress_type": "none", "ingress_port": 30000}, {"type": "none"}),
        ({"ingress_type": "LoadBalancer"}, {"type": "LoadBalancer", "port": 443}),
    ],
)
def test_the_instances_ingress_is_that_of_the_service(options: Object, expected: Object) -> None:
    assert instance_of(**options)["spec"]["ingress"] == expected


def test_an_instances_fields_are_those_of_its_definition() -> None:
    schema = instance_crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    made = instance_of(labels={"a": "b"}, ingress_port=30001, ingress_annotations={"a": "b"})["spec"]
    assert set(made) == set(schema)
    for part in ("dataplane", "ingress"):
        assert set(made[part]) == set(schema[part]["properties"])
    assert made["logLevel"] in schema["logLevel"]["enum"]


def test_the_operator_reads_no_secrets_makes_no_rights_and_writes_in_two_namespaces_only() -> None:
    made = objects(namespace="links")
    everywhere = made["ClusterRole", "", "cl-operator-manager-role"]["rules"]
    assert verbs(everywhere, "deployments") == {"get", "list", "watch"}
    assert verbs(everywhere, "clusterroles") == {"get", "list", "watch", "delete"}
    [removal] = [rule for rule in everywhere if "delete" in rule["verbs"]]
    assert removal["resourceNames"] == ["clusterlink-system:cl-controlplane"]
    roles = {key[1]: obj["rules"] for key, obj in made.items() if key[0] == "Role" and "operator" in key[2]}
    assert set(roles) == {"links", OPERATORS}
    assert verbs(roles["links"], "deployments") == {"create", "update", "delete"}
    for rules in (everywhere, *roles.values()):
        for resource in ("secrets", "pods", "imports"):
            assert verbs(rules, resource) == set()
    # It finds a role for the control plane, so that it makes none, and this one allows nothing.
    assert made["ClusterRole", "", "clusterlink-system:cl-controlplane"]["rules"] == []
    assert "subjects" not in made["ClusterRoleBinding", "", "clusterlink-system:cl-controlplane"]


def test_the_operators_pod_meets_the_restricted_standard() -> None:
    pod = objects()["Deployment", OPERATORS, "cl-operator-controller-manager"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    [container] = pod["containers"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["image"] == "ghcr.io/clusterlink-net/cl-operator:v0.4.1"


def as_stored(deployment: Object) -> Object:
    """A Deployment with what the server and its controllers fill in."""
    there = copy.deepcopy(deployment)
    there["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "1"}
    there["spec"]["progressDeadlineSeconds"] = 600
    pod = there["spec"]["template"]["spec"]
    pod |= {"restartPolicy": "Always", "securityContext": {}}
    for volume in pod["volumes"]:
        volume["secret"]["defaultMode"] = 420
    [container] = pod["containers"]
    container["resources"] = {}
    container["readinessProbe"]["httpGet"] |= {"path": "/", "scheme": "HTTP"}
    for port in container["ports"]:
        port["protocol"] = "TCP"
    for variable in container.get("env", []):
        variable["valueFrom"]["fieldRef"]["apiVersion"] = "v1"
    return there


@pytest.mark.parametrize("number", [0, 1])
def test_what_the_server_fills_in_and_others_add_is_no_deviation(number: int) -> None:
    wanted = operated_deployments(spec_of())[number]
    there = as_stored(wanted)
    there["spec"]["template"]["spec"]["containers"].append({"name": "side-car"})
    there["spec"]["template"]["spec"]["nodeSelector"] = {"zone": "a"}
    assert deviation(wanted, there) == ({}, {})


def test_what_was_changed_is_said_field_by_field() -> None:
    wanted = operated_deployments(spec_of())[1]
    there = as_stored(wanted)
    there["spec"]["replicas"] = 3
    assert deviation(wanted, there) == ({"spec": {"replicas": 3}}, {"spec": {"replicas": 1}})

    there = as_stored(wanted)
    [container] = there["spec"]["template"]["spec"]["containers"]
    container["args"] = [*container["args"], "--more"]
    before, after = deviation(wanted, there)
    assert before["spec"]["template"]["spec"]["containers"] == [container]
    assert after["spec"]["template"]["spec"] == {"containers": wanted["spec"]["template"]["spec"]["containers"]}

    there = as_stored(wanted)
    del there["spec"]["template"]["spec"]["volumes"]
    before, after = deviation(wanted, there)
    assert (before, list(after["spec"]["template"]["spec"])) == ({"spec": {"template": {"spec": {}}}}, ["volumes"])


def test_a_deployment_of_ours_deviates_until_the_operator_has_written_it() -> None:
    wanted = operated_deployments(spec_of())[0]
    there = as_stored(wanted)
    there["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "skyshift.clusterlink"}
    before, after = deviation(wanted, there)
    assert (before["metadata"]["labels"], after) == (there["metadata"]["labels"], {})


def test_the_operator_gives_no_requests_and_knows_levels_by_other_names() -> None:
    made = operated_deployments(spec_of(log_level="warn", labels={"region": "eu"}, dataplane_replicas=2))
    controlplane, dataplane = (each["spec"]["template"]["spec"]["containers"][0] for each in made)
    assert controlplane["args"] == ["--log-level", "warning", "--peer-label", "region=eu"]
    assert dataplane["args"] == ["--log-level", "warning", "--controlplane-host", "cl-controlplane"]
    assert [each["spec"]["replicas"] for each in made] == [1, 2]
    assert "resources" not in controlplane


def said(status: str, reason: str = "Ready") -> Object:
    return {"type": "any", "status": status, "reason": reason, "message": ""}


def test_an_instance_is_ready_when_all_that_can_be_is() -> None:
    status: Object = {
        "controlplane": {"conditions": {"DeploymentReady": said("True"), "ServiceReady": said("True")}},
        "dataplane": {"conditions": {"DeploymentReady": said("True"), "ServiceReady": said("False", "NotExist")}},
        "ingress": {"conditions": {"ServiceReady": said("True")}},
    }
    obj: Object = {"spec": {"ingress": {"type": "NodePort"}}, "status": status}
    assert unready_instance(obj) == ""
    without: Object = {**obj, "status": {**status, "ingress": {}}}
    assert "whether ingress is ServiceReady" in unready_instance(without)
    assert unready_instance({**without, "spec": {"ingress": {"type": "none"}}}) == ""
    status["controlplane"]["conditions"]["DeploymentReady"] = said("False", "ProgressingMode")
    assert unready_instance(obj) == "controlplane: DeploymentReady is False (ProgressingMode)"
    assert unready_instance(None) == "it does not exist"
    assert "has not reported" in unready_instance({})
