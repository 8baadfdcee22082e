# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user's own settings of Ansible change nothing of what a run does."""

from __future__ import annotations

import json
import re
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.environment import ansible_environment

if TYPE_CHECKING:
    from tests.support.clusters import Clusters

pytestmark = [pytest.mark.cluster, pytest.mark.long]

Data = dict[str, Any]
ROLES = [f"skyshift.clusterlink.{name}" for name in ("fabric", "gateway", "mesh")]
RECAP = re.compile(r"^(east|west) +: .*unreachable=(\d+) +failed=(\d+)", re.MULTILINE)
OWN = re.compile(r"\b[0-9a-f]{12,}\b|\b[0-9-]{10}T[0-9:]{8}Z")
"""What is each run's own: the fingerprints and times of the certificates that it would create."""
WEB = {"name": "web", "namespace": "default", "port": 80, "allow": [{"from": {"app": "frontend"}}]}


class Run:
    """Check-mode runs of a new fabric of two clusters, whose inventory and environment a test changes.

    Attributes:
        hosts: Each host's variables.
        environment: Of Ansible.
        steps: Keywords of the play that has the roles; empty for playbook C(site).
        apart: Whether the hosts come from inventories in two folders.
    """

    def __init__(self, clusters: Clusters, folder: Path, name: str) -> None:
        self._folder = folder
        self.hosts: Data = {
            host: {"clusterlink_kubeconfig": str(clusters.kubeconfig), "clusterlink_context": context}
            for host, context in zip(("east", "west"), clusters.contexts, strict=False)
        }
        self._variables: Data = {
            "clusterlink_fabric": name,
            "clusterlink_namespace": name,
            "clusterlink_ingress_type": "LoadBalancer",
            "clusterlink_gateway_host": "{{ inventory_hostname }}.example.com",
            "clusterlink_gateway_port": 443,
            "clusterlink_ingress_annotations": {"example.com/port": "port {{ clusterlink_gateway_port }}"},
            "clusterlink_services": [{**WEB, "exported_by": ["east"], "imported_by": ["west"]}],
            "clusterlink_retry_timeout": 0,
        }
        self.environment: dict[str, str] = {}
        self.steps: Data = {}
        self.apart = False

    def __call__(self) -> tuple[dict[str, tuple[str, ...]], set[str]]:
        """Each host's failures, and every line of the diffs: what the run would write. A batch repeats some."""
        (self._folder / "play.json").write_text(json.dumps([self.steps]), encoding="utf-8")
        done = subprocess.run(
            [
                *("ansible-playbook", "--check", "--diff", *self._inventories()),
                "play.json" if self.steps else "skyshift.clusterlink.site",
            ],
            cwd=self._folder,
            env=ansible_environment(**self.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        output = OWN.sub("", (done.stdout + done.stderr).replace(str(self._folder), ""))
        assert done.returncode == 0, output
        counts = {host: tuple(rest) for host, *rest in RECAP.findall(output)}
        return counts, {line for line in output.splitlines() if line.startswith(("+", "-"))}

    def _inventories(self) -> list[str]:
        groups = [{"east": self.hosts["east"]}, {"west": self.hosts["west"]}] if self.apart else [self.hosts]
        options = []
        for index, hosts in enumerate(groups):
            place = self._folder / f"inventory{index}"
            place.mkdir(exist_ok=True)
            data = {"clusters": {"hosts": hosts, "vars": self._variables}}
            (place / "hosts.json").write_text(json.dumps(data), encoding="utf-8")
            options += ["-i", str(place / "hosts.json")]
        return options


@pytest.fixture(scope="module")
def name() -> str:
    return f"test-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def run(clusters: Clusters, tmp_path: Path, name: str) -> Run:
    return Run(clusters, tmp_path, name)


@pytest.fixture(scope="module")
def plain(clusters: Clusters, tmp_path_factory: pytest.TempPathFactory, name: str) -> Callable[[bool], Any]:
    """What a run without settings does: by playbook C(site), or by a play with the roles."""
    known: dict[bool, Any] = {}

    def result(own_play: bool) -> Any:
        if own_play not in known:
            run = Run(clusters, tmp_path_factory.mktemp("plain"), name)
            run.steps = play() if own_play else {}
            known[own_play] = run()
        return known[own_play]

    return result


def play(**keywords: Any) -> Data:
    local = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    return {
        "hosts": "clusters",
        "gather_facts": False,
        "connection": "local",
        "vars": local,
        "roles": ROLES,
        **keywords,
    }


def by_another_connection(run: Run) -> None:
    for own in run.hosts.values():
        own.update(
            ansible_connection="ssh", ansible_become=True, ansible_become_user="nobody", ansible_host="192.0.2.1"
        )


def by_two_inventories(run: Run) -> None:
    run.apart = True


def by_batches(run: Run) -> None:
    run.steps = play(serial=1)


def by_environment(**environment: str) -> Callable[[Run], None]:
    return lambda run: run.environment.update(environment)


SETTINGS: dict[str, Callable[[Run], None]] = {
    "ssh and become in the inventory": by_another_connection,
    "inventories in two folders": by_two_inventories,
    "serial": by_batches,
    "strategy free": by_environment(ANSIBLE_STRATEGY="free"),
    "native Jinja": by_environment(ANSIBLE_JINJA2_NATIVE="true"),
    "merged dictionaries": by_environment(ANSIBLE_HASH_BEHAVIOUR="merge"),
    "become": by_environment(ANSIBLE_BECOME="true", ANSIBLE_BECOME_USER="nobody"),
}


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_a_users_settings_change_nothing(
    run: Run, plain: Callable[[bool], Any], setting: Callable[[Run], None]
) -> None:
    setting(run)
    counts, lines = plain(bool(run.steps))
    assert set(counts) == {"east", "west"}
    for written in ("kind: Import", "example.com/port: port 443", "host: east.example.com"):
        assert [line for line in lines if written in line], written
    found, now = run()
    assert found == counts
    assert lines - now == now - lines == set()
