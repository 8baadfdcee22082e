# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""fabric_apply on a real API server; what came of it is proven with kubectl."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.objects import Object, make, peer, policy, service_import

if TYPE_CHECKING:
    from tests.support.ansible import Ansible
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

KINDS = "peers,exports,accesspolicies,privilegedaccesspolicies,imports"


def names(refs: list[dict[str, str]]) -> list[str]:
    return [f"{ref['kind']} {ref['name']}" for ref in refs]


@pytest.fixture
def fabric(kubectl: Kubectl) -> Iterator[str]:
    """A fabric's name for one test; what is left of it goes at the end."""
    name = f"fabric-{uuid.uuid4().hex[:8]}"
    yield name
    if "clusterlink.net" in kubectl("api-versions"):
        kubectl("delete", KINDS, "--all-namespaces", f"--selector=skyshift.clusterlink/fabric={name}")


@pytest.fixture
def plan(namespace: str, fabric: str) -> list[Object]:
    """One object of each kind, not in the order of their application."""
    return [
        service_import("web", namespace, "east"),
        policy("PrivilegedAccessPolicy", fabric),
        policy("AccessPolicy", "web", namespace),
        make("Export", "api", namespace, port=8080),
        peer("east", namespace),
    ]


class Apply:
    """fabric_apply for one fabric, without waiting unless asked to."""

    def __init__(self, run_module: Ansible, fabric: str, namespace: str) -> None:
        self._run_module = run_module
        self._defaults = {"fabric": fabric, "namespace": namespace, "wait": False}

    def __call__(self, objects: list[Object], **args: Any) -> Object:
        return self._run_module("fabric_apply", {**self._defaults, "objects": objects, **args})

    def each(self, *modes: str, objects: list[Object], own_process: bool = False, **args: Any) -> list[Object]:
        """The results of several runs, one after another; a mode is C(check) or C(run)."""
        settings = {**self._defaults, "objects": objects, **args}
        return self._run_module.each(
            *(
                self._run_module.task("fabric_apply", settings, check=mode == "check", own_process=own_process)
                for mode in modes
            )
        )


@pytest.fixture
def apply(run_module: Ansible, fabric: str, namespace: str) -> Apply:
    """fabric_apply for this test's fabric."""
    return Apply(run_module, fabric, namespace)


@pytest.mark.usefixtures("crds")
@pytest.mark.parametrize("own_process", [False, True], ids=["worker", "process"])
def test_worker_and_process_of_its_own_do_the_same(
    play_module: Ansible, fabric: str, namespace: str, plan: list[Object], own_process: bool
) -> None:
    apply = Apply(play_module, fabric, namespace)
    first, again = apply.each("run", "run", objects=plan, own_process=own_process)
    # Ansible says so when it packs a module for a process.
    assert ("modules/fabric_apply.py" in play_module.output) is own_process
    assert (first["changed"], again["changed"]) == (True, False)
    assert len(first["created"]) == len(again["unchanged"]) == len(plan)


@pytest.mark.usefixtures("crds")
def test_each_state_is_predicted_reached_kept_repaired_and_removed(
    apply: Apply, plan: list[Object], kubectl: Kubectl, namespace: str, fabric: str
) -> None:
    order = ["Peer east", "Export api", "AccessPolicy web", f"PrivilegedAccessPolicy {fabric}", "Import web"]

    [predicted] = apply.each("check", objects=plan)
    assert predicted["changed"]
    assert names(predicted["created"]) == order
    assert kubectl("get", "peers,imports,exports,accesspolicies", "-n", namespace) == ""

    done = apply(plan)
    assert names(done["created"]) == order
    assert done["diff"] == predicted["diff"]
    there = kubectl.json("get", "import", "web", "-n", namespace)
    assert there["spec"]["sources"] == [{"peer": "east", "exportName": "web", "exportNamespace": "default"}]
    assert there["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "skyshift.clusterlink",
        "skyshift.clusterlink/fabric": fabric,
    }
    versions = _versions(kubectl, namespace)

    for again in apply.each("check", "run", objects=plan):
        assert not again["changed"]
        assert names(again["unchanged"]) == order
        assert again["diff"] == []
    assert _versions(kubectl, namespace) == versions

    # By hand: one field changed, one label taken away, one object removed; and a field of nobody's added.
    patch = json.dumps({"spec": {"gateways": [{"host": "198.51.100.9", "port": 1}]}})
    kubectl("patch", "peer", "east", "-n", namespace, "--type=merge", "--patch", patch)
    kubectl("label", "export", "api", "-n", namespace, "skyshift.clusterlink/fabric-", "team=blue")
    kubectl("delete", "accesspolicy", "web", "-n", namespace)
    predicted, repaired, again = apply.each("check", "run", "run", objects=plan)
    for result in (predicted, repaired):
        assert names(result["updated"]) == ["Peer east", "Export api"]
        assert names(result["created"]) == ["AccessPolicy web"]
        change = result["diff"][0]
        assert change["before"] == {"spec": {"gateways": [{"host": "198.51.100.9", "port": 1}]}}
        assert change["after"] == {"spec": {"gateways": [{"host": "192.0.2.1", "port": 443}]}}
    assert not again["changed"]
    labels = kubectl.json("get", "export", "api", "-n", namespace)["metadata"]["labels"]
    assert labels["team"] == "blue"
    assert labels["skyshift.clusterlink/fabric"] == fabric

    absent: dict[str, Any] = {"state": "absent", "wait": True, "wait_timeout": 20}
    predicted, removed, again = apply.each("check", "run", "run", objects=[], **absent)
    assert names(removed["deleted"]) == names(predicted["deleted"]) == list(reversed(order))
    assert not again["changed"]
    assert kubectl("get", "peers,imports,exports,accesspolicies", "-n", namespace) == ""


