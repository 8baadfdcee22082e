# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What gateway refuses with nothing written, and what it leaves to others: no pod has to run for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.ansible import Call
from tests.support.gateways import CONTROLPLANE, DATAPLANE, Fabric, deployment_of_others, inventory
from tests.support.objects import crd_names

if TYPE_CHECKING:
    from tests.support.ansible import Ansible
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

Object = dict[str, Any]
SPACE = "gateway-limits"
ABSENT = {"state": "absent", "namespace": SPACE}


@pytest.fixture(scope="module")
def fabric(tmp_path_factory: pytest.TempPathFactory) -> Fabric:
    return Fabric(tmp_path_factory.mktemp("fabric"))


@pytest.fixture(scope="module")
def east(fabric: Fabric) -> dict[str, str]:
    """The arguments that every gateway needs."""
    return {**fabric.peer("east"), "namespace": SPACE, "ingress_type": "none"}


@pytest.fixture(autouse=True)
def _nothing_is_left(kubectl: Kubectl) -> Iterator[None]:
    yield
    kubectl.remove_namespace(SPACE)
    role = f"clusterlink:{SPACE}:cl-controlplane"
    kubectl("delete", "clusterrole,clusterrolebinding", role, "--ignore-not-found")
    kubectl.remove_definitions()


@pytest.mark.usefixtures("no_crds")
def test_whatever_is_wrong_is_said_and_nothing_is_written(
    run_module: Ansible, kubectl: Kubectl, east: dict[str, str], fabric: Fabric, tmp_path: Path
) -> None:
    truncated = tmp_path / "truncated.pem"
    truncated.write_text(Path(east["certificate_path"]).read_text()[:300], encoding="utf-8")
    other_key = fabric.peer("east", folder="other")["privatekey_path"]
    stranger = Fabric(tmp_path / "stranger", "stranger")
    wrong: list[tuple[Object, str]] = [
        ({"version": "v0.3.0"}, "not supported (found: v0.3.0)"),
        ({"ingress_type": "NodePort", "ingress_port": 8443}, "30000 to 32767"),
        ({"labels": {"region": "a b"}}, "labels.region"),
        ({"controlplane_resources": {"limits": {"cpu": "lots"}}}, "controlplane_resources.limits.cpu"),
        ({"privatekey_path": other_key}, "is not the key of the certificate"),
        ({"ca_path": str(stranger.folder / "cert.pem")}, "its issuer is CN=test where the CA is CN=stranger"),
        (fabric.peer("east", folder="expired", days="-1"), "it expired at"),
        ({**fabric.peer("west"), "peer": "east"}, "its DNS names are west instead of east"),
        ({"certificate_path": str(truncated)}, "holds no whole certificate"),
        ({"privatekey_path": str(tmp_path / "none.pem")}, "is missing"),
        ({"impersonate_user": "nobody"}, "the user nobody is not permitted to"),
    ]
    before = inventory(kubectl)

    results = run_module.each(*(Call("gateway", {**east, **options}) for options, _said in wrong))

    for result, (_options, said) in zip(results, wrong, strict=True):
        assert result["failed"]
        assert not result["changed"]
        assert said in result["msg"]
    assert inventory(kubectl) == before


@pytest.mark.usefixtures("no_crds")
def test_who_may_not_write_one_kind_writes_none(run_module: Ansible, kubectl: Kubectl, east: dict[str, str]) -> None:
    kubectl("create", "namespace", SPACE)
    before = inventory(kubectl)
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "test-no-roles"}}
    rules = [
        {"apiGroups": [""], "resources": ["namespaces", "secrets", "services", "serviceaccounts"], "verbs": ["*"]},
        {"apiGroups": ["apiextensions.k8s.io", "apps", "policy"], "resources": ["*"], "verbs": ["*"]},
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["*"], "verbs": ["get", "list"]},
    ]
    kubectl.apply({**role, "rules": rules})
    kubectl("create", "clusterrolebinding", "test-no-roles", "--clusterrole=test-no-roles", "--user=someone")

    result = run_module("gateway", {**east, "impersonate_user": "someone"})

    kubectl("delete", "clusterrole,clusterrolebinding", "test-no-roles")
    assert result["failed"]
    assert f"not permitted to patch roles.rbac.authorization.k8s.io in namespace {SPACE}" in result["msg"]
    assert inventory(kubectl) == before


@pytest.mark.usefixtures("no_crds")
def test_a_gateway_of_others_is_an_error_that_names_them(
    run_module: Ansible, kubectl: Kubectl, east: dict[str, str]
) -> None:
    kubectl("create", "namespace", SPACE)
    kubectl.apply(deployment_of_others(SPACE), manager="cl-operator")
    before = inventory(kubectl)

    refused, removed = run_module.each(Call("gateway", east), Call("gateway", ABSENT))

    assert refused["failed"]
    assert f"Deployment {SPACE}/{DATAPLANE}" in refused["msg"]
    assert "cl-operator" in refused["msg"]
    assert not removed["changed"]
    assert any("cl-operator did" in sentence for sentence in removed["kept"])
    assert inventory(kubectl) == before


@pytest.mark.usefixtures("crds")
def test_definitions_of_others_are_used_as_they_are_and_stay(
    run_module: Ansible, kubectl: Kubectl, east: dict[str, str]
) -> None:
    kubectl("label", "crd", "peers.clusterlink.net", "app.kubernetes.io/managed-by=operator", "--overwrite")
    description = [{"op": "replace", "path": "/spec/versions/0/schema/openAPIV3Schema/description", "value": "theirs"}]
    kubectl("patch", "crd", "peers.clusterlink.net", "--type=json", "-p", json.dumps(description))

    result, removed = run_module.each(Call("gateway", {**east, "wait": False}), Call("gateway", ABSENT))

    assert not result.get("failed"), result["msg"]
    crd = kubectl.json("get", "crd", "peers.clusterlink.net")
    assert crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["description"] == "theirs"
    assert any("CustomResourceDefinition peers.clusterlink.net stays" in sentence for sentence in removed["kept"])
    left = [name for name in crd_names() if name in kubectl("get", "crd", "-o", "name")]
    assert left == ["peers.clusterlink.net"]


