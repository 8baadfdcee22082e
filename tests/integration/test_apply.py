# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applying, comparing, waiting and removing on a real API server, for every kind that the collection writes."""

from __future__ import annotations

import base64
import copy
import json
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.crds import crds as crd_objects
from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.apply import (
    Prune,
    apply_objects,
    delete_objects,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.connection import connect
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.errors import ApiError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.retry import RetryPolicy
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.wait import NotReadyError, wait_gone, wait_ready

if TYPE_CHECKING:
    from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.client import Cluster
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

Object = dict[str, Any]
RBAC = "rbac.authorization.k8s.io"
LABELS = {"app.kubernetes.io/part-of": "test"}


@pytest.fixture
def cluster(clusters: Clusters) -> Iterator[Cluster]:
    with connect({"kubeconfig": str(clusters.kubeconfig), "context": clusters.contexts[0]}) as connected:
        yield connected


def make(api: str, kind: str, name: str, namespace: str = "", **rest: Any) -> Object:
    metadata: Object = {"name": name, "labels": {**LABELS, "test": name}}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **rest}


def deployment(namespace: str, **spec: Any) -> Object:
    """With whatever a gateway's has: several ports, variables, volumes, probes, security settings and quantities."""
    container = {
        "name": "web",
        "image": "registry.k8s.io/pause:3.10",
        "ports": [
            {"name": "https", "containerPort": 4443},
            {"name": "dns", "containerPort": 4443, "protocol": "UDP"},
        ],
        "env": [
            {"name": "PLAIN", "value": "1"},
            {"name": "POD", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
        ],
        "volumeMounts": [
            {"name": "keys", "mountPath": "/keys", "subPath": "key.pem", "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
        ],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
        "readinessProbe": {"tcpSocket": {"port": 4443}, "periodSeconds": 3},
        "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    pod = {
        "serviceAccountName": "sa",
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "keys", "secret": {"secretName": "keys"}}, {"name": "tmp", "emptyDir": {}}],
    }
    return make(
        "apps/v1",
        "Deployment",
        "web",
        namespace,
        spec={
            "replicas": 0,
            "minReadySeconds": 2,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": pod},
            **spec,
        },
    )


def every_kind(name: str) -> list[Object]:
    """An object of every kind that an installation consists of, in a namespace that is among them."""
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}
    subjects = [{"kind": "ServiceAccount", "name": "sa", "namespace": name}]
    ports = [
        {"name": "https", "port": 443, "targetPort": 4443},
        {"name": "dns", "port": 53, "targetPort": "dns", "protocol": "UDP"},
    ]  # the node ports are the server's to choose
    allowed = {"from": [{"namespaceSelector": {"matchLabels": {"a": "b"}}}], "ports": [{"port": 4443}]}
    return [
        make("v1", "Namespace", name),
        make("v1", "ServiceAccount", "sa", name, imagePullSecrets=[{"name": "registry"}]),
        make("v1", "Secret", "keys", name, type="Opaque", data={"key.pem": base64.b64encode(b"one").decode()}),
        make("v1", "ConfigMap", "config", name, data={"a": "b", "empty": ""}),
        make(f"{RBAC}/v1", "ClusterRole", name, rules=[rule]),
        make(
            f"{RBAC}/v1",
            "ClusterRoleBinding",
            name,
            roleRef={"apiGroup": RBAC, "kind": "ClusterRole", "name": name},
            subjects=subjects,
        ),
        make(f"{RBAC}/v1", "Role", "role", name, rules=[dict(rule)]),
        make(
            f"{RBAC}/v1",
            "RoleBinding",
            "role",
            name,
            roleRef={"apiGroup": RBAC, "kind": "Role", "name": "role"},
            subjects=subjects,
        ),
        make("v1", "Service", "web", name, spec={"type": "NodePort", "selector": {"app": "web"}, "ports": ports}),
        make(
            "policy/v1",
            "PodDisruptionBudget",
            "web",
            name,
            spec={"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}},
        ),
        make(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            "web",
            name,
            spec={"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress"], "ingress": [allowed]},
        ),
        deployment(name),
    ]


