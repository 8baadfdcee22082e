# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A namespace that two clusters share, and the pods of a StatefulSet, followed as Services come and go.

Cluster two only calls out at first. Data planes are Go's: an Envoy one refuses a connection that its control plane
takes more than 200 ms to authorise, which a busy machine's may.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.ansible import Ansible
from tests.support.fabrics import EAST, WEST, DeclaredFabric, populated
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.long]

SPACE = "train"
FAULTS = ("changed", "unreachable", "failed")
"""Counts of a play's recap that are 0 for a cluster that is as declared."""
INGRESS: dict[str, Any] = {"west_ingress": "NodePort"}


class Shared:
    """The fabric, and who answers to a name in one of its clusters."""

    def __init__(self, fabric: DeclaredFabric, run_module: Ansible) -> None:
        self.fabric = fabric
        self._run_module = run_module

    def module(self, module: str, cluster: str, **options: Any) -> dict[str, Any]:
        return self._run_module(module, {"context": self.fabric.contexts[cluster], **options})

    def answers(self, cluster: str, names: dict[str, set[str]]) -> None:
        """Each name is answered by just these clusters, asked from a pod of the namespace.

        Which pod has a connection is chance, and kube-proxy follows in its own time.
        """
        client = {"namespace": SPACE, "labels": {"app": "client"}}

        def all_answer(name: str, clusters: set[str]) -> bool:
            options = {"name": name, "namespace": SPACE, "port": 80, "client": client, "count": 12, "wait_timeout": 60}
            result = self.module("probe", cluster, **options)
            said = " ".join(answer["body"] for answer in result.get("answers", []))
            found = {each for each in (EAST, WEST) if f"hello from {each}" in said}
            assert found <= clusters, (name, result)
            return found == clusters

        for name, clusters in names.items():
            wait_until(f"{name} is answered by {clusters}", partial(all_answer, name, clusters), 60)


class Training(DeclaredFabric):
    """A fabric of two clusters that share a namespace, of whose StatefulSet every pod is exported."""

    def __init__(self, clusters: Clusters, kubectl: Kubectl, folder: Path) -> None:
        super().__init__(clusters, (EAST, WEST), folder, "namespaces", SPACE)
        self._kubectl = kubectl
        self.variables |= {
            "clusterlink_dataplane": "go",
            "clusterlink_shared_namespaces": [{"name": SPACE, "clusters": ["clusters"]}],
            "clusterlink_services": [
                {
                    "name": "db",
                    "namespace": SPACE,
                    "port": 80,
                    "target_port": "http",
                    "per_pod": True,
                    "exported_by": [EAST],
                    "imported_by": [WEST],
                    "allow": [{"from": {"app": "client"}}],
                }
            ],
        }
        self.hosts[WEST]["clusterlink_ingress_type"] = "{{ west_ingress | default('none') }}"

    def populate(self) -> None:
        """Make the namespace's workloads, and wait until they are ready."""
        apps = {EAST: ("both", "model"), WEST: ("both", "worker")}
        for cluster, context in self.contexts.items():
            self._kubectl.apply(*workloads(cluster, *apps[cluster], stateful=cluster == EAST), context=context)
        for context in self.contexts.values():
            available = ("--for=condition=Available", "deployment", "--all", "--timeout=180s")
            self._kubectl("wait", *available, "--namespace", SPACE, context=context)


@pytest.fixture(scope="module")
def shared(clusters: Clusters, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    folder = tmp_path_factory.mktemp("fabric")
    fabric = Training(clusters, kubectl, folder)
    with populated(fabric, kubectl):
        fabric.must("site")
        yield Shared(fabric, Ansible(clusters, folder))


def workloads(cluster: str, *apps: str, stateful: bool) -> list[dict[str, Any]]:
    """Deployments, their Services, a client, and, where it is asked for, a StatefulSet of two pods."""
    objects: list[dict[str, Any]] = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}}]
    for app in (*apps, "client"):
        spec: dict[str, Any] = {"selector": {"matchLabels": {"app": app}}, "template": pod(cluster, app)}
        objects.append({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": named(app), "spec": spec})
    for app in apps:
        service = {"selector": {"app": app}, "ports": [{"port": 80, "targetPort": "http"}]}
        objects.append({"apiVersion": "v1", "kind": "Service", "metadata": named(app), "spec": service})
    if stateful:
        spec = {
            "replicas": 2,
            "serviceName": "db",
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": {"app": "db"}},
            "template": pod(cluster, "db"),
        }
        objects.append({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": named("db"), "spec": spec})
    return objects


def named(name: str) -> dict[str, str]:
    return {"name": name, "namespace": SPACE}


def pod(cluster: str, app: str) -> dict[str, Any]:
    container = {
        "name": app,
        "image": f"clusterlink-lab/{'client' if app == 'client' else 'web'}:v1",
        "imagePullPolicy": "Never",
        "env": [{"name": "CLUSTER", "value": cluster}],
        "ports": [{"name": "http", "containerPort": 8080}],
    }
    return {
        "metadata": {"labels": {"app": app}},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
    }


def test_services_and_pods_of_the_other_cluster_answer_while_one_only_calls_out(shared: Shared) -> None:
    shared.answers(WEST, {"model": {EAST}, "db-0": {EAST}, "db-1": {EAST}, "both": {EAST, WEST}})
    held = shared.module("fabric_info", EAST)
    assert held["peers"] + held["imports"] == [], "nobody can call into the other"
    warned = shared.fabric.must("site", "-v")
    assert warned.changed == 0
    assert "train/worker of test-west is not shared" in " ".join(warned.output.split())
    assert "test-west has no ingress" in warned.output


def test_the_next_run_follows_services_and_pods_that_come_and_go(shared: Shared, kubectl: Kubectl) -> None:
    def change(*arguments: str) -> None:
        kubectl(*arguments, "--namespace", SPACE, context=shared.fabric.contexts[EAST])

    change("expose", "deployment", "model", "--name=fresh", "--port=80", "--target-port=http")
    change("delete", "service", "model")
    change("scale", "statefulset", "db", "--replicas=3")
    change("rollout", "status", "statefulset", "db", "--timeout=120s")
    shared.fabric.must("site", **INGRESS)
    shared.answers(EAST, {"worker": {WEST}, "both": {EAST, WEST}})
    shared.answers(WEST, {"fresh": {EAST}, "db-2": {EAST}, "both": {EAST, WEST}})
    assert "model" not in [each["name"] for each in shared.module("fabric_info", WEST)["imports"]]


def test_an_unreachable_cluster_takes_nothing_from_the_others(shared: Shared) -> None:
    context = shared.fabric.hosts[EAST]["clusterlink_context"]
    shared.fabric.hosts[EAST]["clusterlink_context"] = "away"
    try:
        away = shared.fabric.must("site", code=2, **INGRESS)
    finally:
        shared.fabric.hosts[EAST]["clusterlink_context"] = context
    assert f"{EAST} failed and is not up to date" in away.output
    assert {count: away.recap[WEST][count] for count in FAULTS} == dict.fromkeys(FAULTS, 0)
    shared.answers(WEST, {"fresh": {EAST}, "both": {EAST, WEST}})
