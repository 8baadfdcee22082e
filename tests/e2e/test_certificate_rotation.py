# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates change for their whole life while requests run on every link, in both directions; all are counted.

Every cluster exports its web and imports the others'. Envoy (v0.4.1) refuses a connection when its control plane does
not answer within 200 ms, so playbooks run at the lowest priority and leave the cores to the clusters. What still
depends on the machine's mood is long, and may lose as many requests as it says.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.aged import age
from tests.support.clusters import Clusters, paused, wait_until_awake
from tests.support.fabrics import SYSTEM, FullMesh, populated
from tests.support.killed import run_killed_at_every_step
from tests.support.waiting import wait_until

if TYPE_CHECKING:
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


@pytest.fixture(scope="module")
def mesh(clusters: Clusters, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FullMesh]:
    mesh = FullMesh(clusters, kubectl, PEERS, tmp_path_factory.mktemp("fabric"))
    mesh.hosts[TWO]["clusterlink_dataplane"] = "go"
    with populated(mesh, kubectl):
        mesh.must("site")
        yield mesh
        mesh.link(*PEERS)


def require_sound(mesh: FullMesh) -> None:
    """Nothing of a rotation is left, and every certificate is new and served."""
    assert not [path.name for path in mesh.pki.iterdir() if path.name.startswith(("ca.", "trusted."))]
    mesh.must("certificates", certificates_days=100)


def test_replacing_the_ca_loses_no_request(mesh: FullMesh) -> None:
    with mesh.counted() as count:
        mesh.must("rotate_ca")
    assert count.failed == 0
    require_sound(mesh)


@pytest.mark.long
def test_renewing_all_certificates_with_two_replicas_loses_hardly_a_request(mesh: FullMesh, kubectl: Kubectl) -> None:
    age(mesh.pki, kubectl.command, mesh.contexts)
    mesh.must("site", clusterlink_renew_percent=0, **REPLICAS)
    with mesh.counted(kept_for=8) as count:
        mesh.must("site", "--forks=1", **REPLICAS)
    assert count.failed <= 3
    require_sound(mesh)


@pytest.mark.long
def test_renewing_all_certificates_with_one_replica_loses_few_requests(mesh: FullMesh, kubectl: Kubectl) -> None:
    age(mesh.pki, kubectl.command, mesh.contexts)
    mesh.must("site", clusterlink_renew_percent=0)
    with mesh.counted() as count:
        mesh.must("site", "--forks=1")
    assert count.failed <= 20


@pytest.mark.long
def test_rotation_stops_at_a_cluster_that_is_unreachable_and_goes_on_when_it_is_back(
    mesh: FullMesh, clusters: Clusters
) -> None:
    with mesh.counted(without=THREE, rate=6) as count:
        started = mesh.start("rotate_ca", clusterlink_wait_timeout=20)
        while NEW_LEAVES not in started.log.read_text(encoding="utf-8") and started.process.poll() is None:
            time.sleep(0.2)
        with paused(mesh.contexts[THREE]):
            stopped = started.end()
    assert stopped.code == 2
    assert THREE in stopped.output
    assert count.failed <= 3
    wait_until_awake(clusters, [mesh.contexts[THREE]], SYSTEM)
    with mesh.counted() as count:
        mesh.must("rotate_ca")
    assert count.failed <= 3
    require_sound(mesh)


@pytest.mark.long
def test_rotation_that_is_killed_at_every_step_loses_few_requests(mesh: FullMesh) -> None:
    with mesh.counted() as count:
        command = mesh.playbook_command("rotate_ca")
        assert run_killed_at_every_step(command, STEPS) >= 10
    assert count.failed <= 12
    require_sound(mesh)


@pytest.mark.long
def test_replacing_the_ca_of_one_cluster_alone_does_lose_requests(mesh: FullMesh) -> None:
    """The counter works: gateways that do not trust each other fail requests. Site repairs that when it may."""
    variables = {"fabric_replace_ca": True, "clusterlink_key_type": "rsa", "clusterlink_wait_timeout": 10}
    with mesh.counted() as count:
        mesh.play("site", f"--limit={ONE}", **variables)
        wait_until("50 requests have failed", lambda: count.failed >= 50, 60)
    assert "the gateway trusts none of the CAs" in mesh.must("site", code=2).output
    mesh.must("site", fabric_replace_ca=True)
    require_sound(mesh)


@pytest.mark.long
def test_evicted_peer_is_refused_by_every_gateway_and_others_lose_no_request(mesh: FullMesh) -> None:
    mesh.link(ONE, TWO)
    with mesh.counted(rate=6) as count:
        run = mesh.must("evict_peer", "-v", evict_peer=THREE)
    assert count.failed == 0
    assert run.output.count("accepted: false") == len((ONE, TWO)), run.output
    assert not (mesh.pki / THREE).exists(), "every gateway has refused its key"
