# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole fabric for tests of playbooks: an inventory of two clusters, a service in one and a client in the other."""

from __future__ import annotations

import json
import re
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.ansible import ansible_environment
from tests.support.clusters import Clusters
from tests.support.kubectl import Kubectl
from tests.support.paths import ROOT

_RECAP = re.compile(r"^(\S+)\s+: (ok=.*)$", re.MULTILINE)
_TIMEOUT = 900

EAST, WEST = "test-east", "test-west"


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
        output = self.log.read_text(encoding="utf-8")
        recap = {
            host: {key: int(value) for key, value in (pair.split("=") for pair in counts.split())}
            for host, counts in _RECAP.findall(output)
        }
        return Run(self.process.returncode, output, recap)


class TwoClusters:
    """A fabric in which C(EAST), the first cluster, offers C(web) and C(WEST), the second, has a client of it.

    Attributes:
        namespace: Of the service, in both clusters.
        variables: Of the inventory, for all clusters; may be added to.
        hosts: Of the inventory, the variables of each.
        environment: Of Ansible, besides the tests' own.
    """

    def __init__(self, clusters: Clusters, kubectl: Kubectl, folder: Path) -> None:
        self.namespace = f"test-{uuid.uuid4().hex[:8]}"
        self.contexts = dict(zip((EAST, WEST), clusters.contexts, strict=False))
        self._kubectl = kubectl
        self._folder = folder
        self._runs = 0
        self.environment: dict[str, str] = {}
        self.hosts: dict[str, dict[str, Any]] = {
            name: {"clusterlink_kubeconfig": str(clusters.kubeconfig), "clusterlink_context": context}
            for name, context in self.contexts.items()
        }
        self.variables: dict[str, Any] = {
            "clusterlink_fabric": self.namespace,
            "clusterlink_pki_dir": str(folder / "pki"),
            "clusterlink_ingress_type": "NodePort",
            "clusterlink_wait_timeout": 300,  # a test machine may be busy
            "clusterlink_services": [
                {
                    "name": "web",
                    "namespace": self.namespace,
                    "port": 80,
                    "exported_by": [EAST],
                    "imported_by": [WEST],
                    "allow": [{"from": {"app": "frontend"}}],
                }
            ],
        }

    def populate(self) -> None:
        """Make the namespace in both clusters, the server in one and the client in the other."""
        for context, workload in zip(self.contexts.values(), (self._web(), self._client()), strict=True):
            namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
            self._kubectl.apply(namespace, *workload, context=context)
            self._kubectl(
                *("wait", "--for=condition=Ready", "--timeout=60s", "pod/main", "-n", self.namespace), context=context
            )

    def clear(self) -> None:
        """Remove the namespaces."""
        for context in self.contexts.values():
            self._kubectl.remove_namespace(self.namespace, context=context)

    def play(self, playbook: str, *options: str, **variables: Any) -> Run:
        """Run one of the collection's playbooks; one that fails is no error here.

        Args:
            playbook: Its name, such as C(site), or the path of another.
            options: Options of C(ansible-playbook).
            variables: Extra variables.
        """
        return self.start(playbook, *options, **variables).end()

    def start(self, playbook: str, *options: str, **variables: Any) -> Started:
        """Begin such a run."""
        inventory = self._folder / "inventory.json"
        inventory.write_text(json.dumps({"clusters": {"hosts": self.hosts, "vars": self.variables}}), encoding="utf-8")
        name = playbook if "/" in playbook else f"skyshift.clusterlink.{playbook}"
        self._runs += 1
        log = self._folder / f"{Path(playbook).stem}.{self._runs}.log"
        with log.open("w", encoding="utf-8") as file:
            process = subprocess.Popen(
                ["ansible-playbook", "-i", str(inventory), name, "-e", json.dumps(variables), *options],
                cwd=ROOT,
                env=ansible_environment(**self.environment),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        return Started(process, log)

    def _web(self) -> list[Mapping[str, Any]]:
        ports = [{"port": 80, "targetPort": 8080}]
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "namespace": self.namespace},
            "spec": {"selector": {"app": "web"}, "ports": ports},
        }
        return [self._pod("web", "clusterlink-lab/web:v1"), service]

    def _client(self) -> list[Mapping[str, Any]]:
        return [self._pod("frontend", "clusterlink-lab/client:v1")]

    def _pod(self, app: str, image: str) -> Mapping[str, Any]:
        container = {
            "name": "main",
            "image": image,
            "imagePullPolicy": "Never",
            "env": [{"name": "CLUSTER", "value": "here"}],
        }
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "main", "namespace": self.namespace, "labels": {"app": app}},
            "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]},
        }