@pytest.fixture
def name(kubectl: Kubectl) -> Iterator[str]:
    """A name for a namespace and cluster-wide objects that a test makes itself; they go at the end."""
    value = f"test-{time.time_ns():x}"
    yield value
    kubectl("delete", "clusterrole,clusterrolebinding,namespace", value, "--ignore-not-found", "--wait=false")


def test_every_kind_is_predicted_created_and_then_left_alone(cluster: Cluster, kubectl: Kubectl, name: str) -> None:
    objects = every_kind(name)
    refs = [Ref.of(obj) for obj in objects]
    predicted = apply_objects(cluster, objects, check=True)
    assert predicted.created == refs
    assert kubectl("get", "namespace", name, "--ignore-not-found") == ""

    done = apply_objects(cluster, objects, check=False)
    assert done.created == refs
    assert done.diff == predicted.diff
    assert base64.b64encode(b"one").decode() not in json.dumps(done.diff)

    listed = kubectl.json("get", "deployment,service,secret,configmap,role,rolebinding", "-n", name, "--selector=test")
    versions = {item["kind"]: item["metadata"]["resourceVersion"] for item in listed["items"]}
    for check in (True, False):
        again = apply_objects(cluster, objects, check=check)
        assert again.unchanged == refs
        assert not again.changed
    listed = kubectl.json("get", "deployment,service,secret,configmap,role,rolebinding", "-n", name, "--selector=test")
    assert {item["kind"]: item["metadata"]["resourceVersion"] for item in listed["items"]} == versions

    removed = delete_objects(cluster, list(reversed(refs)), check=False)
    assert removed.deleted == list(reversed(refs))
    wait_gone(cluster, refs, 60)
    assert kubectl("get", "namespace,clusterrole", name, "--ignore-not-found") == ""


def _kind(objects: list[Object], kind: str) -> Object:
    return next(obj for obj in objects if obj["kind"] == kind)


def test_every_sort_of_change_is_made_and_shown(cluster: Cluster, kubectl: Kubectl, name: str) -> None:
    objects = every_kind(name)
    apply_objects(cluster, objects, check=False)
    wanted = copy.deepcopy(objects)
    container = _kind(wanted, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    container["env"][0]["value"] = "2"  # a value in a list that is merged by name
    del container["ports"][1]  # an item that is no longer wanted
    del container["resources"]["limits"]  # a field that is no longer wanted
    _kind(wanted, "Secret")["data"]["key.pem"] = base64.b64encode(b"two").decode()
    del _kind(wanted, "ConfigMap")["data"]["empty"]
    _kind(wanted, "Role")["rules"][0]["verbs"] = ["get"]  # a list that is replaced as a whole
    _kind(wanted, "Service")["spec"]["ports"][0]["nodePort"] = 32444  # a field that was the server's
    _kind(wanted, "Namespace")["metadata"]["labels"]["more"] = "yes"

    predicted = apply_objects(cluster, wanted, check=True)
    done = apply_objects(cluster, wanted, check=False)
    expected = ["Namespace", "Secret", "ConfigMap", "Role", "Service", "Deployment"]
    assert [ref.kind for ref in predicted.updated] == [ref.kind for ref in done.updated] == expected
    assert predicted.diff == done.diff
    shown = {change["before_header"].split()[0]: change for change in done.diff}
    assert shown["ConfigMap"]["before"] == {"data": {"empty": ""}}
    assert shown["Role"]["before"] == {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]}
    [before] = shown["Deployment"]["before"]["spec"]["template"]["spec"]["containers"]
    [after] = shown["Deployment"]["after"]["spec"]["template"]["spec"]["containers"]
    assert before["env"] == [{"name": "PLAIN", "value": "1"}]
    assert after["env"] == [{"name": "PLAIN", "value": "2"}]
    assert before["resources"] == {"limits": {"memory": "64Mi"}}
    assert [port["name"] for port in before["ports"]] == ["dns"]
    for secret in (b"one", b"two"):
        assert base64.b64encode(secret).decode() not in json.dumps(done.diff)
    assert not apply_objects(cluster, wanted, check=False).changed

    there = kubectl.json("get", "deployment", "web", "-n", name)["spec"]["template"]["spec"]["containers"][0]
    assert there["ports"] == [{"name": "https", "containerPort": 4443, "protocol": "TCP"}]
    assert there["resources"] == {"requests": {"cpu": "10m", "memory": "16Mi"}}
    assert kubectl.json("get", "secret", "keys", "-n", name)["data"] == {"key.pem": base64.b64encode(b"two").decode()}


