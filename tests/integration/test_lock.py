# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs at once on the same fabric, and runs that were killed, on real API servers."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.fabrics import EAST, WEST, Run, Started, TwoClusters
from tests.support.tunnel import Tunnel
from tests.support.waiting import PATIENCE_SECONDS, eventually

if TYPE_CHECKING:
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

SHORT, LONG = 3, 9
"""Seconds after which a silent run is taken for dead: the fewest, and more than a run takes to begin."""
PLAY = {
    "hosts": "clusters",
    "gather_facts": False,
    "connection": "local",
    "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
}
LOCK = {
    "skyshift.clusterlink.fabric_lock": {
        "fabric": "{{ clusterlink_fabric }}",
        "timeout": "{{ clusterlink_lock_timeout | default(omit) }}",
        "duration": f"{{{{ clusterlink_lock_duration | default({SHORT}) }}}}",
    },
    "run_once": True,
    "register": "locked",
}
FREE = {
    "skyshift.clusterlink.fabric_lock": {"fabric": "{{ clusterlink_fabric }}", "state": "absent"},
    "run_once": True,
}
STAY = {"ansible.builtin.pause": {"seconds": 3 * PATIENCE_SECONDS}}
LATE_WRITE = {
    "skyshift.clusterlink.peer": {
        **{option: f"{{{{ clusterlink_{option} | default(omit) }}}}" for option in ("kubeconfig", "context")},
        "name": "late",
        "namespace": "default",
        "gateways": [{"host": "192.0.2.1", "port": 443}],
        "wait": False,
    }
}


