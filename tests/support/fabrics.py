# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole fabric for tests of playbooks: an inventory of two clusters, a service in one and a client in the other."""

from __future__ import annotations

import json
import re
import subprocess
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tests.support.clusters import Clusters, kill_containers
from tests.support.environment import ansible_environment
from tests.support.gateways import QUICK
from tests.support.holdings import holdings
from tests.support.kubectl import Kubectl
from tests.support.paths import ROOT
from tests.support.playbooks import run_playbook
from tests.support.traffic import Client, Count, traffic
from tests.support.workloads import Object, client, web

_RECAP = re.compile(r"^(\S+)\s+: (ok=.*)$", re.MULTILINE)
_TIMEOUT = 900

EAST, WEST = "test-east", "test-west"
SYSTEM = "clusterlink-system"
"""The gateways' namespace, where a test names no other."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Run:
    """What came of a playbook: its exit code, all that it printed, and each host's counts."""

    code: int
    output: str
    recap: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def changed(self) -> int:
        """How many tasks changed something."""
        return sum(counts["changed"] for counts in self.recap.values())


@dataclass(frozen=True)
class Started:
    """A run of a playbook that goes on."""

    process: subprocess.Popen[bytes]
    log: Path

    def end(self) -> Run:
        """Wait for its end."""
        self.process.wait(_TIMEOUT)
        return _run(self.process.returncode, self.log.read_text(encoding="utf-8"))


def _run(code: int, output: str) -> Run:
    recap = {
        host: {key: int(value) for key, value in (pair.split("=") for pair in counts.split())}
        for host, counts in _RECAP.findall(output)
    }
    return Run(code, output, recap)


class DeclaredFabric:
    """An inventory of several clusters, and runs of the collection's playbooks for it.

    Attributes:
        contexts: The kubeconfig's context of each peer.
        namespace: Of the workloads, in every cluster; the fabric's name by default.
        variables: Of the inventory, for all clusters; may be added to.
        hosts: Of the inventory, the variables of each.
        environment: Of Ansible, besides the tests' own.
        pki: The fabric's folder.
        command: What runs a playbook.
    """

    command: tuple[str, ...] = ("ansible-playbook",)

    def __init__(self, clusters: Clusters, peers: Sequence[str], folder: Path, name: str, namespace: str = "") -> None:
        self.contexts = dict(zip(peers, clusters.contexts, strict=False))
        self.namespace = namespace or name
        self._clusters = clusters
        self._folder = folder
        self._runs = 0
        self.pki = folder / "pki" / name
        self.environment: dict[str, str] = {}
        self.hosts: dict[str, dict[str, Any]] = {
            peer: {"clusterlink_kubeconfig": str(clusters.kubeconfig), "clusterlink_context": context}
            for peer, context in self.contexts.items()
        }
        self.variables: dict[str, Any] = {
            "clusterlink_fabric": name,
            "clusterlink_pki_dir": str(folder / "pki"),
            "clusterlink_ingress_type": "NodePort",
            "clusterlink_wait_timeout": 300,  # a test machine may be busy
            **{f"clusterlink_{option}": seconds for option, seconds in QUICK.items()},
        }

    def play(self, playbook: str, *options: str, **variables: Any) -> Run:
        """Run one of the collection's playbooks; one that fails is no error here.

        Args:
            playbook: Its name, such as C(site), or the path of another.
            options: Options of C(ansible-playbook).
            variables: Extra variables.
        """
        program, *arguments = self.playbook_command(playbook, *options, **variables)
        if program != "ansible-playbook":
            return self.start(playbook, *options, **variables).end()
        ended = run_playbook(*arguments, environment=self.environment)
        return _run(ended.code, ended.output)

    def must(self, playbook: str, *options: str, code: int = 0, **variables: Any) -> Run:
        """Run one that has to end with this exit code."""
        run = self.play(playbook, *options, **variables)
        assert run.code == code, run.output
        return run

    def playbook_command(self, playbook: str, *options: str, **variables: Any) -> list[str]:
        """The command of such a run, with the inventory as it is now."""
        inventory = self._folder / "inventory.json"
        inventory.write_text(json.dumps({"clusters": {"hosts": self.hosts, "vars": self.variables}}), encoding="utf-8")
        name = playbook if "/" in playbook else f"skyshift.clusterlink.{playbook}"
        return [*self.command, "-i", str(inventory), name, "-e", json.dumps(variables), *options]

    def start(self, playbook: str, *options: str, **variables: Any) -> Started:
        """Begin such a run."""
        self._runs += 1
        log = self._folder / f"{Path(playbook).stem}.{self._runs}.log"
        with log.open("w", encoding="utf-8") as file:
            process = subprocess.Popen(
                self.playbook_command(playbook, *options, **variables),
                cwd=ROOT,
                env=ansible_environment(**self.environment),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        return Started(process, log)

    def inhabit(self, workloads: Mapping[str, Sequence[Object]]) -> None:
        """Make the namespace and each cluster's workloads in it, and wait until all pods are ready."""
        kubectl = Kubectl(self._clusters)
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}

        def make(peer: str) -> None:
            context = self.contexts[peer]
            kubectl.apply(namespace, *workloads[peer], context=context)
            ready = ("--for=condition=Ready", "--timeout=120s", "pod", "--all")
            kubectl("wait", *ready, "-n", self.namespace, context=context)

        in_each(workloads, make)

    def teardown(self) -> None:
        """Remove the fabric from its clusters."""
        self.must("teardown")

    def clear(self) -> None:
        """Remove the namespace with the workloads."""
        kubectl = Kubectl(self._clusters)
        in_each(self.contexts.values(), lambda context: kubectl.remove_namespace(self.namespace, context=context))