@pytest.fixture
def other(kubectl: Kubectl, namespace: str) -> str:
    """The namespace of another gateway, which somebody made by hand; it goes first."""
    kubectl.apply(deployment_of_others(namespace, CONTROLPLANE), manager="kubectl-client-side-apply")
    return namespace


@pytest.mark.usefixtures("no_crds")
def test_definitions_stay_while_a_gateway_of_anybody_needs_them(
    run_module: Ansible, kubectl: Kubectl, east: dict[str, str], other: str
) -> None:
    theirs = {"apiVersion": "clusterlink.net/v1alpha1", "kind": "Export", "spec": {"port": 80}}

    installed = run_module("gateway", {**east, "wait": False})
    kubectl.apply({**theirs, "metadata": {"name": "theirs", "namespace": other}})
    predicted = run_module("gateway", {**ABSENT, "force": True}, check=True)
    removed, again = run_module.each(Call("gateway", {**ABSENT, "force": True}), Call("gateway", ABSENT))

    assert not installed.get("failed"), installed["msg"]
    assert removed["changed"]
    assert kubectl("get", "exports", "-n", other, "-o", "name").split() == ["export.clusterlink.net/theirs"]
    for kept in (predicted["kept"], removed["kept"], again["kept"]):
        for name in crd_names():
            assert f"CustomResourceDefinition {name} stays: the gateway in namespace {other} needs it" in kept
    assert not again["changed"]

    kubectl("delete", "deployment", CONTROLPLANE, "-n", other)
    kubectl("delete", "export", "theirs", "-n", other)
    assert run_module("gateway", ABSENT)["changed"]
    assert [name for name in crd_names() if name in kubectl("get", "crd", "-o", "name")] == []


@pytest.mark.usefixtures("crds")
def test_definitions_of_others_that_serve_another_version_only_are_refused(
    run_module: Ansible, kubectl: Kubectl, east: dict[str, str]
) -> None:
    kubectl("delete", "crd", "exports.clusterlink.net", "--wait")
    schema = {"openAPIV3Schema": {"type": "object"}}
    names = {"kind": "Export", "listKind": "ExportList", "plural": "exports", "singular": "export"}
    kubectl.apply(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "exports.clusterlink.net"},
            "spec": {
                "group": "clusterlink.net",
                "names": names,
                "scope": "Namespaced",
                "versions": [{"name": "v2", "served": True, "storage": True, "schema": schema}],
            },
        }
    )
    result = run_module("gateway", east)
    assert "CustomResourceDefinition exports.clusterlink.net: it does not serve version v1alpha1" in result["msg"]
    assert not result["changed"]


@pytest.mark.usefixtures("no_crds")
def test_what_the_operator_cannot_do_is_refused_with_nothing_written(
    run_module: Ansible, kubectl: Kubectl, east: dict[str, str]
) -> None:
    before = inventory(kubectl)
    refused = run_module(
        "gateway",
        {**east, "install": "operator", "controlplane_replicas": 2, "dataplane_resources": {"limits": {"cpu": 1}}},
    )
    assert refused["failed"]
    assert not refused["changed"]
    assert "Set install (clusterlink_install) to direct" in refused["msg"]
    assert {problem["where"] for problem in refused["problems"]} == {"controlplane_replicas", "dataplane_resources"}
    assert inventory(kubectl) == before


@pytest.mark.usefixtures("crds")
def test_the_ingress_has_its_fields_and_what_cannot_change_any_more_is_refused(
    run_module: Ansible, kubectl: Kubectl, east: dict[str, str]
) -> None:
    balanced: Object = {
        **east,
        "wait": False,
        "ingress_type": "LoadBalancer",
        "ingress_load_balancer_class": "example.com/edge",
        "ingress_load_balancer_source_ranges": ["198.51.100.0/24"],
        "ingress_external_traffic_policy": "Local",
        "ingress_ip_family_policy": "PreferDualStack",
        "ingress_ip_families": ["IPv4"],
    }
    opened = {**east, "wait": False, "ingress_type": "NodePort", "ingress_external_traffic_policy": "Cluster"}

    made, again, info, refused, changed = run_module.each(
        Call("gateway", balanced),
        Call("gateway", balanced),
        Call("gateway_info", {"namespace": SPACE}),
        Call(
            "gateway",
            {**balanced, "dataplane": "go", "ingress_load_balancer_class": "other", "ingress_ip_families": ["IPv6"]},
            check=True,
        ),
        Call("gateway", opened),
    )

    assert not made["failed"], made["msg"]
    assert not again["changed"], again["reasons"]
    assert {key: info["options"][key] for key in balanced if key.startswith("ingress_l")} == {
        key: value for key, value in balanced.items() if key.startswith("ingress_l")
    }
    assert "its load balancer class cannot change" in refused["msg"]
    assert "its first address family cannot change" in refused["msg"]
    assert not changed["failed"], changed["msg"]
    spec = kubectl.json("get", "service", "clusterlink", "-n", SPACE)["spec"]
    assert (spec["type"], spec["externalTrafficPolicy"]) == ("NodePort", "Cluster")
    assert "loadBalancerClass" not in spec