class Fabric:
    """A fabric that has no gateway yet, and its Leases as kubectl sees them."""

    def __init__(self, two: TwoClusters, kubectl: Kubectl, folder: Path) -> None:
        self.two = two
        self._kubectl = kubectl
        self._folder = folder
        self.mark = f"CLUSTERLINK_TEST_FABRIC={two.namespace}"
        two.environment = dict([self.mark.split("=")])

    def playbook(self, name: str, *tasks: dict[str, Any]) -> str:
        """The path of a playbook with these tasks."""
        path = self._folder / f"{name}.json"
        path.write_text(json.dumps([{**PLAY, "tasks": tasks}]), encoding="utf-8")
        return str(path)

    def leases(self) -> dict[str, str]:
        """Who has the fabric, by cluster."""
        holders = {}
        for name, context in self.two.contexts.items():
            for lease in self._kubectl.json("get", "leases", "-n", "default", context=context)["items"]:
                if lease["metadata"]["name"].endswith(self.two.namespace):
                    holders[name] = str(lease["spec"]["holderIdentity"])
        return holders

    def holding(self, **variables: Any) -> Started:
        """A run that has the fabric."""
        started = self.two.start(self.playbook("holding", LOCK, STAY), **variables)
        assert eventually(lambda: len(self.leases()) == 2), started.log.read_text()
        return started

    def following(self, timeout: int) -> Run:
        """What came of a run that gets the fabric, by a process of its own, so that its daemon is found."""
        return self.two.start(self.playbook("following", LOCK), clusterlink_lock_timeout=timeout).end()

    def processes(self, name: str) -> list[int]:
        """Living processes of this fabric's runs by their name."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                named = (folder / "comm").read_text().strip() == name
                if named and self.mark in (folder / "environ").read_bytes().decode().split("\0"):
                    found.append(int(folder.name))
            except OSError:
                continue
        return found


def until(file: Path) -> dict[str, Any]:
    """A task that ends when the test has made a file."""
    return {"ansible.builtin.wait_for": {"path": str(file), "timeout": 3 * PATIENCE_SECONDS, "sleep": 1}}


@pytest.fixture
def fabric(clusters: Clusters, kubectl: Kubectl, tmp_path: Path) -> Iterator[Fabric]:
    fabric = Fabric(TwoClusters(clusters, kubectl, tmp_path), kubectl, tmp_path)
    yield fabric
    for process in fabric.processes("ansible-playboo"):
        os.kill(process, signal.SIGKILL)
    assert eventually(lambda: fabric.leases() == {}), "no run leaves a Lease"
    assert eventually(lambda: fabric.processes("fabric-lock") == []), "nor its daemon"


def test_a_second_run_learns_who_has_the_fabric_and_writes_nothing(fabric: Fabric) -> None:
    holding = fabric.holding()
    pattern = rf"\w+@\S+ \(playbook holding\.json, process {holding.process.pid}, run [0-9a-f]{{8}}\)"
    assert [bool(re.fullmatch(pattern, holder)) for holder in fabric.leases().values()] == [True, True]

    refused = fabric.two.play("site", clusterlink_lock_timeout=0)
    said = " ".join(refused.output.split())
    assert (refused.code, refused.changed) == (2, 0), refused.output
    assert re.search(rf"another run works on it in {EAST}, {WEST} \(found: {pattern} since 20\d\d-", said), said

    looked = fabric.two.play(fabric.playbook("looking", LOCK), "--check")
    assert (looked.code, looked.changed) == (0, 0), looked.output
    assert re.search(rf"Fabric \S+ is locked in {EAST}, {WEST} by {pattern} since", " ".join(looked.output.split()))

    fabric.two.environment["K8S_AUTH_IMPERSONATE_USER"] = "nobody"
    forbidden = " ".join(fabric.two.play(fabric.playbook("forbidden", LOCK)).output.split())
    del fabric.two.environment["K8S_AUTH_IMPERSONATE_USER"]
    assert (
        f"{WEST}: leases.coordination.k8s.io in namespace default: the user nobody is not permitted to get" in forbidden
    )
    assert "set clusterlink_lock to false" in forbidden
    holding.process.kill()


def test_a_cluster_is_not_torn_down_while_a_run_works_on_another(fabric: Fabric) -> None:
    elsewhere = fabric.two.start(fabric.playbook("elsewhere", LOCK, STAY), "--limit", WEST)
    assert eventually(lambda: list(fabric.leases()) == [WEST]), elsewhere.log.read_text()
    refused = fabric.two.play("teardown", "--limit", EAST, clusterlink_lock_timeout=0)
    said = " ".join(refused.output.split())
    assert (refused.code, refused.changed) == (2, 0), refused.output
    assert f"another run works on it in {WEST} (found: " in said
    elsewhere.process.kill()


def test_check_mode_takes_no_lock_and_a_run_may_take_it_twice_and_give_it_back(fabric: Fabric, tmp_path: Path) -> None:
    """Renewals after it was given back do not bring it back, and a cluster that is away is left out."""
    fabric.two.hosts["away"] = {
        "clusterlink_host": "https://127.0.0.1:1",
        "clusterlink_api_key": "x",
        "clusterlink_retry_timeout": 0,
    }
    tasks = (LOCK, FREE, {"ansible.builtin.pause": {"seconds": 2}}, LOCK, LOCK)
    tell = {
        "ansible.builtin.debug": {"msg": "{{ (locked.clusters + ['without'] + locked.unlocked) | join(' ') }}"},
        "run_once": True,
    }
    looked = tmp_path / "looked"
    taking = fabric.two.start(fabric.playbook("taking", *tasks, tell, until(looked)))
    assert eventually(lambda: "without" in taking.log.read_text())
    assert fabric.leases().keys() == {EAST, WEST}
    looked.touch()
    taken = taking.end()
    assert (taken.code, taken.changed) == (0, 0), taken.output
    assert f"{EAST} {WEST} without away" in taken.output
    assert eventually(lambda: fabric.leases() == {})

    looking = fabric.two.start(fabric.playbook("looking", LOCK, tell, STAY), "--check")
    assert eventually(lambda: "without" in looking.log.read_text())
    assert fabric.leases() == {}
    looking.process.kill()


def test_a_killed_runs_lock_is_free_at_once_and_it_writes_no_more(fabric: Fabric) -> None:
    holding = fabric.holding()
    assert eventually(lambda: len(fabric.processes("ansible-playboo")) == 2), "a worker pauses"
    holding.process.kill()
    holding.process.wait()
    assert eventually(lambda: fabric.leases() == {})
    assert fabric.processes("ansible-playboo") == []
    following = fabric.following(timeout=0)
    assert following.code == 0, following.output


@pytest.mark.usefixtures("crds")
def test_a_run_whose_connection_went_silent_until_another_has_the_lock_writes_no_more(
    fabric: Fabric, kubectl: Kubectl, tmp_path: Path
) -> None:
    direct = fabric.two.hosts[EAST]
    config = kubectl("config", "view", "--raw", "--minify", "--flatten", "--output=json")
    signal_file = tmp_path / "go-on"
    tasks = (LOCK, until(signal_file), LATE_WRITE)
    with Tunnel(json.loads(config)) as tunnel:
        (tmp_path / "tunnel").write_text(json.dumps(tunnel.kubeconfig), encoding="utf-8")
        fabric.two.hosts[EAST] = {**direct, "clusterlink_kubeconfig": str(tmp_path / "tunnel")}
        silent = fabric.two.start(fabric.playbook("silent", *tasks), "--limit", EAST)
        assert eventually(lambda: list(fabric.leases()) == [EAST]), silent.log.read_text()
        (first,) = fabric.leases().values()
        tunnel.silence()
        fabric.two.hosts[EAST] = direct
        other = fabric.two.start(fabric.playbook("other", LOCK, STAY), "--limit", EAST, clusterlink_lock_timeout=60)
        assert eventually(lambda: fabric.leases().get(EAST, first) != first), other.log.read_text()
        tunnel.resume()
        signal_file.touch()
        refused = silent.end()
    assert refused.code == 2, refused.output
    assert "this run does not have the fabric's lock" in " ".join(refused.output.split())
    assert kubectl.json("get", "peers", "--all-namespaces")["items"] == []
    other.process.kill()


@pytest.mark.usefixtures("crds")
def test_a_run_that_stood_still_for_longer_than_its_lock_goes_on_when_nobody_took_it(
    fabric: Fabric, kubectl: Kubectl, tmp_path: Path
) -> None:
    """A controller that sleeps, or is starved, stops all processes of a run, and the one that renews may wake last."""
    signal_file = tmp_path / "go-on"
    tasks = (LOCK, until(signal_file), LATE_WRITE)
    run = fabric.two.start(fabric.playbook("sleeping", *tasks), "--limit", EAST, clusterlink_lock_duration=LONG)
    assert eventually(lambda: list(fabric.leases()) == [EAST]), run.log.read_text()
    processes = [*fabric.processes("ansible-playboo"), *fabric.processes("fabric-lock")]
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    time.sleep(LONG + 1)
    signal_file.touch()
    for process in processes[:-1]:
        os.kill(process, signal.SIGCONT)
    assert eventually(lambda: "[skyshift.clusterlink.peer]" in run.log.read_text()), run.log.read_text()
    time.sleep(1)
    assert kubectl.json("get", "peers", "--all-namespaces")["items"] == []
    os.kill(processes[-1], signal.SIGCONT)
    done = run.end()
    assert (done.code, done.changed) == (0, 1), done.output
    kubectl("delete", "peer", "late", "--namespace=default")


def test_a_lock_that_nobody_keeps_is_free_after_its_time(fabric: Fabric, tmp_path: Path) -> None:
    looked = tmp_path / "looked"
    holding = fabric.holding()
    (daemon,) = fabric.processes("fabric-lock")
    waiting = fabric.two.start(fabric.playbook("waiting", LOCK, until(looked)), clusterlink_lock_timeout=60)
    assert eventually(lambda: "Waiting up to 60 s" in waiting.log.read_text()), waiting.log.read_text()
    os.kill(daemon, signal.SIGKILL)
    holding.process.kill()
    assert len(fabric.leases()) == 2
    looked.touch()
    followed = waiting.end()
    assert followed.code == 0, followed.output
