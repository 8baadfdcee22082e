# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""gateway and gateway_info on a real cluster; what came of them is proven with kubectl and openssl."""

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
    Fabric,
    inventory,
    pods,
    serial_of,
    served_certificate,
    wait_until_served,
)

if TYPE_CHECKING:
    from tests.support.ansible import Ansible
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

Object = dict[str, Any]
SPACE = "gateway-test"
WORKLOADS = (f"deployment/{CONTROLPLANE}", f"deployment/{DATAPLANE}")


@pytest.fixture(scope="module")
def fabric(tmp_path_factory: pytest.TempPathFactory) -> Fabric:
    return Fabric(tmp_path_factory.mktemp("fabric"))


@pytest.fixture(scope="module")
def east(fabric: Fabric) -> dict[str, Any]:
    """The arguments that every gateway needs."""
    return {**fabric.peer("east"), **QUICK, "namespace": SPACE}


@pytest.fixture
def bare(kubectl: Kubectl, run_module: Ansible) -> None:
    """A cluster without a gateway."""
    remove(kubectl, run_module)


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_left(kubectl: Kubectl) -> Iterator[None]:
    """What other tests have removed is gone first; whatever a failed test has left goes at the end."""
    for namespace in kubectl.json("get", "namespaces")["items"]:
        if "deletionTimestamp" in namespace["metadata"]:
            kubectl("wait", "--for=delete", f"namespace/{namespace['metadata']['name']}", "--timeout=120s")
    yield
    kubectl.remove_namespace(SPACE)
    role = f"clusterlink:{SPACE}:cl-controlplane"
    kubectl("delete", "clusterrole,clusterrolebinding", role, "--ignore-not-found")
    kubectl.remove_definitions()


def remove(kubectl: Kubectl, run_module: Ansible) -> None:
    result = run_module("gateway", {"state": "absent", "namespace": SPACE, "force": True})
    assert not result.get("failed"), result["msg"]
    kubectl.remove_namespace(SPACE)


def spec_of(kubectl: Kubectl, name: str) -> Object:
    found: Object = kubectl.json("get", name, "-n", SPACE)["spec"]
    return found


def pod_spec_of(kubectl: Kubectl, name: str) -> Object:
    found: Object = spec_of(kubectl, f"deployment/{name}")["template"]["spec"]
    return found


def container_of(kubectl: Kubectl, name: str) -> Object:
    [container] = pod_spec_of(kubectl, name)["containers"]
    found: Object = container
    return found


def evict(kubectl: Kubectl, pod: str) -> str:
    """What the API server answers to who wants to take a pod away."""
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": SPACE}}
    url = f"/api/v1/namespaces/{SPACE}/pods/{pod}/eviction"
    return kubectl("create", f"--raw={url}", "--filename=-", stdin=json.dumps(eviction), check=False)


