# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a control plane may do, and how a Deployment of others becomes a gateway."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.ansible import Call
from tests.support.gateways import CONTROLPLANE, DATAPLANE, QUICK, Fabric, deployment_of_others
from tests.support.objects import make

if TYPE_CHECKING:
    from tests.support.ansible import Ansible
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

Object = dict[str, Any]
SPACE = "gateway-rights"


@pytest.fixture(scope="module")
def east(fabric: Fabric) -> dict[str, Any]:
    """The arguments that every gateway needs."""
    return {**fabric.peer("east"), **QUICK, "namespace": SPACE}


@pytest.fixture(autouse=True)
def _nothing_is_left(kubectl: Kubectl) -> Iterator[None]:
    yield
    kubectl.remove_namespace(SPACE)
    role = f"clusterlink:{SPACE}:cl-controlplane"
    kubectl("delete", "clusterrole,clusterrolebinding", role, "--ignore-not-found")
    kubectl.remove_definitions()


@pytest.mark.usefixtures("no_crds")
def test_a_gateway_of_others_is_taken_over_when_asked(
    run_module: Ansible, kubectl: Kubectl, east: dict[str, Any]
) -> None:
    kubectl("create", "namespace", SPACE)
    kubectl.apply(deployment_of_others(SPACE), manager="cl-operator")

    taken, again = run_module.each(
        Call("gateway", {**east, "force_conflicts": True, "wait": False}), Call("gateway", {**east, "wait": False})
    )
    assert not taken.get("failed"), taken["msg"]
    assert {"kind": "Deployment", "name": DATAPLANE, "namespace": SPACE} in taken["created"]
    assert not again.get("failed"), again["msg"]
    assert not again["changed"]
    assert kubectl.json("get", "deployment", DATAPLANE, "-n", SPACE)["spec"]["replicas"] == 1


def test_what_a_control_plane_needs_is_allowed_and_nothing_beyond(
    run_module: Ansible, kubectl: Kubectl, east: dict[str, Any], namespace: str
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
    predicted, forced = run_module.each(Call("gateway", absent, check=True), Call("gateway", absent))
    assert not forced.get("failed"), forced["msg"]
    assert predicted["deleted"] == forced["deleted"]
    left = kubectl("get", "services", "-n", namespace, "-o", "name").split()
    assert sorted(left) == ["service/merged", "service/web"]
    assert "clusterlink" not in kubectl("get", "crd,namespace", "-o", "name")
