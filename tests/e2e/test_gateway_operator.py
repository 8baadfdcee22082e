# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway that ClusterLink's operator makes, on a real cluster, proven with kubectl and openssl."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.ansible import Call
from tests.support.gateways import (
    CONTROLPLANE,
    DATAPLANE,
    INGRESS,
    QUICK,
    inventory,
    pods,
    serial_of,
    served_certificate,
    wait_until_served,
)

if TYPE_CHECKING:
    from tests.support.ansible import Ansible
    from tests.support.gateways import Fabric
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

Object = dict[str, Any]
SPACE, OPERATORS = "gateway-operated", "clusterlink-operator"
MANAGER = "cl-operator-controller-manager"
KIND = "instances.clusterlink.net"


@pytest.fixture(scope="module")
def east(fabric: Fabric) -> dict[str, str]:
    """The arguments that every gateway needs here."""
    return {**fabric.peer("east"), "namespace": SPACE, "install": "operator"}


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_left(kubectl: Kubectl) -> Iterator[None]:
    yield
    kubectl("delete", "deployment", MANAGER, "-n", OPERATORS, "--ignore-not-found", "--wait")
    # An operator that still ends would give its Instance the finalizer again.
    kubectl.hurry(OPERATORS)
    kubectl("wait", "pods", "--all", "-n", OPERATORS, "--for=delete", "--timeout=60s")
    if KIND in kubectl("get", "crd", "-o", "name"):
        for name in kubectl("get", KIND, "-n", OPERATORS, "-o", "name").split():
            kubectl("patch", name, "-n", OPERATORS, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    kubectl.remove_namespace(SPACE, OPERATORS)
    for role in (f"clusterlink:{SPACE}:cl-controlplane", "clusterlink-system:cl-controlplane", "cl-operator-manager"):
        kubectl("delete", "clusterrole,clusterrolebinding", role, f"{role}-role", f"{role}-rolebinding", check=False)
    kubectl.remove_definitions(KIND)


def absent(run_module: Ansible) -> list[Object]:
    """Foretold, done, and done again."""
    settings = {"state": "absent", "namespace": SPACE}
    calls = [Call("gateway", settings, check=check) for check in (True, False, False)]
    results = run_module.each(*calls)
    for result in results:
        assert not result.get("failed"), result["msg"]
    predicted, done, again = results
    assert predicted["deleted"] == done["deleted"]
    assert not again["changed"]
    return results


def names(refs: list[Object], kind: str) -> set[str]:
    return {ref["name"] for ref in refs if ref["kind"] == kind}


def spec_of(kubectl: Kubectl, name: str, namespace: str = SPACE) -> Object:
    found: Object = kubectl.json("get", name, "-n", namespace)["spec"]
    return found


@pytest.mark.usefixtures("no_crds")
def test_a_bare_cluster_gets_an_operator_and_its_gateway_and_is_bare_again(
    present: Callable[..., Object], run_module: Ansible, kubectl: Kubectl, east: dict[str, str], fabric: Fabric
) -> None:
    before = inventory(kubectl)

    done = present()

    assert names(done["created"], "Deployment") == {MANAGER, CONTROLPLANE, DATAPLANE}
    assert KIND in names(done["created"], "CustomResourceDefinition")
    for name in (CONTROLPLANE, DATAPLANE):
        kubectl("rollout", "status", f"deployment/{name}", "-n", SPACE, "--timeout=1s")
        managers = kubectl.json("get", f"deployment/{name}", "-n", SPACE, "--show-managed-fields")["metadata"]
        assert "cl-operator" in {entry["manager"] for entry in managers["managedFields"]}
    assert served_certificate(done["address"], fabric.peer("west"), "east") == serial_of(
        Path(east["certificate_path"]).read_text()
    )
    # It has all the rights that it needs, and reads no Secrets.
    assert "forbidden" not in kubectl("logs", f"deployment/{MANAGER}", "-n", OPERATORS, "--tail=-1")
    account = f"--as=system:serviceaccount:{OPERATORS}:{MANAGER}"
    assert kubectl("auth", "can-i", "get", "secrets", "-A", account, check=False).startswith("no")
    assert not kubectl.json("get", "clusterrole", "clusterlink-system:cl-controlplane").get("rules")

    info = run_module("gateway_info", {"namespace": SPACE})
    assert (info["installed"], info["ready"], info["peer"], info["version"]) == (True, True, "east", "v0.4.1")
    assert (info["installed_by"], info["managed_by"]) == ("operator", "skyshift.clusterlink")
    assert info["address"] == done["address"]
    options = {key: value for key, value in info["options"].items() if key != "ingress_port" and value is not None}
    assert options["install"] == "operator"
    present(changed=False, **options)

    _predicted, removed, _again = absent(run_module)
    assert names(removed["deleted"], "Deployment") == {MANAGER, CONTROLPLANE, DATAPLANE}
    assert inventory(kubectl) == before


@pytest.mark.long
@pytest.mark.usefixtures("no_crds")
@pytest.mark.parametrize("how", ["its Deployment is deleted", "its Instance is being deleted, too"])
def test_without_its_operator_a_gateway_leaves_nothing_either(
    run_module: Ansible, kubectl: Kubectl, east: dict[str, str], how: str
) -> None:
    before = inventory(kubectl)
    made = run_module("gateway", east)
    assert not made.get("failed"), made["msg"]
    kubectl("delete", "deployment", MANAGER, "-n", OPERATORS, "--wait")
    kubectl("wait", "pods", "--all", "-n", OPERATORS, "--for=delete", "--timeout=60s")
    if "too" in how:
        kubectl("delete", KIND, "cl-instance", "-n", OPERATORS, "--wait=false")
        assert "deletionTimestamp" in kubectl.json("get", KIND, "cl-instance", "-n", OPERATORS)["metadata"]

    absent(run_module)

    assert inventory(kubectl) == before


@pytest.mark.long
@pytest.mark.usefixtures("installed")
def test_what_is_asked_otherwise_becomes_so_and_goes_back(present: Callable[..., Object], kubectl: Kubectl) -> None:
    free = next(port for port in range(32000, 32700) if str(port) not in kubectl("get", "services", "-A"))

    done = present(
        dataplane="go",
        dataplane_replicas=2,
        log_level="warn",
        labels={"region": "eu"},
        ingress_port=free,
        ingress_annotations={"example.com/pool": "a"},
    )

    assert done["address"]["port"] == free
    assert names(done["updated"], "Deployment") == {CONTROLPLANE, DATAPLANE}
    assert names(done["created"], "PodDisruptionBudget") == {DATAPLANE}
    assert len(pods(kubectl, SPACE, DATAPLANE)) == 2
    [container] = spec_of(kubectl, f"deployment/{CONTROLPLANE}")["template"]["spec"]["containers"]
    assert container["args"] == ["--log-level", "warning", "--peer-label", "region=eu"]
    assert spec_of(kubectl, f"{KIND}/cl-instance", OPERATORS)["ingress"]["port"] == free
    assert spec_of(kubectl, f"service/{INGRESS}")["ports"][0]["nodePort"] == free

    none = present(ingress_type="none")
    assert none["address"] is None
    assert spec_of(kubectl, f"service/{INGRESS}")["type"] == "ClusterIP"
    assert len(pods(kubectl, SPACE, DATAPLANE)) == 1
    present()


@pytest.mark.long
@pytest.mark.usefixtures("installed")
def test_what_was_changed_or_deleted_by_hand_is_repaired(present: Callable[..., Object], kubectl: Kubectl) -> None:
    kubectl("delete", "deployment", DATAPLANE, "-n", SPACE)
    kubectl("patch", f"deployment/{CONTROLPLANE}", "-n", SPACE, "-p", '{"spec": {"replicas": 0}}')
    kubectl("delete", "service", INGRESS, "-n", SPACE)

    done = present()

    assert names(done["created"], "Deployment") == {DATAPLANE}
    assert names(done["updated"], "Deployment") == {CONTROLPLANE}
    found = {(each["name"], each["drift"]): each for each in done["drift"]}
    assert "kubectl-patch" in {writer["manager"] for writer in found[CONTROLPLANE, "changed"]["by"]}
    assert (DATAPLANE, "missing") in found

    # With its operator gone, and its Instance changed.
    kubectl("delete", "deployment", MANAGER, "-n", OPERATORS, "--wait")
    patch = json.dumps({"spec": {"dataplane": {"replicas": 2}}})
    kubectl("patch", KIND, "cl-instance", "-n", OPERATORS, "--type=merge", "-p", patch)
    done = present()
    assert names(done["created"], "Deployment") == {MANAGER}
    assert names(done["updated"], "Instance") == {"cl-instance"}
    assert len(pods(kubectl, SPACE, DATAPLANE)) == 1

    # With its Instance gone, and all that the operator removes with it.
    kubectl("delete", KIND, "cl-instance", "-n", OPERATORS, "--wait")
    done = present()
    assert {"cl-instance", CONTROLPLANE, DATAPLANE, INGRESS} <= {ref["name"] for ref in done["created"]}
    assert "forbidden" not in kubectl("logs", f"deployment/{MANAGER}", "-n", OPERATORS, "--tail=-1")


@pytest.mark.long
def test_a_new_certificate_of_the_peer_is_served_at_once_by_the_same_pods(
    installed: Object, present: Callable[..., Object], kubectl: Kubectl, east: dict[str, str], fabric: Fabric
) -> None:
    running = pods(kubectl, SPACE, CONTROLPLANE)
    renewed = fabric.peer("east", folder="east-renewed")

    done = present(**renewed)

    assert [ref["name"] for ref in done["updated"]] == ["cl-peer"]
    wait_until_served(installed["address"], fabric.peer("west"), renewed["certificate_path"])
    assert pods(kubectl, SPACE, CONTROLPLANE) == running
    present(**east)


@pytest.mark.long
def test_component_certificates_that_are_recreated_are_those_of_all_pods(
    installed: Object, present: Callable[..., Object], kubectl: Kubectl, fabric: Fabric
) -> None:
    running = pods(kubectl, SPACE, CONTROLPLANE) | pods(kubectl, SPACE, DATAPLANE)
    other = kubectl.json("get", "secret", CONTROLPLANE, "-n", SPACE)["data"]["cert"]
    broken = json.dumps({"data": {"cert": other}})
    kubectl("patch", "secret", DATAPLANE, "-n", SPACE, "--type=merge", "-p", broken)

    done = present()

    assert any(reason.startswith("component certificates: ") for reason in done["reasons"])
    assert names(done["updated"], "Instance") == {"cl-instance"}
    assert not running & (pods(kubectl, SPACE, CONTROLPLANE) | pods(kubectl, SPACE, DATAPLANE))
    assert served_certificate(installed["address"], fabric.peer("west"), "east")


@pytest.mark.long
def test_a_gateway_goes_to_direct_and_back_at_the_same_address(
    installed: Object, present: Callable[..., Object], run_module: Ansible, kubectl: Kubectl, fabric: Fabric
) -> None:
    west = fabric.peer("west")

    done = present(install="direct", **QUICK)

    assert done["address"] == installed["address"]
    assert names(done["created"], "Deployment") == {CONTROLPLANE, DATAPLANE}
    assert names(done["deleted"], "Namespace") == {OPERATORS}
    assert names(done["deleted"], "CustomResourceDefinition") == {KIND}
    assert "operator" not in kubectl("get", "clusterroles,clusterrolebindings,namespaces,crds", "-o", "name")
    assert run_module("gateway_info", {"namespace": SPACE})["installed_by"] == "direct"
    served_certificate(done["address"], west, "east")

    back = present()

    assert back["address"] == installed["address"]
    assert names(back["updated"], "Deployment") == {CONTROLPLANE, DATAPLANE}
    assert run_module("gateway_info", {"namespace": SPACE})["installed_by"] == "operator"
    served_certificate(back["address"], west, "east")
