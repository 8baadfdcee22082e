# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates change for their whole life while requests run on every link, in both directions; all are counted.

Every cluster exports its web and imports the others'. Envoy (v0.4.1) refuses a connection when its control plane does
not answer within 200 ms, so playbooks run at the lowest priority and leave the cores to the clusters. What still
depends on the machine's mood is long, and may lose as many requests as it says.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.aged import age
from tests.support.fabrics import FullMesh, Run
from tests.support.holdings import holdings
from tests.support.killed import run_killed_at_every_step
from tests.support.traffic import Count, traffic

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.traffic]

ONE, TWO, THREE = "test-one", "test-two", "test-three"
PEERS = (ONE, TWO, THREE)
REPLICAS: dict[str, Any] = {
    "clusterlink_controlplane_replicas": 2,
    "clusterlink_dataplane_replicas": 2,
    # A go data plane (v0.4.1) cannot announce that it ends: what others ask on a kept connection then is lost.
    "clusterlink_dataplane": "envoy",
}
STEPS = "next phase|Issue or remove the peers' certificates|and check that it reaches|Check that its peers"
"""Names of tasks at which a rotation is killed."""
NEW_LEAVES = "Issue the new CA's certificates"
"""What a rotation prints half-way."""


class Scenario:
    """The fabric, its playbooks, and requests on all of its links."""

    def __init__(self, mesh: FullMesh, kubectl: Kubectl) -> None:
        self.mesh = mesh
        self._kubectl = kubectl

    def counted(self, without: str = "", *, rate: int = 2, **how: Any) -> AbstractContextManager[Count]:
        """Requests on all links, or on those of all peers but one."""
        clients = [
            client
            for client in self.mesh.clients()
            if not without or (client.context != self.mesh.contexts[without] and without not in client.url)
        ]
        return traffic(self._kubectl.command, clients, rate=rate, **how)

    def play(self, playbook: str, *options: str, code: int = 0, **variables: Any) -> Run:
        run = self.mesh.play(playbook, *options, **variables)
        assert run.code == code, run.output
        return run

    def age(self) -> None:
        """Let all certificates be old, and the gateways have them."""
        age(self.mesh.pki, self._kubectl.command, self.mesh.contexts)

    def all_is_well(self) -> None:
        assert not sorted(path.name for path in self.mesh.pki.glob("*") if path.name.startswith(("ca.", "trusted.")))
        self.play("certificates", certificates_days=100)


@pytest.fixture(scope="module")
def fabric(clusters: Clusters, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    mesh = FullMesh(clusters, kubectl, PEERS, tmp_path_factory.mktemp("fabric"))
    mesh.command = ("nice", "--adjustment=19", "ansible-playbook")
    mesh.hosts[TWO]["clusterlink_dataplane"] = "go"
    scenario = Scenario(mesh, kubectl)
    before = {context: held(kubectl, context) for context in mesh.contexts.values()}
    mesh.populate()
    scenario.play("site")
    yield scenario
    mesh.link(*PEERS)
    scenario.play("teardown")
    mesh.clear()
    after = {context: held(kubectl, context) for context in mesh.contexts.values()}
    assert after == before, "a teardown leaves nothing"


def held(kubectl: Kubectl, context: str) -> list[str]:
    return holdings(lambda *arguments: kubectl(*arguments, context=context))


def test_replacing_the_ca_loses_no_request(fabric: Scenario) -> None:
    with fabric.counted() as count:
        fabric.play("rotate_ca")
    assert count.failed == 0
    fabric.all_is_well()


@pytest.mark.long
def test_renewing_all_certificates_with_two_replicas_loses_hardly_a_request(fabric: Scenario) -> None:
    fabric.age()
    fabric.play("site", clusterlink_renew_percent=0, **REPLICAS)
    with fabric.counted(kept_for=8) as count:
        fabric.play("site", "--forks=1", **REPLICAS)
    assert count.failed <= 3
    fabric.all_is_well()


@pytest.mark.long
def test_renewing_all_certificates_with_one_replica_loses_few_requests(fabric: Scenario) -> None:
    fabric.age()
    fabric.play("site", clusterlink_renew_percent=0)
    with fabric.counted() as count:
        fabric.play("site", "--forks=1")
    assert count.failed <= 20


@pytest.mark.long
def test_rotation_stops_at_a_cluster_that_is_away_and_goes_on_when_it_is_back(fabric: Scenario) -> None:
    node = f"{fabric.mesh.contexts[THREE].removeprefix('kind-')}-control-plane"
    with fabric.counted(without=THREE, rate=6) as count:
        started = fabric.mesh.start("rotate_ca", clusterlink_wait_timeout=20)
        try:
            while NEW_LEAVES not in started.log.read_text(encoding="utf-8") and started.process.poll() is None:
                time.sleep(0.2)
            subprocess.run(["docker", "pause", node], check=True)
            stopped = started.end()
        finally:
            subprocess.run(["docker", "unpause", node], check=True)
    assert stopped.code == 2
    assert THREE in stopped.output
    assert count.failed <= 3
    with fabric.counted() as count:
        fabric.play("rotate_ca")
    assert count.failed <= 3
    fabric.all_is_well()


@pytest.mark.long
def test_rotation_that_is_killed_at_every_step_loses_no_request(fabric: Scenario) -> None:
    command = fabric.mesh.playbook_command("rotate_ca")
    with fabric.counted() as count:
        assert run_killed_at_every_step(command, STEPS) >= 10
    assert count.failed <= 12
    fabric.all_is_well()


@pytest.mark.long
def test_replacing_the_ca_of_one_cluster_alone_does_lose_requests(fabric: Scenario) -> None:
    """The counter works: gateways that do not trust each other fail requests, and site repairs that."""
    variables = {"fabric_replace_ca": True, "clusterlink_key_type": "rsa", "clusterlink_wait_timeout": 10}
    with fabric.counted(lead=20) as count:
        fabric.mesh.play("site", f"--limit={ONE}", **variables)
    assert count.failed >= 50
    fabric.play("site")
    fabric.all_is_well()


def test_evicted_peer_is_refused_by_every_gateway_and_others_lose_no_request(fabric: Scenario) -> None:
    fabric.mesh.link(ONE, TWO)
    with fabric.counted(rate=6) as count:
        run = fabric.play("evict_peer", "-v", evict_peer=THREE)
    assert count.failed == 0
    assert run.output.count("accepted: false") == len((ONE, TWO)), run.output
