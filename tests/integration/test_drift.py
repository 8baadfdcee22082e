# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drift of every kind of object of a fabric: shown in check mode, named by drift, repaired by the next run.

One fabric serves all tests here, in their order; each leaves it as declared. No node runs its gateways.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.fabrics import EAST, WEST, Run, TwoClusters
from tests.support.nodeless import ADDRESS, reported_ready
from tests.support.objects import Object, make

if TYPE_CHECKING:
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

OURS = "app.kubernetes.io/managed-by=skyshift.clusterlink"
GATEWAY = (
    *("namespaces", "serviceaccounts", "roles", "rolebindings", "clusterroles", "clusterrolebindings", "secrets"),
    *("services", "deployments", "poddisruptionbudgets", "customresourcedefinitions"),
)
MESH = ("peers", "exports", "imports", "accesspolicies", "privilegedaccesspolicies")
SPECS: dict[str, Object] = {
    "Peer": {"gateways": [{"host": "192.0.2.1", "port": 1}]},
    "Export": {"port": 81},
    "Import": {"port": 81},
    "AccessPolicy": {"action": "deny"},
}
"""What is set by hand in the kinds whose label of the fabric says whose they are."""
HOLD_OTHERS = ("Namespace", "CustomResourceDefinition")
"""Kinds whose objects take others with them when they go."""


class Fabric:
    """The fabric, what drift says of it, and its objects as kubectl sees them."""

    def __init__(self, two: TwoClusters, kubectl: Kubectl, folder: Path) -> None:
        self.two = two
        self.system = str(two.variables["clusterlink_namespace"])
        self._kubectl = kubectl
        self._json = folder / "drift.json"

    def kubectl(self, cluster: str, *arguments: str) -> str:
        return self._kubectl(*arguments, context=self.two.contexts[cluster])

    def each(self, cluster: str, objects: Iterable[Object], *arguments: str) -> None:
        """kubectl for several objects at once."""
        kept = ("name", "namespace")
        items = [
            {
                "apiVersion": obj["apiVersion"],
                "kind": obj["kind"],
                "metadata": {key: value for key, value in obj["metadata"].items() if key in kept},
            }
            for obj in objects
        ]
        listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        self._kubectl(*arguments, "--filename=-", context=self.two.contexts[cluster], stdin=listed)

    def objects(self, cluster: str) -> dict[str, Object]:
        """The fabric's objects in a cluster, as C(Kind namespace/name); definitions are every fabric's."""
        kinds, fabric = ",".join((*GATEWAY, *MESH)), self.two.namespace
        listed = self._kubectl.json("get", kinds, "-A", "-l", OURS, context=self.two.contexts[cluster])
        return {
            name_of(obj["kind"], obj["metadata"]): obj
            for obj in listed["items"]
            if obj["metadata"]["labels"].get("skyshift.clusterlink/fabric", fabric) == fabric
        }

    def drift(self, **variables: Any) -> tuple[Run, dict[str, Any]]:
        """A run of the playbook, and the JSON that it wrote."""
        self._json.unlink(missing_ok=True)
        run = self.two.play("drift", drift_json=str(self._json), **variables)
        return run, json.loads(self._json.read_text(encoding="utf-8"))

    def found(self, **variables: Any) -> dict[str, dict[str, Object]]:
        """What a run of the playbook found, by cluster and object."""
        run, said = self.drift(**variables)
        assert said["drifted"], run.output
        assert run.code == 2, run.output
        return {
            cluster: {name_of(each["kind"], each): each for each in entry["drift"]}
            for cluster, entry in said["clusters"].items()
        }

    def repair(self, **variables: Any) -> Run:
        """A run of site, after which nothing has drifted."""
        run = self.two.play("site", **variables)
        assert run.code == 0, run.output
        after, said = self.drift()
        assert (after.code, said["drifted"]) == (0, False), after.output
        assert "Everything is as declared." in after.output
        return run


def name_of(kind: str, metadata: Object) -> str:
    namespace = metadata.get("namespace")
    return f"{kind} {namespace}/{metadata['name']}" if namespace else f"{kind} {metadata['name']}"