def test_change_by_hand_is_repaired_and_what_others_add_is_kept(cluster: Cluster, kubectl: Kubectl, name: str) -> None:
    objects = every_kind(name)
    apply_objects(cluster, objects, check=False)
    kubectl("scale", "deployment", "web", "-n", name, "--replicas=1")
    kubectl("set", "image", "deployment/web", "-n", name, "web=example.com/other:1")
    kubectl("set", "env", "deployment/web", "-n", name, "THEIRS=1")
    kubectl("annotate", "deployment", "web", "-n", name, "theirs=kept")
    kubectl("delete", "service", "web", "-n", name)
    predicted = apply_objects(cluster, objects, check=True)
    done = apply_objects(cluster, objects, check=False)
    for result in (predicted, done):
        assert [str(ref) for ref in result.created] == [f"Service {name}/web"]
        assert [str(ref) for ref in result.updated] == [f"Deployment {name}/web"]
    assert not apply_objects(cluster, objects, check=False).changed
    there = kubectl.json("get", "deployment", "web", "-n", name)
    container = there["spec"]["template"]["spec"]["containers"][0]
    assert there["spec"]["replicas"] == 0
    assert container["image"] == "registry.k8s.io/pause:3.10"
    assert {variable["name"] for variable in container["env"]} == {"PLAIN", "POD", "THEIRS"}
    assert there["metadata"]["annotations"]["theirs"] == "kept"


def test_value_that_the_server_writes_otherwise_is_no_endless_change(cluster: Cluster, name: str) -> None:
    odd = deployment(name)
    pod = odd["spec"]["template"]["spec"]
    pod["containers"][0]["resources"] = {"requests": {"cpu": "0.5", "memory": "1024Mi"}}
    del pod["containers"][0]["env"][1]["valueFrom"]["fieldRef"]["apiVersion"]  # filled in within an atomic field
    objects = [make("v1", "Namespace", name), odd]
    assert apply_objects(cluster, objects, check=False).changed
    for check in (True, False):
        assert not apply_objects(cluster, objects, check=check).changed


def test_pruning_in_a_namespace_leaves_what_is_not_ours(cluster: Cluster, kubectl: Kubectl, name: str) -> None:
    objects = every_kind(name)
    apply_objects(cluster, objects, check=False)
    kubectl("create", "service", "clusterip", "theirs", "-n", name, "--tcp=80")
    kept = [obj for obj in objects if obj["kind"] not in ("Service", "NetworkPolicy")]
    prune = Prune(("Deployment", "Service", "NetworkPolicy"), LABELS, namespace=name)
    predicted = apply_objects(cluster, kept, check=True, prune=prune)
    done = apply_objects(cluster, kept, check=False, prune=prune)
    for result in (predicted, done):
        assert [str(ref) for ref in result.deleted] == [f"NetworkPolicy {name}/web", f"Service {name}/web"]
    assert kubectl("get", "services", "-n", name, "-o", "name").split() == ["service/theirs"]


@pytest.mark.usefixtures("no_crds")
def test_kinds_are_there_to_be_used_once_they_are_waited_for(cluster: Cluster, kubectl: Kubectl) -> None:
    objects = crd_objects()
    result = apply_objects(cluster, objects, check=False)
    wait_ready(cluster, result.objects, 30, known=result.objects)
    kubectl("get", "peers,exports,imports,accesspolicies,privilegedaccesspolicies", "--all-namespaces")
    assert not apply_objects(cluster, objects, check=False).changed