class TwoClusters(DeclaredFabric):
    """A fabric in which C(EAST), the first cluster, offers C(web) and C(WEST), the second, has a client of it."""

    def __init__(self, clusters: Clusters, kubectl: Kubectl, folder: Path) -> None:
        super().__init__(clusters, (EAST, WEST), folder, f"test-{uuid.uuid4().hex[:8]}")
        self._kubectl = kubectl
        self.variables["clusterlink_services"] = [
            {
                "name": "web",
                "namespace": self.namespace,
                "port": 80,
                "exported_by": [EAST],
                "imported_by": [WEST],
                "allow": [{"from": {"app": "frontend"}}],
            }
        ]

    def populate(self) -> None:
        """Make the namespace in both clusters, the server in one and the client in the other."""
        self.inhabit({EAST: web(self.namespace), WEST: client(self.namespace)})


class FullMesh(DeclaredFabric):
    """A fabric in which each cluster exports C(web) and imports those of all others, so that every link has traffic."""

    def __init__(self, clusters: Clusters, kubectl: Kubectl, peers: Sequence[str], folder: Path) -> None:
        super().__init__(clusters, peers, folder, f"test-{uuid.uuid4().hex[:8]}")
        self._kubectl = kubectl
        for option in QUICK:  # requests are counted
            del self.variables[f"clusterlink_{option}"]
        self.variables["clusterlink_exports"] = [{"name": "web", "namespace": self.namespace, "port": 80}]
        self.variables["clusterlink_policies"] = [
            {"name": "everything", "namespace": self.namespace, "from": [{}], "to": [{}]}
        ]
        self._every_host = self.hosts
        self.link(*peers)

    def link(self, *peers: str) -> None:
        """Let these peers alone be the fabric, each importing from all others."""
        self.hosts = {peer: self._every_host[peer] for peer in peers}
        for peer, variables in self.hosts.items():
            variables["clusterlink_imports"] = [self._import(other) for other in peers if other != peer]

    def _import(self, source: str) -> dict[str, Any]:
        sources = [{"peer": source, "export_name": "web"}]
        return {"name": f"web-{source}", "namespace": self.namespace, "port": 80, "sources": sources}

    def teardown(self) -> None:
        """Remove the fabric; its gateways end at once, as nobody asks them any more."""

        def stop(context: str) -> None:
            where = ("--all", "--namespace", SYSTEM, "--wait=false")
            self._kubectl("delete", "deployments,replicasets", *where, context=context)
            self._kubectl.hurry(SYSTEM, context=context)
            # A pod that ends already keeps its time to drain. If it were forced, its node would run it on, and might
            # give the next gateway's pods this one's Secrets: it may no longer watch them.
            kill_containers(context, SYSTEM)

        in_each(self.contexts.values(), stop)
        super().teardown()

    def clients(self) -> list[Client]:
        """A client of every import."""
        return [
            Client(self.contexts[peer], f"http://web-{other}", self.namespace, "client")
            for peer in self.hosts
            for other in self.hosts
            if other != peer
        ]

    @contextmanager
    def counted(self, without: str = "", *, rate: int = 2, **how: Any) -> Iterator[Count]:
        """Count requests on all links, or on those of all peers but one, while the body runs.

        Args:
            without: The peer whose links are left out.
            rate: As for C(traffic).
            how: Its other options.
        """
        clients = [
            client
            for client in self.clients()
            if not without or (client.context != self.contexts[without] and without not in client.url)
        ]
        with yielding(self), traffic(self._kubectl.command, clients, rate=rate, **how) as count:
            yield count

    def populate(self) -> None:
        """Make the namespace in every cluster, and a server and a client in it."""
        self.inhabit(
            {peer: [*web(self.namespace, peer, "web"), *client(self.namespace, "client")] for peer in self.contexts}
        )


class Inhabited(Protocol):
    """A fabric that has workloads of its own."""

    contexts: dict[str, str]

    def populate(self) -> None:
        """Make them."""

    def clear(self) -> None:
        """Remove them."""

    def teardown(self) -> None:
        """Remove the fabric from its clusters."""


@contextmanager
def yielding(*fabrics: DeclaredFabric) -> Iterator[None]:
    """Playbooks leave the cores to the clusters while the body runs, which counts requests."""
    for fabric in fabrics:
        fabric.command = ("nice", "--adjustment=19", "ansible-playbook")
    try:
        yield
    finally:
        for fabric in fabrics:
            fabric.command = DeclaredFabric.command


def in_each(clusters: Iterable[str], act: Callable[[str], Result]) -> list[Result]:
    """Do something in clusters side by side, since it mostly waits; what it returned, in their order."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(act, clusters))


@contextmanager
def leaving_nothing(fabric: Inhabited, kubectl: Kubectl) -> Iterator[None]:
    """After the body, a fabric's clusters hold nothing that they did not before."""

    def held() -> set[str]:
        contexts = fabric.contexts.values()
        lists = in_each(contexts, lambda context: holdings(partial(kubectl, context=context)))
        return {f"{each} in {context}" for context, rows in zip(contexts, lists, strict=True) for each in rows}

    before = held()
    yield
    deadline = time.monotonic() + 10  # a run's lock goes after it
    # What an earlier test left to go may have gone since.
    while (left := sorted(held() - before)) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert left == [], "a teardown leaves nothing"


@contextmanager
def populated(fabric: Inhabited, kubectl: Kubectl) -> Iterator[None]:
    """A fabric's workloads while the body runs; after its teardown, clusters hold nothing that they did not before."""
    with leaving_nothing(fabric, kubectl):
        try:
            try:
                fabric.populate()
                yield
            finally:  # else every later test meets gateways of another fabric
                fabric.teardown()
        finally:
            fabric.clear()
