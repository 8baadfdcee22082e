# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What gateway refuses with nothing written, what it leaves to others, and what a control plane may do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.ansible import Call
from tests.support.gateways import CONTROLPLANE, DATAPLANE, Fabric, inventory
from tests.support.objects import crd_names

if TYPE_CHECKING:
    from tests.support.ansible import Ansible
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

Object = dict[str, Any]
SPACE = "gateway-limits"
API = "clusterlink.net/v1alpha1"


@pytest.fixture(scope="module")
def fabric(tmp_path_factory: pytest.TempPathFactory) -> Fabric:
    return Fabric(tmp_path_factory.mktemp("fabric"))


@pytest.fixture(scope="module")
def east(fabric: Fabric) -> dict[str, str]:
    """The arguments that every gateway needs."""
    return {**fabric.peer("east"), "namespace": SPACE}


@pytest.fixture(autouse=True)
def _nothing_is_left(kubectl: Kubectl) -> Iterator[None]:
    yield
    kubectl.remove_namespace(SPACE)
    role = f"clusterlink:{SPACE}:cl-controlplane"
    kubectl("delete", "clusterrole,clusterrolebinding", role, "--ignore-not-found")
    kubectl("delete", "crd", "--ignore-not-found", "--wait", *crd_names())


def make(kind: str, name: str, namespace: str = "", **spec: Any) -> Object:
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    return {"apiVersion": API, "kind": kind, "metadata": metadata, "spec": spec}


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
        ({"ingress_port": 8443}, "30000 to 32767"),
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


def deployment_of_others() -> Object:
    pod = {"containers": [{"name": "other", "image": "ghcr.io/clusterlink-net/cl-dataplane:v0.4.0"}]}
    labels = {"app": DATAPLANE}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": DATAPLANE, "namespace": SPACE},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


@pytest.mark.usefixtures("no_crds")
def test_a_gateway_of_others_is_an_error_that_names_them_unless_it_is_to_be_taken_over(
    run_module: Ansible, kubectl: Kubectl, east: dict[str, str]
) -> None:
    kubectl("create", "namespace", SPACE)
    kubectl.apply(deployment_of_others(), manager="cl-operator")
    before = inventory(kubectl)

    refused = run_module("gateway", east)
    removed = run_module("gateway", {"state": "absent", "namespace": SPACE})

    assert refused["failed"]
    assert f"Deployment {SPACE}/{DATAPLANE}" in refused["msg"]
    assert "cl-operator" in refused["msg"]
    assert not removed["changed"]
    assert any("cl-operator did" in sentence for sentence in removed["kept"])
    assert inventory(kubectl) == before

    taken, again = run_module.each(
        Call("gateway", {**east, "force_conflicts": True, "wait": False}), Call("gateway", {**east, "wait": False})
    )
    assert not taken.get("failed"), taken["msg"]
    assert {"kind": "Deployment", "name": DATAPLANE, "namespace": SPACE} in taken["created"]
    assert not again.get("failed"), again["msg"]
    assert not again["changed"]
    assert kubectl.json("get", "deployment", DATAPLANE, "-n", SPACE)["spec"]["replicas"] == 1


@pytest.mark.usefixtures("crds")
def test_definitions_of_others_are_used_as_they_are_and_stay(
    run_module: Ansible, kubectl: Kubectl, east: dict[str, str]
) -> None:
    kubectl("label", "crd", "peers.clusterlink.net", "app.kubernetes.io/managed-by=operator", "--overwrite")
    description = [{"op": "replace", "path": "/spec/versions/0/schema/openAPIV3Schema/description", "value": "theirs"}]
    kubectl("patch", "crd", "peers.clusterlink.net", "--type=json", "-p", json.dumps(description))

    result = run_module("gateway", {**east, "wait": False})
    removed = run_module("gateway", {"state": "absent", "namespace": SPACE})

    assert not result.get("failed"), result["msg"]
    crd = kubectl.json("get", "crd", "peers.clusterlink.net")
    assert crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["description"] == "theirs"
    assert any("CustomResourceDefinition peers.clusterlink.net stays" in sentence for sentence in removed["kept"])
    left = [name for name in crd_names() if name in kubectl("get", "crd", "-o", "name")]
    assert left == ["peers.clusterlink.net"]


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