@pytest.mark.usefixtures("crds")
def test_what_left_the_plan_is_removed_and_what_is_pending_or_not_ours_stays(
    apply: Apply, kubectl: Kubectl, namespace: str, fabric: str
) -> None:
    apply([peer("east", namespace), peer("west", namespace), service_import("web", namespace, "east", "west")])
    by_hand = peer("hand-made", namespace)
    half_ours = peer("half-ours", namespace)
    half_ours["metadata"]["labels"] = {"skyshift.clusterlink/fabric": fabric}
    other_fabric = peer("other-fabric", namespace)
    other_fabric["metadata"]["labels"] = {
        "app.kubernetes.io/managed-by": "skyshift.clusterlink",
        "skyshift.clusterlink/fabric": "other",
    }
    kubectl.apply(by_hand, half_ours, other_fabric)

    pending = [{"kind": "Peer", "name": "west", "namespace": namespace, "reason": "its gateway has no address"}]
    result = apply([service_import("web", namespace, "east")], pending=pending)

    assert names(result["updated"]) == ["Import web"]
    assert names(result["deleted"]) == ["Peer east"]
    assert result["incomplete"] == pending
    left = kubectl("get", "peers", "-n", namespace, "-o", "name").split()
    assert sorted(name.rpartition("/")[2] for name in left) == ["half-ours", "hand-made", "other-fabric", "west"]
    [source] = kubectl.json("get", "import", "web", "-n", namespace)["spec"]["sources"]
    assert source["peer"] == "east"


@pytest.mark.usefixtures("crds")
def test_field_that_is_no_longer_wanted_is_removed_and_what_a_controller_fills_in_stays(
    apply: Apply, kubectl: Kubectl, namespace: str
) -> None:
    apply([make("Export", "api", namespace, port=8080, host="api.example.com"), service_import("web", namespace, "a")])
    patch = json.dumps({"spec": {"targetPort": 1234}})
    kubectl("patch", "import", "web", "-n", namespace, "--type=merge", "--field-manager=cl", "--patch", patch)

    wanted = [make("Export", "api", namespace, port=8080), service_import("web", namespace, "a")]
    result, again = apply.each("run", "run", objects=wanted)

    assert names(result["updated"]) == ["Export api"]
    assert not again["changed"]
    assert result["diff"][0]["before"] == {"spec": {"host": "api.example.com"}}
    assert result["diff"][0]["after"] == {"spec": {}}
    assert kubectl.json("get", "export", "api", "-n", namespace)["spec"] == {"port": 8080}
    assert kubectl.json("get", "import", "web", "-n", namespace)["spec"]["targetPort"] == 1234


@pytest.mark.usefixtures("crds")
def test_conflict_names_the_other_manager_and_writes_nothing_unless_forced(
    apply: Apply, kubectl: Kubectl, namespace: str
) -> None:
    kubectl.apply(peer("east", namespace, "203.0.113.5"), manager="network-team")
    wanted = [peer("east", namespace), peer("west", namespace)]

    for refused in apply.each("check", "run", objects=wanted):
        assert refused["failed"]
        assert "network-team manages .spec.gateways" in refused["msg"]
        assert "force_conflicts" in refused["msg"]
        assert refused["problems"][0]["where"] == f"Peer {namespace}/east"
    assert kubectl("get", "peer", "west", "-n", namespace, "--ignore-not-found") == ""

    predicted, forced, again = apply.each("check", "run", "run", objects=wanted, force_conflicts=True)
    assert names(predicted["updated"]) == names(forced["updated"]) == ["Peer east"]
    assert not again["changed"]
    there = kubectl.json("get", "peer", "east", "-n", namespace)
    assert there["spec"]["gateways"] == [{"host": "192.0.2.1", "port": 443}]