def test_rollout_is_waited_for_and_one_that_cannot_end_says_why(cluster: Cluster, kubectl: Kubectl, name: str) -> None:
    objects = every_kind(name)
    apply_objects(cluster, objects, check=False)
    ref = Ref("Deployment", "web", name)
    assert wait_ready(cluster, [ref], 20)[ref] is not None  # no pods are wanted

    kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    kubectl(
        "patch",
        "deployment",
        "web",
        "-n",
        name,
        "--patch",
        '{"spec":{"replicas":1,"template":{"spec":{"hostPID":true}}}}',
    )
    with pytest.raises(NotReadyError, match=r"ReplicaFailure is True .*violates PodSecurity"):
        wait_ready(cluster, [ref], 3)


def test_wait_ends_as_soon_as_the_object_is_ready(cluster: Cluster, kubectl: Kubectl, namespace: str) -> None:
    """A load balancer's address, which the test writes as a cloud's controller would."""
    ports = [{"port": 443}]
    service = make("v1", "Service", "lb", namespace, spec={"type": "LoadBalancer", "ports": ports})
    [ref] = apply_objects(cluster, [service], check=False).created
    status = {"status": {"loadBalancer": {"ingress": [{"hostname": "lb.example.com"}]}}}
    patch = ["--subresource=status", "--type=merge", "--patch", json.dumps(status)]
    later = threading.Timer(1.0, lambda: kubectl("patch", "service", "lb", "-n", namespace, *patch))

    def judge(obj: Any) -> str:
        return "" if obj and obj["status"]["loadBalancer"] else "no address yet"

    later.start()
    started = time.monotonic()
    state = wait_ready(cluster, [ref], 60, judge=judge)[ref]
    assert time.monotonic() - started < 40
    assert state is not None
    assert state["status"]["loadBalancer"]["ingress"][0]["hostname"] == "lb.example.com"


def test_what_holds_an_object_that_will_not_go_is_named(cluster: Cluster, kubectl: Kubectl, namespace: str) -> None:
    held = make("v1", "ConfigMap", "held", namespace)
    held["metadata"]["finalizers"] = ["example.com/hold"]
    apply_objects(cluster, [held], check=False)
    ref = Ref.of(held)
    delete_objects(cluster, [ref], check=False)
    with pytest.raises(NotReadyError, match=r"held by example\.com/hold"):
        wait_gone(cluster, [ref], 1)
    changed = copy.deepcopy(held)
    changed["data"] = {"a": "b"}
    with pytest.raises(ClusterlinkError, match="it is being deleted"):
        apply_objects(cluster, [changed], check=True)
    kubectl("patch", "configmap", "held", "-n", namespace, "--type=merge", "--patch", '{"metadata":{"finalizers":[]}}')
    wait_gone(cluster, [ref], 20)


@pytest.mark.parametrize(("fields", "path"), [({"dta": {"a": "b"}}, ".dta"), ({"data": {"a": ["b"]}}, ".data.a")])
@pytest.mark.parametrize("dry_run", [True, False])
def test_fields_that_the_server_does_not_know_are_refused_at_once(
    clusters: Clusters, namespace: str, fields: Object, path: str, dry_run: bool
) -> None:
    def waited(_seconds: float) -> None:
        raise AssertionError("the next attempt would get the same answer")

    options = {"kubeconfig": str(clusters.kubeconfig), "context": clusters.contexts[0]}
    with (
        connect(options, RetryPolicy(20, sleep=waited)) as cluster,
        pytest.raises(ApiError, match=f"does not accept its fields .*: {path}"),
    ):
        cluster.apply(make("v1", "ConfigMap", "wrong", namespace, **fields), dry_run=dry_run)


def test_namespace_that_is_being_deleted_is_said_so(cluster: Cluster, kubectl: Kubectl, name: str) -> None:
    kubectl("create", "namespace", name)
    held = make("v1", "ConfigMap", "held", name)
    held["metadata"]["finalizers"] = ["example.com/hold"]
    apply_objects(cluster, [held], check=False)
    kubectl("delete", "namespace", name, "--wait=false")
    with pytest.raises(ClusterlinkError, match="because it is being terminated"):
        apply_objects(cluster, [make("v1", "ConfigMap", "new", name)], check=True)
    kubectl("patch", "configmap", "held", "-n", name, "--type=merge", "--patch", '{"metadata":{"finalizers":[]}}')
