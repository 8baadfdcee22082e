# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role mesh plans with what all clusters say, and goes on without one that cannot be read."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.playbooks import keep, run_playbook

if TYPE_CHECKING:
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

Data = dict[str, Any]
Play = Callable[..., tuple[Data, str]]


def service(name: str, namespace: str, **spec: Any) -> Data:
    spec = {"selector": {"app": name}, "ports": [{"port": 80}], **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


@pytest.fixture
def play(clusters: Clusters, tmp_path: Path) -> Play:
    """Runs role mesh in check mode on east and west, and on moon, where nothing listens."""

    def run(namespace: str, *options: str, **west: Any) -> tuple[Data, str]:
        own = {"clusterlink_kubeconfig": str(clusters.kubeconfig)}
        hosts = {
            "east": {**own, "clusterlink_context": clusters.contexts[0]},
            "west": {**own, "clusterlink_context": clusters.contexts[1], **west},
            "moon": {"clusterlink_host": "http://127.0.0.1:1", "clusterlink_api_key": "x"},
        }
        group = {
            "clusterlink_shared_namespaces": [{"name": namespace, "clusters": ["east", "west", "moon"]}],
            "clusterlink_namespace": f"{namespace}-gateway",
            "clusterlink_retry_timeout": 0,
        }
        (tmp_path / "hosts.json").write_text(json.dumps({"clusters": {"hosts": hosts, "vars": group}}))
        result = tmp_path / "result.json"
        steps: Data = {
            "hosts": "clusters",
            "gather_facts": False,
            "connection": "local",
            "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
            "roles": [{"role": "skyshift.clusterlink.mesh"}],
            "post_tasks": [{**keep("mesh_plan", result), "run_once": True}],
        }
        (tmp_path / "play.json").write_text(json.dumps([steps]))
        done = run_playbook("--check", "-i", "hosts.json", "play.json", *options, cwd=tmp_path)
        assert result.exists(), done.output
        plan: Data = json.loads(result.read_text(encoding="utf-8"))
        return plan, done.output

    return run


def imports(plan: Data, host: str) -> list[str]:
    objects = plan["plan"]["peers"][host]["objects"]
    return [each["metadata"]["name"] for each in objects if each["kind"] == "Import"]


@pytest.fixture
def shared(kubectl: Kubectl, clusters: Clusters) -> Iterator[str]:
    """A namespace with a Service in west, which also has the ingress of a gateway."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    east, west = clusters.contexts[:2]
    for context in (east, west):
        kubectl("create", "namespace", name, context=context)
        kubectl("create", "namespace", f"{name}-gateway", context=context)
    ingress = service("clusterlink", f"{name}-gateway", type="LoadBalancer")
    kubectl.apply(service("web", name), ingress, context=west)
    yield name
    for context in (east, west):
        kubectl("delete", "namespace", name, f"{name}-gateway", "--wait=false", context=context)


def test_clusters_outside_limit_are_read_for_their_services_and_gateways(play: Play, shared: str) -> None:
    plan, output = play(shared, "--limit", "east", clusterlink_gateway_host="gateway.west")
    assert imports(plan, "east") == ["web"]
    assert plan["plan"]["gateways"] == {"east": [], "moon": [], "west": [{"host": "gateway.west", "port": 80}]}
    assert list(plan["unread"]) == ["moon"]
    assert plan["plan"]["peers"]["moon"]["unknown_namespaces"] == [shared]
    assert "[WARNING]: The gateway of moon cannot be read: " in output
    assert "[WARNING]: Namespaces of moon cannot be read: " in output
    assert "failed=0" in output.partition("PLAY RECAP")[2]


def test_a_cluster_of_the_run_that_cannot_be_read_fails_and_the_others_go_on(play: Play, shared: str) -> None:
    plan, output = play(shared)
    recap = dict(line.split(":", 1) for line in output.partition("PLAY RECAP")[2].splitlines() if ": ok=" in line)
    assert {name.strip(): "failed=1" in counts for name, counts in recap.items()} == {
        "east": False,
        "moon": True,
        "west": False,
    }
    assert imports(plan, "east") == ["web"]
    assert "TASK [skyshift.clusterlink.mesh : Fail if the namespaces" in output
    assert f"[ERROR]: Task failed: Action failed: {plan['unread']['moon']}" in output