@pytest.mark.usefixtures("crds")
def test_object_that_is_there_as_wanted_is_adopted_once(apply: Apply, kubectl: Kubectl, namespace: str) -> None:
    kubectl.apply(peer("east", namespace))
    runs = apply.each("check", "run", "check", "run", objects=[peer("east", namespace)])
    assert [run["changed"] for run in runs] == [True, True, False, False]


@pytest.mark.usefixtures("crds")
def test_object_of_another_fabric_is_refused(apply: Apply, kubectl: Kubectl, namespace: str) -> None:
    apply([peer("east", namespace)], fabric="first")
    refused = apply([peer("east", namespace)])
    assert refused["failed"]
    assert "another fabric" in refused["msg"]
    assert refused["problems"][0]["found"] == "first"
    labels = kubectl.json("get", "peer", "east", "-n", namespace)["metadata"]["labels"]
    assert labels["skyshift.clusterlink/fabric"] == "first"
    apply([], fabric="first", state="absent")


@pytest.mark.usefixtures("no_crds")
def test_check_mode_on_a_bare_cluster_predicts_everything_and_a_real_run_says_what_is_missing(
    apply: Apply, namespace: str, fabric: str
) -> None:
    gateway = f"gateway-{fabric}"
    objects = [peer("east", gateway), service_import("web", namespace, "east"), policy("PrivilegedAccessPolicy", "all")]

    predicted, refused = apply.each("check", "run", objects=objects, namespace=gateway)
    assert names(predicted["created"]) == ["Peer east", "PrivilegedAccessPolicy all", "Import web"]
    assert refused["failed"]
    assert "does not serve the kind Peer" in refused["msg"]

    objects.append(make("Export", "api", "no-such-namespace"))
    [refused] = apply.each("check", objects=objects, namespace=gateway)
    assert refused["failed"]
    assert "Namespace no-such-namespace: it does not exist and is needed by Export" in refused["msg"]

    assert not apply([], state="absent")["changed"]


@pytest.mark.usefixtures("crds")
def test_missing_namespaces_are_all_named_and_nothing_is_written(
    apply: Apply, kubectl: Kubectl, namespace: str
) -> None:
    objects = [peer("east", namespace), service_import("a", "missing-1", "east"), make("Export", "b", "missing-2")]
    for refused in apply.each("check", "run", objects=objects):
        assert refused["failed"]
        assert [problem["where"] for problem in refused["problems"]] == ["Namespace missing-1", "Namespace missing-2"]
    assert kubectl("get", "peers", "-n", namespace, "-o", "name") == ""


@pytest.mark.usefixtures("crds")
def test_values_that_the_server_refuses_are_all_named_and_nothing_is_written(
    apply: Apply, kubectl: Kubectl, namespace: str
) -> None:
    objects = [
        peer("east", namespace),
        make("Export", "typo", namespace, prot=80),
        make("Export", "text", namespace, port="http"),
    ]
    # The API server says 500 to a field that it does not know, and the client repeats the request.
    for refused in apply.each("check", "run", objects=objects, retry_timeout=1):
        assert refused["failed"]
        where = [problem["where"] for problem in refused["problems"]]
        assert where == [f"Export {namespace}/typo", f"Export {namespace}/text"]
        assert "prot" in refused["problems"][0]["found"]
    assert kubectl("get", "peers", "-n", namespace, "-o", "name") == ""


@pytest.mark.usefixtures("crds")
def test_missing_permissions_are_named_by_verb_and_kind(
    apply: Apply, play_module: Ansible, kubectl: Kubectl, clusters: Clusters, namespace: str
) -> None:
    """A service account that may only look, given as an AWX credential of kind Kubernetes gives it: by environment."""
    environment = _service_account(kubectl, clusters, namespace)
    everything = {"fabric": "rights", "objects": [peer("east", namespace)], "wait": False, "context": None}
    arguments = {**everything, "kubeconfig": None}

    refused = play_module("fabric_apply", arguments, environment=environment)
    assert refused["failed"]
    user = f"system:serviceaccount:{namespace}:limited"
    assert len(refused["problems"]) == 6
    assert f"the user {user} is not permitted to list peers.clusterlink.net in all namespaces" in refused["msg"]

    _allow(kubectl, namespace, "get", "list")
    both = [play_module.task("fabric_apply", arguments, check=check) for check in (True, False)]
    for refused in play_module.each(*both, environment=environment):
        assert refused["failed"]
        assert f"{user} is not permitted to patch peers.clusterlink.net in namespace {namespace}" in refused["msg"]

    _allow(kubectl, namespace, "get", "list", "patch", "create")
    assert play_module("fabric_apply", arguments, environment=environment)["changed"]
    assert environment["K8S_AUTH_API_KEY"] not in play_module.output
    kubectl("delete", "clusterrole,clusterrolebinding", namespace)
    apply([], fabric="rights", state="absent")