@pytest.fixture(scope="module")
def fabric(clusters: Clusters, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fabric]:
    folder = tmp_path_factory.mktemp("fabric")
    two = TwoClusters(clusters, kubectl, folder)
    two.variables |= {**ADDRESS, "clusterlink_namespace": f"{two.namespace}-gateway"}
    for context in two.contexts.values():
        kubectl("create", "namespace", two.namespace, context=context)
    with reported_ready(clusters, two.variables["clusterlink_namespace"]):
        try:
            two.must("site")
            yield Fabric(two, kubectl, folder)
        finally:
            two.play("teardown")
            two.clear()


def test_a_field_of_every_kind_changed_by_hand_is_named_and_repaired_and_fields_of_others_stay(fabric: Fabric) -> None:
    before = {cluster: fabric.objects(cluster) for cluster in (EAST, WEST)}
    assert {obj["kind"] for objects in before.values() for obj in objects.values()} >= {
        *("Namespace", "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "Secret"),
        *("Service", "Deployment", "CustomResourceDefinition", "Peer", "Export", "Import", "AccessPolicy"),
    }
    for cluster, objects in before.items():
        by_kind: dict[str, list[Object]] = {}
        for obj in objects.values():
            own_way = obj["kind"] in (*HOLD_OTHERS, *SPECS)
            by_kind.setdefault(obj["kind"] if own_way else "", []).append(obj)
        for kind, spec in SPECS.items():
            patch = json.dumps({"spec": spec})
            if kind in by_kind:
                fabric.each(cluster, by_kind[kind], "patch", "--type=merge", f"--patch={patch}")
        fabric.each(cluster, objects.values(), "annotate", "team=blue", "--field-manager=blue")
        fabric.each(cluster, by_kind[""], "label", "skyshift.clusterlink/fabric=tampered", "--overwrite")
        level = "pod-security.kubernetes.io/enforce=baseline"
        fabric.each(cluster, by_kind["Namespace"], "label", level, "--overwrite")
        patch = json.dumps([{"op": "add", "path": "/spec/versions/0/deprecated", "value": True}])
        fabric.each(cluster, by_kind["CustomResourceDefinition"], "patch", "--type=json", f"--patch={patch}")
    certificate = base64.b64encode(b"no certificate").decode()
    patch = json.dumps({"data": {"cert.pem": certificate}})
    fabric.kubectl(EAST, "patch", "secret", "cl-peer", "-n", fabric.system, "--type=merge", f"--patch={patch}")

    shown = fabric.two.play("site", "--check", "--diff")
    found = fabric.found()
    for cluster, objects in before.items():
        assert found[cluster].keys() == objects.keys()
        for name, finding in found[cluster].items():
            assert f"+++ after: {name}" in shown.output
            assert (finding["drift"], finding["conflict"]) == ("changed", False), finding
            assert finding["before"] != finding["after"]
            assert {(by["manager"], by["operation"]) for by in finding["by"]} <= {
                ("kubectl-label", "Update"),
                ("kubectl-patch", "Update"),
            }
            assert finding["by"], finding
            assert finding["by"][0]["time"].startswith("20")
    secret = found[EAST][f"Secret {fabric.system}/cl-peer"]
    assert secret["before"]["data"]["cert.pem"].startswith("sha256 ")
    assert certificate not in json.dumps(found)

    fabric.repair()
    for cluster, objects in before.items():
        now = fabric.objects(cluster)
        assert now.keys() == objects.keys()
        assert all(obj["metadata"]["annotations"]["team"] == "blue" for obj in now.values())
        assert {name: obj.get("data") for name, obj in now.items()} == {
            name: obj.get("data") for name, obj in objects.items()
        }


@pytest.mark.long
def test_what_was_deleted_by_hand_is_missing_and_comes_back(fabric: Fabric) -> None:
    before = fabric.objects(WEST)
    gone = {name: obj for name, obj in before.items() if obj["kind"] not in HOLD_OTHERS}
    fabric.each(WEST, gone.values(), "delete")
    found = fabric.found()
    assert found[EAST] == {}
    assert found[WEST].keys() == gone.keys()
    for finding in found[WEST].values():
        assert (finding["drift"], finding["by"], finding["before"]) == ("missing", [], {})
    fabric.repair()
    assert fabric.objects(WEST).keys() == before.keys()


@pytest.mark.long
def test_a_namespace_and_definitions_deleted_by_hand_come_back_with_all_that_they_held(fabric: Fabric) -> None:
    before = fabric.objects(WEST)
    fabric.each(WEST, (obj for obj in before.values() if obj["kind"] in HOLD_OTHERS), "delete", "--wait")
    found = fabric.found()
    cluster_wide = {name for name, obj in before.items() if obj["kind"].startswith("ClusterRole")}
    assert found[WEST].keys() == before.keys() - cluster_wide
    assert {finding["drift"] for finding in found[WEST].values()} == {"missing"}
    fabric.repair()
    assert fabric.objects(WEST).keys() == before.keys()


@pytest.mark.long
def test_what_is_ours_and_not_declared_is_extra_and_what_is_of_others_is_let_be(fabric: Fabric) -> None:
    namespace = fabric.two.namespace
    theirs, stray = make("Export", "theirs", namespace, port=81), make("Export", "stray", namespace, port=82)
    stray["metadata"]["labels"] = {
        "app.kubernetes.io/managed-by": "skyshift.clusterlink",
        "skyshift.clusterlink/fabric": namespace,
    }
    fabric._kubectl.apply(theirs, stray, context=fabric.two.contexts[EAST], manager="somebody")
    found = fabric.found()
    assert found[WEST] == {}
    [(name, finding)] = found[EAST].items()
    assert name == f"Export {namespace}/stray"
    assert finding["drift"] == "extra"
    assert [(by["manager"], by["operation"]) for by in finding["by"]] == [("somebody", "Apply")]
    fabric.repair()
    assert fabric.kubectl(EAST, "get", "exports", "-n", namespace, "-o=name").split() == [
        "export.clusterlink.net/theirs",
        "export.clusterlink.net/web",
    ]
    fabric.kubectl(EAST, "delete", "export", "theirs", "-n", namespace)


@pytest.mark.long
def test_a_field_that_another_system_holds_is_a_conflict_that_names_it(fabric: Fabric) -> None:
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "cl-dataplane", "namespace": fabric.system},
        "spec": {"replicas": 2},
    }
    context = fabric.two.contexts[EAST]
    how = ("--server-side", "--field-manager=gitops", "--force-conflicts", "--filename=-")
    fabric._kubectl("apply", *how, context=context, stdin=json.dumps(deployment))

    run, said = fabric.drift()
    assert run.code == 2
    [finding] = said["clusters"][EAST]["drift"]
    assert finding["conflict"]
    assert finding["before"] == {"spec": {"replicas": 2}}
    assert finding["after"] == {"spec": {"replicas": 1}}
    assert [(by["manager"], by["operation"]) for by in finding["by"]] == [("gitops", "Apply")]
    [problem] = said["problems"]
    assert problem == (
        f"{EAST}: Deployment {fabric.system}/cl-dataplane is changed by gitops (spec.replicas); "
        "a run reverts it only with clusterlink_force_conflicts"
    )
    refused = fabric.two.play("site")
    assert refused.code != 0
    assert "gitops manages .spec.replicas" in " ".join(refused.output.split())
    fabric.repair(clusterlink_force_conflicts=True)


@pytest.mark.long
def test_a_cluster_that_is_unreachable_is_named_and_does_not_hide_the_others(fabric: Fabric) -> None:
    patch = json.dumps({"spec": SPECS["Export"]})
    fabric.kubectl(EAST, "patch", "export", "web", "-n", fabric.two.namespace, "--type=merge", f"--patch={patch}")
    there = fabric.two.hosts[WEST]
    fabric.two.hosts[WEST] = {
        "clusterlink_host": "https://127.0.0.1:1",
        "clusterlink_api_key": "x",
        "clusterlink_retry_timeout": 1,
    }
    try:
        run, said = fabric.drift()
    finally:
        fabric.two.hosts[WEST] = there
    assert run.code == 2
    west, east = said["clusters"][WEST], said["clusters"][EAST]
    assert (west["read"], west["drift"], east["read"]) == (False, [], True)
    assert "the API server is unreachable" in west["error"]
    assert [(each["kind"], each["drift"]) for each in east["drift"]] == [("Export", "changed")]
    assert [(each["kind"], each["name"]) for each in east["incomplete"]] == [("Peer", WEST)]
    fabric.repair()