@pytest.mark.usefixtures("bare", "no_crds")
def test_a_bare_cluster_is_predicted_becomes_a_peer_and_is_bare_again(
    present: Callable[..., Object], run_module: Ansible, kubectl: Kubectl, east: dict[str, str], fabric: Fabric
) -> None:
    before = inventory(kubectl)
    nothing = run_module("gateway_info", {"namespace": SPACE})
    assert not nothing.get("failed")
    assert (nothing["installed"], nothing["address"], nothing["certificate"]) == (False, None, None)
    assert inventory(kubectl) == before

    done = present()

    assert len(done["created"]) == 19
    for secret in ("BEGIN CERTIFICATE", "PRIVATE KEY"):
        assert secret not in run_module.output
    enforced = kubectl.json("get", "namespace", SPACE)["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
    assert enforced == "restricted"
    for name in (CONTROLPLANE, DATAPLANE):
        kubectl("rollout", "status", f"deployment/{name}", "-n", SPACE, "--timeout=1s")
    west = fabric.peer("west")
    assert served_certificate(done["address"], west, "east") == serial_of(Path(east["certificate_path"]).read_text())

    info = run_module("gateway_info", {"namespace": SPACE})
    assert (info["installed"], info["ready"], info["peer"], info["version"]) == (True, True, "east", "v0.4.1")
    assert info["managed_by"] == "skyshift.clusterlink"
    assert info["address"] == done["address"]
    assert serial_of(Path(east["certificate_path"]).read_text()) == f"serial={info['certificate']['serial']}"
    assert info["controlplane"]["image"] == done["images"]["controlplane"]

    absent = {"state": "absent", "namespace": SPACE}
    predicted, removed, again = run_module.each(
        Call("gateway", absent, check=True), Call("gateway", absent), Call("gateway", absent)
    )
    assert predicted["changed"]
    assert removed["changed"]
    assert predicted["deleted"] == removed["deleted"]
    assert not again["changed"]
    assert inventory(kubectl) == before


@pytest.mark.usefixtures("installed")
def test_a_process_of_its_own_finds_the_same(run_module: Ansible, east: dict[str, str]) -> None:
    result = run_module("gateway", east, own_process=True)
    assert not result.get("failed"), result["msg"]
    assert not result["changed"]


@pytest.mark.usefixtures("installed")
def test_what_was_changed_or_deleted_by_hand_is_repaired(present: Callable[..., Object], kubectl: Kubectl) -> None:
    kubectl("scale", f"deployment/{CONTROLPLANE}", "-n", SPACE, "--replicas=2")
    kubectl("set", "image", f"deployment/{DATAPLANE}", "-n", SPACE, "dataplane=nowhere.invalid/none:1")
    kubectl("delete", "service", CONTROLPLANE, "-n", SPACE)
    kubectl("delete", "rolebinding", CONTROLPLANE, "-n", SPACE)
    kubectl("delete", "secret", "cl-peer", "-n", SPACE)
    rules = json.dumps({"rules": []})
    kubectl("patch", "clusterrole", f"clusterlink:{SPACE}:cl-controlplane", "--type=merge", "-p", rules)
    crd = json.dumps([{"op": "remove", "path": "/spec/versions/0/additionalPrinterColumns/0"}])
    kubectl("patch", "crd", "peers.clusterlink.net", "--type=json", "-p", crd)

    repaired = present()

    assert {ref["kind"] for ref in repaired["created"]} == {"Service", "RoleBinding", "Secret"}
    assert {ref["kind"] for ref in repaired["updated"]} == {"Deployment", "ClusterRole", "CustomResourceDefinition"}
    assert f"Deployment {SPACE}/{CONTROLPLANE}: spec.replicas differs" in repaired["reasons"]
    assert spec_of(kubectl, f"deployment/{CONTROLPLANE}")["replicas"] == 1


@pytest.mark.usefixtures("installed")
def test_what_others_added_stays(present: Callable[..., Object], kubectl: Kubectl) -> None:
    kubectl("annotate", f"service/{INGRESS}", "-n", SPACE, "example.com/team=blue")
    kubectl("create", "configmap", "notes", "-n", SPACE)
    present(changed=False)
    annotations = kubectl.json("get", f"service/{INGRESS}", "-n", SPACE)["metadata"]["annotations"]
    assert annotations["example.com/team"] == "blue"
    kubectl("delete", "configmap", "notes", "-n", SPACE)


@pytest.mark.long
@pytest.mark.usefixtures("installed")
def test_every_option_of_the_pods_is_set_and_taken_back(present: Callable[..., Object], kubectl: Kubectl) -> None:
    resources = {"requests": {"cpu": "0.01", "memory": "16Mi"}, "limits": {"memory": "1024Mi"}}
    present(
        labels={"region": "eu", "zone": "a"},
        log_level="debug",
        controlplane_replicas=2,
        dataplane_replicas=2,
        controlplane_resources=resources,
        dataplane_resources={"requests": {"cpu": "1m"}, "limits": {"cpu": 1}},
        image_pull_secrets=["registry"],
        node_selector={"kubernetes.io/os": "linux"},
        tolerations=[{"operator": "Exists"}],
        priority_class_name="system-cluster-critical",
        pod_labels={"team": "network"},
        fabric="other",
    )

    container = container_of(kubectl, CONTROLPLANE)
    assert container["args"] == ["--log-level", "debug", "--peer-label", "region=eu", "--peer-label", "zone=a"]
    assert container["resources"] == {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "1Gi"}}
    assert container_of(kubectl, DATAPLANE)["resources"]["limits"] == {"cpu": "1"}
    for name in (CONTROLPLANE, DATAPLANE):
        assert len(pods(kubectl, SPACE, name)) == 2
        assert pod_spec_of(kubectl, name)["imagePullSecrets"] == [{"name": "registry"}]
        assert pod_spec_of(kubectl, name)["topologySpreadConstraints"]
        labelled = kubectl.json(
            "get", "pods", "-n", SPACE, "-l", f"app={name},team=network,sidecar.istio.io/inject=false"
        )
        assert [pod["spec"]["priorityClassName"] for pod in labelled["items"]] == ["system-cluster-critical"] * 2
        # As who drains nodes does: one pod goes, and the other stays until there are two again.
        answers = [evict(kubectl, pod) for pod in sorted(pods(kubectl, SPACE, name))]
        assert ["Success" in answer for answer in answers] == [True, False]
        assert "would violate the pod's disruption budget" in answers[1]

    back = present(labels={"region": "us"})

    assert {ref["kind"] for ref in back["deleted"]} == {"PodDisruptionBudget"}
    assert kubectl("get", "poddisruptionbudget", "-n", SPACE) == ""
    container = container_of(kubectl, CONTROLPLANE)
    assert container["args"] == ["--log-level", "info", "--peer-label", "region=us"]
    for name in (CONTROLPLANE, DATAPLANE):
        assert container_of(kubectl, name)["resources"] == {"requests": {"cpu": "100m", "memory": "64Mi"}}
        assert len(pods(kubectl, SPACE, name)) == 1
        gone = {"imagePullSecrets", "nodeSelector", "priorityClassName", "tolerations", "topologySpreadConstraints"}
        assert not gone & set(pod_spec_of(kubectl, name))
    labels = kubectl.json("get", f"deployment/{DATAPLANE}", "-n", SPACE)["metadata"]["labels"]
    assert labels["skyshift.clusterlink/fabric"] == "fabric"