def test_what_a_control_plane_needs_is_allowed_and_nothing_beyond(
    run_module: Ansible, kubectl: Kubectl, east: dict[str, str], namespace: str
) -> None:
    """The gateway is its own peer here: it reaches itself, exports a service, and imports it in both ways."""
    installed = run_module("gateway", east)
    assert not installed.get("failed"), installed["msg"]
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": namespace}}
    merged = {**service, "metadata": {"name": "merged", "namespace": namespace}}
    ports = {"ports": [{"port": 80}]}
    source = {"peer": "east", "exportName": "web", "exportNamespace": namespace}
    merging = make("Import", "merged", namespace, port=80, sources=[source])
    merging["metadata"]["labels"] = {"import.clusterlink.net/merge": "true"}
    everything: list[Object] = [{"workloadSelector": {}}]
    kubectl.apply(
        {**service, "spec": ports},
        {**merged, "spec": ports},
        make("Peer", "east", SPACE, gateways=[installed["address"]]),
        make("Export", "web", namespace, port=80),
        make("Import", "far", namespace, port=80, sources=[source]),
        merging,
        make("AccessPolicy", "all", namespace, action="allow", **{"from": everything, "to": everything}),
    )
    kubectl("wait", "peer/east", "-n", SPACE, "--for=condition=PeerReachable", "--timeout=30s")
    kubectl("wait", "export/web", "-n", namespace, "--for=condition=ExportValid", "--timeout=30s")
    for name in ("far", "merged"):
        kubectl("wait", f"import/{name}", "-n", namespace, "--for=condition=ImportServiceValid", "--timeout=30s")
    assert "import-far-" in kubectl("get", "service", "far", "-n", namespace, "-o=jsonpath={.spec.externalName}")
    assert "clusterlink-6-merged" in kubectl("get", "endpointslices", "-n", namespace, "-o", "name")

    refused = run_module("gateway", {"state": "absent", "namespace": SPACE})
    assert f"Peer {SPACE}/east, Export {namespace}/web" in refused["msg"]
    assert not refused["changed"]

    # What it takes back itself, it may take back: Services of imports that are gone.
    kubectl("delete", "imports", "--all", "-n", namespace)
    kubectl("wait", "service/far", "-n", namespace, "--for=delete", "--timeout=30s")
    assert "forbidden" not in kubectl("logs", f"deployment/{CONTROLPLANE}", "-n", SPACE, "--tail=-1")

    account = f"--as=system:serviceaccount:{SPACE}:{CONTROLPLANE}"
    for verb, resource, where in (
        ("list", "secrets", "-n=kube-system"),
        ("list", "secrets", "-A"),
        ("update", "secrets/cl-peer", f"-n={SPACE}"),
        ("get", "leases.coordination.k8s.io", "-n=kube-system"),
        ("list", "peers.clusterlink.net", "-A"),
        ("create", "pods", f"-n={SPACE}"),
        ("delete", "imports.clusterlink.net", f"-n={namespace}"),
        ("create", "rolebindings.rbac.authorization.k8s.io", f"-n={SPACE}"),
    ):
        assert kubectl("auth", "can-i", verb, resource, where, account, check=False).startswith("no"), resource

    # With force, what a control plane that is gone cannot take back any more goes, too.
    kubectl.apply(make("Import", "far", namespace, port=80, sources=[source]))
    kubectl("wait", "import/far", "-n", namespace, "--for=condition=ImportServiceValid", "--timeout=30s")
    absent = {"state": "absent", "namespace": SPACE, "force": True}
    foretold, forced = run_module.each(Call("gateway", absent, check=True), Call("gateway", absent))
    assert not forced.get("failed"), forced["msg"]
    assert foretold["deleted"] == forced["deleted"]
    left = kubectl("get", "services", "-n", namespace, "-o", "name").split()
    assert sorted(left) == ["service/merged", "service/web"]
    assert "clusterlink" not in kubectl("get", "crd,namespace", "-o", "name")
