# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several hosts never get the cluster in whose pod Ansible runs, also in plays that no preflight precedes."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.environment import ansible_environment
from tests.support.forked_ansible import ansible_playbook
from tests.support.tls import key_and_certificate

Data = dict[str, Any]

NAMELESS = "connection: the host names no cluster of its own"
POD = """
from kubernetes.config import incluster_config
incluster_config.SERVICE_TOKEN_FILENAME, incluster_config.SERVICE_CERT_FILENAME = {files!r}
"""
PARTS = {
    "gateway": {"roles": ["skyshift.clusterlink.gateway"]},
    "mesh": {"roles": ["skyshift.clusterlink.mesh"]},
    "verify": {
        "roles": ["skyshift.clusterlink.verify"],
        "vars": {"verify_probes": [{"name": "web", "namespace": "default", "host": "web", "port": 80}]},
    },
    "rotation": {
        "tasks": [{"include_role": {"name": "skyshift.clusterlink.fabric", "tasks_from": "rotation"}}],
        "vars": {"fabric_phase": "trust"},
    },
    "one for all": {"tasks": [{"skyshift.clusterlink.gateway_info": {}, "run_once": True}]},
    "another's": {
        "tasks": [{"skyshift.clusterlink.gateway_info": {}, "when": "inventory_hostname == 'north'"}],
        "hosts": "clusters:north",
        "vars": {"clusterlink_of": "east"},
    },
    "in a process": {"tasks": [{"skyshift.clusterlink.gateway_info": {}}], "environment": {"ANY": "thing"}},
    "the lock": {"tasks": [{"skyshift.clusterlink.fabric_lock": {}, "run_once": True}]},
}
"""What a user's own play may have of this collection, without playbook preflight."""


class Pod:
    """The pod of a cluster, with a service account, in which plays run.

    Attributes:
        asked: How often the cluster's API server was asked in the last play; it ends each connection.
    """

    def __init__(self, folder: Path, server: socket.socket) -> None:
        self._folder, self._server = folder, server
        self.asked = 0
        (folder / "token").write_text("hunter2", encoding="utf-8")
        (folder / "ca.crt").write_bytes(key_and_certificate()[1])
        files = (str(folder / "token"), str(folder / "ca.crt"))
        (folder / "sitecustomize.py").write_text(POD.format(files=files), encoding="utf-8")
        threading.Thread(target=self._answer, daemon=True).start()

    def _answer(self) -> None:
        with suppress(OSError):  # closed at the end of the tests
            while True:
                self._server.accept()[0].close()
                self.asked += 1

    def play(self, inventory: Data, **steps: Any) -> str:
        """Run a play; all that it printed."""
        self.asked = 0
        variables = {"clusterlink_retry_timeout": 0, "ansible_python_interpreter": sys.executable}
        variables |= {"clusterlink_services": [], "clusterlink_gateway_host": "g", "clusterlink_gateway_port": 443}
        groups = {"clusters": {"hosts": inventory, "vars": variables}, "all": {"hosts": {"north": {}}}}
        (self._folder / "hosts.json").write_text(json.dumps(groups), encoding="utf-8")
        play = {"hosts": "clusters", "gather_facts": False, "connection": "local", **steps}
        (self._folder / "play.json").write_text(json.dumps([play]), encoding="utf-8")
        host, port = self._server.getsockname()
        environment = {
            "PYTHONPATH": str(self._folder),
            "KUBERNETES_SERVICE_HOST": host,
            "KUBERNETES_SERVICE_PORT": str(port),
        }
        done = ansible_playbook(
            ["-i", "hosts.json", "play.json"], cwd=self._folder, env=ansible_environment(**environment)
        )
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pod]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Pod(tmp_path_factory.mktemp("pod"), server)


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_no_part_of_a_play_takes_the_pods_cluster_for_one_of_several_hosts(pod: Pod, part: Data) -> None:
    output = pod.play({"east": {}, "west": {}}, **part)
    assert f"east: {NAMELESS}" in " ".join(output.split()), output
    assert "hunter2" not in output
    assert pod.asked == 0


@pytest.mark.parametrize(
    ("inventory", "steps"),
    [
        ({"east": {}}, {"tasks": [{"skyshift.clusterlink.gateway_info": {"retry_timeout": 0}}]}),
        (
            {"east": {}, "west": {}},
            {"hosts": "north", "tasks": [{"skyshift.clusterlink.gateway_info": {"retry_timeout": 0}}]},
        ),
    ],
    ids=["the only one", "one that is no peer"],
)
def test_a_host_that_is_alone_may_be_the_pods_cluster(pod: Pod, inventory: Data, steps: Data) -> None:
    output = pod.play(inventory, **steps)
    assert NAMELESS not in output
    assert pod.asked > 0