def _service_account(kubectl: Kubectl, clusters: Clusters, namespace: str) -> dict[str, str]:
    """A service account without rights, and the variables to connect as it."""
    kubectl("create", "serviceaccount", "limited", "-n", namespace)
    config = kubectl.json("config", "view", "--minify", "--raw")
    authority = clusters.kubeconfig.with_name(f"{namespace}-ca.pem")
    authority.write_text(
        kubectl("get", "configmap", "kube-root-ca.crt", "-n", namespace, "-o", r"jsonpath={.data.ca\.crt}")
    )
    return {
        "K8S_AUTH_HOST": config["clusters"][0]["cluster"]["server"],
        "K8S_AUTH_API_KEY": kubectl("create", "token", "limited", "-n", namespace).strip(),
        "K8S_AUTH_SSL_CA_CERT": str(authority),
        "K8S_AUTH_VERIFY_SSL": "true",
    }


def _allow(kubectl: Kubectl, namespace: str, *verbs: str) -> None:
    """Give the service account these verbs on ClusterLink's kinds, everywhere, and let it look for Services."""
    group = "rbac.authorization.k8s.io"
    rule = {"apiGroups": ["clusterlink.net"], "resources": ["*"], "verbs": list(verbs)}
    services = {"apiGroups": [""], "resources": ["services"], "verbs": ["list"]}
    rules = [rule, services]
    role = {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": namespace}, "rules": rules}
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": namespace},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": namespace},
        "subjects": [{"kind": "ServiceAccount", "name": "limited", "namespace": namespace}],
    }
    kubectl.apply(role, binding)


@pytest.mark.usefixtures("crds")
def test_waiting_ends_when_the_control_plane_has_judged(apply: Apply, kubectl: Kubectl, namespace: str) -> None:
    """The test writes the conditions as a control plane would; no gateway runs here."""
    wanted = [peer("east", namespace), service_import("web", namespace, "east")]
    late = apply(wanted, wait=True, wait_timeout=1)
    assert late["failed"]
    assert late["changed"]
    assert names(late["created"]) == ["Peer east", "Import web"]
    assert names(late["incomplete"]) == ["Peer east", "Import web"]

    _judge(kubectl, namespace, {"peer/east": ["PeerReachable"], "import/web": ["ImportTargetPortValid"]})
    [incomplete] = apply(wanted, wait=True, wait_timeout=1)["incomplete"]
    assert (incomplete["kind"], incomplete["name"], incomplete["reason"]) == (
        "Import",
        "web",
        "no condition ImportServiceValid yet",
    )

    valid = {"import/web": ["ImportTargetPortValid", "ImportServiceValid"]}
    judge = threading.Thread(target=_judge, args=(kubectl, namespace, valid))
    judge.start()
    ready = apply(wanted, wait=True, wait_timeout=60)
    judge.join()
    assert not ready["changed"]
    assert ready["incomplete"] == []
    assert [entry["conditions"][0]["type"] for entry in ready["conditions"]] == [
        "PeerReachable",
        "ImportTargetPortValid",
    ]

    _judge(kubectl, namespace, {"peer/east": ["PeerReachable"]}, status="False")
    assert (
        apply(wanted, wait=True, wait_timeout=1)["incomplete"][0]["reason"] == "PeerReachable is False (Test, said so)"
    )
    assert not apply(wanted, wait=True, wait_timeout=1, wait_for_peers=False).get("failed")


def _judge(kubectl: Kubectl, namespace: str, conditions: dict[str, list[str]], status: str = "True") -> None:
    for target, types in conditions.items():
        said = [
            {
                "type": name,
                "status": status,
                "reason": "Test",
                "message": "said so",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
            for name in types
        ]
        patch = json.dumps({"status": {"conditions": said}})
        kubectl("patch", target, "-n", namespace, "--subresource=status", "--type=merge", "--patch", patch)


def _versions(kubectl: Kubectl, namespace: str) -> dict[str, str]:
    listed = kubectl.json("get", "peers,imports,exports,accesspolicies", "-n", namespace)
    return {item["kind"]: item["metadata"]["resourceVersion"] for item in listed["items"]}