@pytest.mark.usefixtures("installed")
def test_the_data_plane_may_become_the_go_one(present: Callable[..., Object], kubectl: Kubectl, fabric: Fabric) -> None:
    done = present(dataplane="go")
    assert container_of(kubectl, DATAPLANE)["image"].endswith("/cl-go-dataplane:v0.4.1")
    served_certificate(done["address"], fabric.peer("west"), "east")
    present()
    assert container_of(kubectl, DATAPLANE)["image"].endswith("/cl-dataplane:v0.4.1")


@pytest.mark.usefixtures("installed")
def test_images_that_cannot_be_had_are_named_and_do_no_harm(
    present: Callable[..., Object], run_module: Ansible, kubectl: Kubectl, east: dict[str, str]
) -> None:
    running = pods(kubectl, SPACE, DATAPLANE)
    # Nothing listens there, so pulling fails at once.
    digest = f"127.0.0.1:1/dp@sha256:{'0' * 64}"
    wanted = {**east, "image_registry": "127.0.0.1:1/clusterlink", "images": {"dataplane": digest}}

    result = run_module("gateway", {**wanted, "wait_timeout": 30})

    assert result["failed"]
    assert result["changed"]
    assert "not ready within 30 s" in result["msg"]
    assert "image 127.0.0.1:1/clusterlink/cl-controlplane:v0.4.1" in result["msg"]
    assert "ImagePull" in result["msg"]
    assert container_of(kubectl, DATAPLANE)["image"] != digest, "the control plane goes first"
    assert running <= pods(kubectl, SPACE, DATAPLANE)
    present()
    assert pods(kubectl, SPACE, DATAPLANE) == running


@pytest.mark.usefixtures("installed")
def test_ingress_goes_from_each_type_to_each_other(
    present: Callable[..., Object], run_module: Ansible, kubectl: Kubectl, east: dict[str, str]
) -> None:
    node = kubectl.json("get", "nodes")["items"][0]["status"]["addresses"]
    node_address = next(address["address"] for address in node if address["type"] == "InternalIP")
    free = next(port for port in range(32000, 32700) if str(port) not in kubectl("get", "services", "-A"))

    fixed = present(ingress_port=free)
    assert fixed["address"] == {"host": node_address, "port": free}
    assert present(gateway_host="gw.example.com", gateway_port=8443, changed=False, ingress_port=free)["address"] == {
        "host": "gw.example.com",
        "port": 8443,
    }

    none = present(ingress_type="none")
    assert none["address"] is None
    service = spec_of(kubectl, f"service/{INGRESS}")
    assert service["type"] == "ClusterIP"
    assert "nodePort" not in service["ports"][0]

    balanced = {"ingress_type": "LoadBalancer", "ingress_port": 8443, "ingress_annotations": {"example.com/pool": "a"}}
    pending = run_module("gateway", {**east, **balanced, "wait_timeout": 3})
    assert pending["failed"]
    assert pending["changed"]
    assert "no load balancer controller of the cluster has assigned one" in pending["msg"]
    # This cluster has no load balancer: the test writes the Service's status as a cloud's controller would.
    for ingress in ({"ip": "192.0.2.7"}, {"hostname": "lb.example.com"}):
        status = json.dumps({"status": {"loadBalancer": {"ingress": [ingress]}}})
        kubectl("patch", "service", INGRESS, "-n", SPACE, "--subresource=status", "--type=merge", "-p", status)
        [host] = ingress.values()
        assert present(changed=False, **balanced)["address"] == {"host": host, "port": 8443}
        assert run_module("gateway_info", {"namespace": SPACE})["address"] == {"host": host, "port": 8443}
    metadata = kubectl.json("get", f"service/{INGRESS}", "-n", SPACE)["metadata"]
    assert metadata["annotations"]["example.com/pool"] == "a"

    chosen = present()
    assert chosen["address"]["host"] == node_address
    assert chosen["address"]["port"] in range(30000, 32768)
    service = kubectl.json("get", f"service/{INGRESS}", "-n", SPACE)
    assert service["spec"]["ports"][0]["port"] == 443
    assert "example.com/pool" not in (service["metadata"].get("annotations") or {})


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


