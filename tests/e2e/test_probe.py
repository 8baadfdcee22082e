# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""probe with real pods and Services. A Service stands for what a gateway would make of an Import."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.ansible import Ansible
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

# The lab's workloads: a client with sh and curl, and a server without a shell.
CLIENT_IMAGE = "clusterlink-lab/client:v1"
WEB_IMAGE = "clusterlink-lab/web:v1"
FRONTEND = {"labels": {"app": "frontend"}}

Object = dict[str, Any]


def pod(name: str, app: str, image: str) -> Object:
    restricted = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": app}},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "main",
                    "image": image,
                    "imagePullPolicy": "Never",
                    "env": [{"name": "CLUSTER", "value": "here"}],
                    "securityContext": restricted,
                }
            ],
        },
    }


def service(name: str, app: str) -> Object:
    spec = {"selector": {"app": app}, "ports": [{"port": 80, "targetPort": 8080}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


@pytest.fixture(scope="module")
def place(kubectl: Kubectl) -> Iterator[str]:
    """A namespace that enforces the restricted standard, with a client, a server, and a Service without any."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    metadata = {"name": name, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}
    objects = [
        pod("client", "frontend", CLIENT_IMAGE),
        pod("web", "web", WEB_IMAGE),
        service("web", "web"),
        service("dead", "nobody"),
    ]
    for obj in objects:
        obj["metadata"]["namespace"] = name
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, *objects)
    kubectl("wait", "--for=condition=Ready", "--timeout=60s", f"--namespace={name}", "pod/client", "pod/web")
    yield name
    kubectl.remove_definitions()
    kubectl.remove_namespace(name)


def ask(place: str, name: str = "web", **args: Any) -> Object:
    """Arguments for one attempt at a Service of the namespace."""
    return {"name": name, "namespace": place, "port": 80, "client": FRONTEND, "wait_timeout": 0, **args}


@pytest.mark.parametrize("own_process", [False, True], ids=["worker", "process"])
def test_service_answers_a_real_pod(run_module: Ansible, place: str, own_process: bool) -> None:
    result = run_module("probe", ask(place, count=3, wait_timeout=30, status=[200]), own_process=own_process)
    assert not result.get("failed"), result.get("msg")
    assert not result["changed"]
    assert (result["answered"], result["unanswered"], result["ok"]) == (3, 0, True)
    assert [answer["body"] for answer in result["answers"]] == ["hello from here, pod web\n"] * 3
    assert result["pod"] == {"namespace": place, "name": "client", "container": "main"}
    assert result["summary"] == f"{place}/web answers: hello from here, pod web"


def test_what_does_not_answer_fails_and_what_should_not_answer_must_not(run_module: Ansible, place: str) -> None:
    silent, refused, answered, nameless, tcp_silent, tcp = run_module.each(
        run_module.task("probe", ask(place, "dead", count=2)),
        run_module.task("probe", ask(place, "dead", expect="refused")),
        run_module.task("probe", ask(place, expect="refused")),
        run_module.task("probe", ask(place, "nowhere")),
        run_module.task("probe", ask(place, "dead", scheme="tcp", expect="refused")),
        run_module.task("probe", ask(place, scheme="tcp")),
    )
    assert silent["failed"]
    assert (silent["answered"], silent["unanswered"]) == (0, 2)
    assert "2 of 2 requests were not answered" in silent["msg"]
    assert "connect" in silent["answers"][0]["error"]
    assert not refused.get("failed"), refused.get("msg")
    assert answered["failed"]
    assert "1 of 1 requests were answered, and none should be" in answered["msg"]
    assert "resolve host: nowhere" in nameless["msg"]
    assert not tcp_silent.get("failed"), tcp_silent.get("msg")
    assert not tcp.get("failed"), tcp.get("msg")


def test_answer_that_is_not_as_expected_fails(run_module: Ansible, place: str) -> None:
    status, text = run_module.each(
        run_module.task("probe", ask(place, status=[204])),
        run_module.task("probe", ask(place, contains="hello from there")),
    )
    assert "status 200, and 204 is expected" in status["msg"]
    assert "does not contain 'hello from there'" in text["msg"]


def test_path_cannot_run_anything_in_the_pod(run_module: Ansible, kubectl: Kubectl, place: str) -> None:
    path = "/$(touch /tmp/hacked)`touch /tmp/hacked`';touch /tmp/hacked;'\"\n"
    result = run_module("probe", ask(place, path=path))
    assert result["answered"] == 1
    left = kubectl("exec", f"--namespace={place}", "client", "--", "sh", "-c", "ls /tmp/hacked", check=False)
    assert "No such file" in left or "not found" in left or "cannot access" in left


def test_pods_that_cannot_ask_are_an_error_that_says_what_to_do(run_module: Ansible, place: str) -> None:
    shell, labels, named = run_module.each(
        run_module.task("probe", ask(place, client={"labels": {"app": "web"}})),
        run_module.task("probe", ask(place, client={"labels": {"app": "stranger"}})),
        run_module.task("probe", ask(place, client={"pod": "gone"})),
    )
    assert "there is no 'sh' in its image" in shell["msg"]
    assert "image for a temporary pod" in shell["msg"]
    assert f"pods with app=stranger in namespace {place}" in labels["msg"]
    assert "client (Running; app=frontend)" in labels["msg"]
    assert f"Pod {place}/gone" in named["msg"]


def test_temporary_pod_asks_and_is_removed(run_module: Ansible, kubectl: Kubectl, place: str) -> None:
    stranger = {"labels": {"app": "stranger"}}
    asked, broken = run_module.each(
        run_module.task("probe", ask(place, client=stranger, image=CLIENT_IMAGE, count=2)),
        run_module.task("probe", ask(place, client=stranger, image=WEB_IMAGE)),
    )
    assert not asked.get("failed"), asked.get("msg")
    assert asked["answered"] == 2
    assert not asked["changed"]
    assert broken["failed"]
    assert "the temporary pod does not start" in broken["msg"]
    wait_until(
        "the temporary pods are gone",
        lambda: "clusterlink-probe" not in kubectl("get", "pods", f"--namespace={place}", "--output=name"),
    )


def test_several_probes_say_which_is_which(run_module: Ansible, place: str) -> None:
    def listed(name: str, **args: Any) -> Object:
        return {"name": name, "namespace": place, "port": 80, "client": FRONTEND, **args}

    mixed, fine = run_module.each(
        run_module.task(
            "probe", {"wait_timeout": 0, "probes": [listed("web"), listed("dead"), listed("web", client=None)]}
        ),
        run_module.task("probe", {"probes": [listed("web", sources=["east", "west"]), listed("web", client=None)]}),
    )
    assert mixed["failed"]
    assert f"{place}/dead" in mixed["msg"]
    assert f"{place}/web" not in mixed["msg"]
    assert [each["ok"] for each in mixed["results"]] == [True, False, False]
    assert not fine.get("failed"), fine.get("msg")
    assert [(each["probed"], each["answered"]) for each in fine["results"]] == [(True, 2), (False, 0)]
    assert len(fine["warnings"]) == 1


def test_check_mode_asks_nothing(run_module: Ansible, place: str) -> None:
    result = run_module("probe", ask(place, "dead"), check=True)
    assert (result["skipped"], result["changed"], result["failed"]) == (True, False, False)


@pytest.mark.usefixtures("crds")
def test_reason_is_looked_up_in_the_importing_cluster(run_module: Ansible, kubectl: Kubectl, place: str) -> None:
    def made(kind: str, name: str, spec: Object) -> Object:
        metadata = {"name": name, "namespace": place}
        return {"apiVersion": "clusterlink.net/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}

    sources = [{"peer": peer, "exportName": "web", "exportNamespace": "default"} for peer in ("probe-a", "probe-b")]
    kubectl.apply(
        made("Import", "dead", {"port": 80, "lbScheme": "round-robin", "sources": sources}),
        made("Peer", "probe-a", {"gateways": [{"host": "192.0.2.1", "port": 443}]}),
    )
    valid = [
        {"type": name, "status": "True", "reason": "R", "message": "", "lastTransitionTime": "2025-01-31T12:00:00Z"}
        for name in ("ImportTargetPortValid", "ImportServiceValid")
    ]
    patch = json.dumps({"status": {"conditions": valid}})
    kubectl(
        *("patch", "import", "dead", f"--namespace={place}", "--subresource=status", "--type=merge", f"--patch={patch}")
    )
    result = run_module("probe", ask(place, "dead"))
    assert [line.split(":")[0] for line in result["why"]] == [
        "Peer probe-a is not reachable",
        "there is no Peer probe-b",
    ]
    assert "there is no Peer probe-b" in result["msg"]


def as_user(kubectl: Kubectl, clusters: Clusters, place: str, verbs: str) -> Object:
    """The connection of a service account that may do this with pods, and may run no command in them."""
    here, name = f"--namespace={place}", f"looker-{uuid.uuid4().hex[:8]}"
    kubectl("create", "serviceaccount", name, here)
    kubectl("create", "role", name, f"--verb={verbs}", "--resource=pods", here)
    kubectl("create", "rolebinding", name, f"--role={name}", f"--serviceaccount={place}:{name}", here)
    token = kubectl("create", "token", name, here).strip()
    view = kubectl.json("config", "view", "--minify", f"--context={clusters.contexts[0]}")
    return {"host": view["clusters"][0]["cluster"]["server"], "api_key": token, "validate_certs": False}


def test_missing_permission_is_named(run_module: Ansible, kubectl: Kubectl, clusters: Clusters, place: str) -> None:
    server = as_user(kubectl, clusters, place, "list")
    result = run_module("probe", {**ask(place), **server}, connection=False)
    assert result["failed"]
    assert "pods/exec" in result["msg"]
    assert server["api_key"] not in run_module.output
    listed = {"name": "web", "namespace": place, "port": 80, "client": FRONTEND}
    several = run_module("probe", {"probes": [listed], **server}, connection=False)
    assert not several.get("failed"), several["msg"]
    (warning,) = several["warnings"]
    assert warning.startswith(f"{place}/web was not tried: ")


def test_where_commands_are_forbidden_pods_report_by_themselves(
    run_module: Ansible, kubectl: Kubectl, clusters: Clusters, place: str
) -> None:
    server = as_user(kubectl, clusters, place, "get,list,create,patch,delete")
    listed = {"name": "web", "namespace": place, "port": 80, "client": FRONTEND}
    probes = [{**listed, "count": 2}, {**listed, "name": "dead", "expect": "refused"}]
    result = run_module("probe", {"probes": probes, "image": CLIENT_IMAGE, **server}, connection=False)
    assert not result.get("failed"), result["msg"]
    assert [(each["probed"], each["ok"], each["answered"]) for each in result["results"]] == [
        (True, True, 2),
        (True, True, 0),
    ]
    wrong = run_module(
        "probe",
        {"probes": [{**listed, "expect": "refused"}], "image": CLIENT_IMAGE, **server, "wait_timeout": 0},
        connection=False,
    )
    assert "1 of 1 requests were answered, and none should be" in wrong["msg"]
