# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks refuse what is wrong around the declaration before they write anything."""

from __future__ import annotations

import json
import shutil
import socket
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support.ansible import Ansible
from tests.support.playbooks import run_playbook

if TYPE_CHECKING:
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

Data = dict[str, Any]

SILENT = ("moon", "star", "sun")
"""Hosts whose API servers accept connections, and never answer."""
IN_PREFLIGHT = 6
"""The most connections with which the preflight reads a cluster side by side."""


class Fabric:
    """An inventory of the two clusters in a folder of its own, and gateways in both that no node runs.

    Attributes:
        hosts: Each host's variables.
        variables: The group's variables.
        output: What the last playbook printed.
    """

    def __init__(self, clusters: Clusters, folder: Path) -> None:
        self.folder = folder
        self.pki = folder / "pki"
        self.hosts: Data = {
            host: {"clusterlink_kubeconfig": str(clusters.kubeconfig), "clusterlink_context": context}
            for host, context in zip(("east", "west"), clusters.contexts, strict=False)
        }
        self.variables: Data = {
            "clusterlink_fabric": f"test-{uuid.uuid4().hex[:8]}",
            "clusterlink_namespace": f"test-{uuid.uuid4().hex[:8]}",
            "clusterlink_retry_timeout": 0,
        }
        self.output = ""

    @property
    def name(self) -> str:
        return str(self.variables["clusterlink_fabric"])

    def play(self, playbook: str, *options: str, group: str = "clusters", **environment: str) -> int:
        """Run a playbook; its exit code."""
        inventory = {group: {"hosts": self.hosts, "vars": self.variables}}
        (self.folder / "hosts.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
        arguments = ("-i", "hosts.yml", f"skyshift.clusterlink.{playbook}", *options)
        done = run_playbook(*arguments, cwd=self.folder, environment=environment)
        self.output = done.output
        return done.code

    def refused(self, playbook: str, *options: str, **how: str) -> str:
        """The playbook's error; it must have one, and no task may have changed anything."""
        assert self.play(playbook, *options, **how) != 0, self.output
        assert "changed: [" not in self.output, self.output
        return self.output


@pytest.fixture
def fabric(clusters: Clusters, tmp_path: Path) -> Fabric:
    """Nothing is installed yet."""
    return Fabric(clusters, tmp_path)


@pytest.fixture(scope="module")
def running(clusters: Clusters, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fabric]:
    """With the objects of a gateway in both clusters, and their certificates in the fabric's folder."""
    fabric = Fabric(clusters, tmp_path_factory.mktemp("fabric"))
    run_module = Ansible(clusters, fabric.folder)
    place = {"path": str(fabric.pki), "fabric": fabric.name}
    gateways = []
    for host, own in fabric.hosts.items():
        files = fabric.pki / fabric.name
        options = {
            "kubeconfig": own["clusterlink_kubeconfig"],
            "context": own["clusterlink_context"],
            "fabric": fabric.name,
            "peer": host,
            "namespace": fabric.variables["clusterlink_namespace"],
            "certificate_path": str(files / host / "cert.pem"),
            "privatekey_path": str(files / host / "key.pem"),
            "ca_path": str(files / "cert.pem"),
            "ingress_type": "none",
            "wait": False,
        }
        gateways.append(run_module.task("gateway", options))
    results = run_module.each(
        run_module.task("fabric_ca", place, connection=False),
        run_module.task("peer_certificate", {**place, "peers": [{"name": "east"}, {"name": "west"}]}, connection=False),
        *gateways,
    )
    assert not [result["msg"] for result in results if result.get("failed")]
    yield fabric
    space = fabric.variables["clusterlink_namespace"]
    for context in clusters.contexts[:2]:
        kubectl("delete", "namespace", space, "--wait=false", context=context)


@pytest.fixture
def installed(running: Fabric, clusters: Clusters, tmp_path: Path) -> Fabric:
    """The same with an inventory and a folder of the test's own."""
    fabric = Fabric(clusters, tmp_path)
    fabric.variables = dict(running.variables)
    shutil.copytree(running.pki, fabric.pki)
    return fabric


def secrets(fabric: Fabric, kubectl: Kubectl, clusters: Clusters) -> list[str]:
    """The resource versions of both gateways' Secrets: what has been written since shows in them."""
    space = fabric.variables["clusterlink_namespace"]
    template = "--output=jsonpath={.items[*].metadata.resourceVersion}"
    return [kubectl("get", "secrets", "-n", space, template, context=each) for each in clusters.contexts[:2]]


def test_a_fabric_as_it_was_installed_passes(installed: Fabric) -> None:
    assert installed.play("preflight") == 0, installed.output
    assert "WARNING" not in installed.output


def test_variables_that_nothing_knows_and_wrong_values_are_all_said_at_once(fabric: Fabric) -> None:
    fabric.variables.update(clusterlink_servces=[], clusterlink_wait_timeout="soon", clusterlink_services=[{"name": 1}])
    fabric.hosts["east"]["clusterlink_ingress_prt"] = 1
    output = fabric.refused("site", "-e", "fabric_replaceca=true")
    for variable in (
        "clusterlink_servces",
        "clusterlink_wait_timeout",
        "clusterlink_services[0]",
        "east: clusterlink_ingress_prt",
        "fabric_replaceca",
    ):
        assert variable in output, output
    assert "argument_spec" not in output
    assert not fabric.pki.exists()


def test_hosts_without_a_cluster_of_their_own(fabric: Fabric) -> None:
    del fabric.hosts["west"]["clusterlink_context"]
    del fabric.hosts["west"]["clusterlink_kubeconfig"]
    assert "west: connection: the host names no cluster of its own" in fabric.refused("site")


def test_two_spellings_of_one_cluster(fabric: Fabric, clusters: Clusters) -> None:
    config = yaml.safe_load(clusters.kubeconfig.read_text(encoding="utf-8"))
    east = next(each for each in config["contexts"] if each["name"] == clusters.contexts[0])
    config["contexts"].append({**east, "name": "another"})
    other = fabric.folder / "kubeconfig"
    other.write_text(json.dumps(config), encoding="utf-8")
    fabric.hosts["west"].update(clusterlink_kubeconfig=str(other), clusterlink_context="another")
    assert "west: cluster: is the cluster of east too" in fabric.refused("site")
    assert not fabric.pki.exists()


@pytest.mark.parametrize("playbook", ["site", "teardown"])
def test_swapped_contexts(installed: Fabric, kubectl: Kubectl, clusters: Clusters, playbook: str) -> None:
    before = secrets(installed, kubectl, clusters)
    east, west = installed.hosts["east"], installed.hosts["west"]
    east["clusterlink_context"], west["clusterlink_context"] = west["clusterlink_context"], east["clusterlink_context"]
    output = installed.refused(playbook)
    assert "contains the gateway of another peer (found: west)" in output
    assert "contains the gateway of another peer (found: east)" in output
    assert secrets(installed, kubectl, clusters) == before


@pytest.mark.parametrize("command", ["site", "rotate_ca", "upgrade", "evict_peer -e evict_peer=west"])
def test_a_lost_folder_even_with_limit(installed: Fabric, kubectl: Kubectl, clusters: Clusters, command: str) -> None:
    before = secrets(installed, kubectl, clusters)
    installed.pki.rename(installed.folder / "elsewhere")
    output = installed.refused(*command.split(), "--limit", "east")
    assert f"east, west: Secret {installed.variables['clusterlink_namespace']}/cl-peer: the gateway belongs" in output
    assert "fabric_replace_ca=true" in output
    assert not installed.pki.exists()
    assert secrets(installed, kubectl, clusters) == before


def test_a_store_that_has_lost_its_secret_is_named(installed: Fabric, clusters: Clusters) -> None:
    installed.pki.rename(installed.folder / "elsewhere")
    installed.variables.update(
        clusterlink_store_namespace="default",
        clusterlink_store_kubeconfig=str(clusters.kubeconfig),
        clusterlink_store_context=clusters.contexts[0],
    )
    output = installed.refused("site")
    assert f"Restore the folder from Secret default/clusterlink-fabric-{installed.name}" in output


def test_another_fabric_of_the_same_name(installed: Fabric, run_module: Ansible) -> None:
    other = installed.folder / "other"
    place = {"path": str(other), "fabric": installed.name}
    assert not run_module("fabric_ca", place, connection=False).get("failed")
    output = installed.refused("site", "-e", f"clusterlink_pki_dir={other}")
    assert f"the gateway trusts none of the CAs in {other}/{installed.name}" in output


def test_a_renamed_fabric_and_a_gateway_in_another_namespace(installed: Fabric) -> None:
    old, space = installed.name, installed.variables["clusterlink_namespace"]
    output = installed.refused("site", "-e", "clusterlink_fabric=renamed")
    assert f"contains the gateway of another fabric (found: {old})" in output
    output = installed.refused("site", "-e", "clusterlink_namespace=clusterlink-system")
    assert f"is not where the gateway of fabric {old} runs (found: {space})" in output


def test_site_serves_the_others_when_clusters_never_answer(installed: Fabric) -> None:
    """They are asked by the preflight alone; each task that asked again would wait for half a minute."""
    del installed.variables["clusterlink_retry_timeout"]
    with ExitStack() as sockets:
        silent = {host: sockets.enter_context(socket.create_server(("127.0.0.1", 0))) for host in SILENT}
        for host, each in silent.items():
            url = f"https://127.0.0.1:{each.getsockname()[1]}"
            installed.hosts[host] = {"clusterlink_host": url, "clusterlink_api_key": "x"}
        code = installed.play("site", "--tags", "certificates,mesh", "-e", f"site_json={installed.folder}/site.json")
        asked = {host: connections(each) for host, each in silent.items()}
    assert code == 2, installed.output
    assert installed.output.count(f"[WARNING]: {len(SILENT)} clusters are not checked:\n") == 1
    report = json.loads((installed.folder / "site.json").read_text(encoding="utf-8"))
    assert report["failed"] == [*SILENT]
    for host in ("east", "west"):
        assert not report["clusters"][host].get("error"), report
        assert f"{host} failed and is not up to date" not in installed.output
    assert max(asked.values()) <= IN_PREFLIGHT, f"{asked}: a later task has asked them again"


def connections(server: socket.socket) -> int:
    """How many connections wait to be accepted."""
    server.setblocking(False)
    count = 0
    with suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            count += 1
    return count


def test_clusters_that_never_answer_are_one_table(installed: Fabric) -> None:
    with ExitStack() as sockets:
        silent = [sockets.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        ports = [each.getsockname()[1] for each in silent]
        servers = {"moon": f"http://127.0.0.1:{ports[0]}", "star": "http://127.0.0.1:1"}
        servers["sun"] = f"https://127.0.0.1:{ports[1]}"
        for host, server in servers.items():
            installed.hosts[host] = {"clusterlink_host": server, "clusterlink_api_key": "x"}
        assert installed.play("preflight") == 0, installed.output
        assert max(map(connections, silent)) <= IN_PREFLIGHT, "each for 5 s, which a unit test measures"
    table = installed.output.partition("[WARNING]: 3 clusters are not checked:\n")[2].splitlines()[:4]
    assert [line.split()[:2] for line in table[1:]] == [[host, server] for host, server in servers.items()]
    assert table[0].startswith("HOST  ADDRESS OR CONTEXT")


def test_the_environment_never_outranks_a_hosts_kubeconfig(installed: Fabric) -> None:
    installed.play("preflight", K8S_AUTH_HOST="https://192.0.2.1", K8S_AUTH_API_KEY="hunter2")
    assert "kubeconfig and context would be overridden by the environment" in installed.output
    assert "Unset K8S_AUTH_HOST, K8S_AUTH_API_KEY" in installed.output
    assert "hunter2" not in installed.output


def test_the_group_may_be_named_in_the_inventory(installed: Fabric) -> None:
    installed.variables["clusterlink_group"] = "mine"
    assert installed.play("preflight", group="mine") == 0, installed.output
    assert "names an inventory group that has no hosts" in installed.refused("site", "-e", "clusterlink_group=nobody")
    others = installed.folder / "others.ini"
    others.write_text("bystander\n", encoding="utf-8")
    limited = ("-i", str(others), "-e", "clusterlink_group=mine", "--limit", "bystander")
    assert (
        "--limit: excludes every host of the group mine. Give --limit a host of the group: east, west"
        in installed.refused("site", *limited, group="mine")
    )


def test_a_host_is_called_by_its_peers_name(installed: Fabric) -> None:
    east = {**installed.hosts.pop("east"), "clusterlink_peer_name": "east"}
    installed.hosts["K8S_East.example"] = east
    web = {"name": "web", "namespace": "default", "port": 80, "allow": [{"from": {}}]}
    installed.variables["clusterlink_services"] = [
        {**web, "exported_by": ["K8S_East.example"], "imported_by": ["west"]},
        {**web, "name": "db", "exported_by": ["east"], "imported_by": ["west"]},
    ]
    installed.variables["clusterlink_gateway_host"], installed.variables["clusterlink_gateway_port"] = "gateway", 443
    assert installed.play("site", "--check", "--diff", "-e", "clusterlink_ingress_type=none") == 0, installed.output
    assert f"Peer {installed.variables['clusterlink_namespace']}/east" in installed.output
    assert "peer: east" in installed.output or '"peer": "east"' in installed.output
    installed.play("certificates", "-e", "certificates_served=false")
    table = installed.output.partition("TASK [Show the certificates]")[2].partition("msg:")[2].partition("TASK")[0]
    assert "east" in table
    assert "K8S_East.example" not in table
    del installed.variables["clusterlink_services"]
    east["clusterlink_peer_name"] = "orient"
    output = installed.refused("site")
    assert "K8S_East.example: namespace" in output
    assert "contains the gateway of another peer (found: east)" in output