@pytest.mark.usefixtures("installed")
def test_component_certificates_stay_until_they_are_unfit(present: Callable[..., Object], kubectl: Kubectl) -> None:
    def certificates() -> list[Object]:
        return [kubectl.json("get", "secret", name, "-n", SPACE)["data"] for name in ("cl-ca", CONTROLPLANE, DATAPLANE)]

    before, running = certificates(), pods(kubectl, SPACE, DATAPLANE)
    present(log_level="warn")
    assert certificates() == before

    broken = json.dumps({"data": {"cert": before[1]["cert"]}})
    kubectl("patch", "secret", DATAPLANE, "-n", SPACE, "--type=merge", "-p", broken)
    done = present()

    assert any("component certificates: cl-dataplane: its key is not the one" in reason for reason in done["reasons"])
    assert all(old != new for old, new in zip(before, certificates(), strict=True))
    assert not running & pods(kubectl, SPACE, DATAPLANE)


@pytest.mark.usefixtures("bare")
def test_a_namespace_of_others_that_enforces_the_restricted_standard_is_used_and_stays(
    present: Callable[..., Object], run_module: Ansible, kubectl: Kubectl
) -> None:
    kubectl("create", "namespace", SPACE)
    kubectl("label", "namespace", SPACE, "pod-security.kubernetes.io/enforce=restricted")
    kubectl("create", "configmap", "of-others", "-n", SPACE)
    before = inventory(kubectl)

    done = present(dataplane_replicas=2)

    assert "Namespace" not in {ref["kind"] for ref in done["created"]}
    assert len(pods(kubectl, SPACE, DATAPLANE)) == 2
    kubectl("wait", "pod", "--all", "-n", SPACE, "--for=condition=Ready", "--timeout=20s")
    removed = run_module("gateway", {"state": "absent", "namespace": SPACE})
    assert any(f"Namespace {SPACE} stays" in sentence for sentence in removed["kept"])
    assert inventory(kubectl) == before
    kubectl.remove_namespace(SPACE)


@pytest.mark.usefixtures("installed")
def test_our_own_namespace_stays_while_others_have_something_in_it(run_module: Ansible, kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "of-others", "-n", SPACE)
    removed = run_module("gateway", {"state": "absent", "namespace": SPACE})
    assert any("ConfigMap" in sentence and "of-others" in sentence for sentence in removed["kept"])
    assert "of-others" in kubectl("get", "configmap", "-n", SPACE)
    assert kubectl("get", "deployment,service,secret,role,lease", "-n", SPACE) == ""
    kubectl("delete", "configmap", "of-others", "-n", SPACE)
    absent = {"state": "absent", "namespace": SPACE}
    # A kind that no gateway and no pod belongs to.
    kubectl("create", "cronjob", "of-others", "-n", SPACE, "--image=none", "--schedule=0 0 1 1 *")
    kept = run_module("gateway", absent)
    assert any(f"CronJob {SPACE}/of-others" in sentence for sentence in kept["kept"])
    kubectl("delete", "cronjob", "of-others", "-n", SPACE)
    begun, ended = run_module.each(Call("gateway", {**absent, "wait": False}), Call("gateway", absent))
    assert [ref["kind"] for ref in begun["deleted"]] == ["Namespace"]
    assert not ended["changed"]
    assert kubectl("get", "namespace", SPACE, "--ignore-not-found") == "", "what is on its way is waited for"
