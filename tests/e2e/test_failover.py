# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An import has two sources. One's gateway is killed, then its whole cluster stops responding, then it is back.

A gateway that refuses connections is skipped at once. One that does not answer is tried until it has missed five
heartbeats of two times 3 s (v0.4.1, pkg/controlplane/control/peer.go, pkg/util/jsonapi/client.go), and Envoy does not
wait for that: half of the new connections fail for up to half a minute. Each test prints its figures.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.clusters import Clusters, paused
from tests.support.fabrics import FullMesh, populated
from tests.support.traffic import Client, Count, traffic

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tests.support.ansible import Ansible
    from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.traffic, pytest.mark.long]

NEAR, LEFT, RIGHT = "test-near", "test-left", "test-right"
LEAD = 2


class Failover:
    """The fabric, and requests from one cluster to a service of both others."""

    def __init__(self, mesh: FullMesh, kubectl: Kubectl) -> None:
        self.mesh = mesh
        self._kubectl = kubectl

    def counted(self) -> AbstractContextManager[Count]:
        client = Client(self.mesh.contexts[NEAR], "http://shared", self.mesh.namespace, "client")
        return traffic(self._kubectl.command, [client], rate=12, lead=LEAD)

    def kill_gateway(self) -> None:
        now = ("--grace-period=0", "--force")
        system = ("--namespace=clusterlink-system", "--all", *now)
        self._kubectl("delete", "pods", *system, context=self.mesh.contexts[LEFT])


@pytest.fixture(scope="module")
def failover(clusters: Clusters, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Failover]:
    mesh = FullMesh(clusters, kubectl, (NEAR, LEFT, RIGHT), tmp_path_factory.mktemp("fabric"))
    for variables in mesh.hosts.values():
        del variables["clusterlink_imports"]
    sources = [{"peer": peer, "export_name": "web"} for peer in (LEFT, RIGHT)]
    shared: dict[str, Any] = {"name": "shared", "namespace": mesh.namespace, "port": 80, "sources": sources}
    mesh.hosts[NEAR]["clusterlink_imports"] = [shared]
    with populated(mesh, kubectl):
        mesh.must("site")
        yield Failover(mesh, kubectl)


def test_a_gateway_that_is_killed_fails_requests_for_seconds_at_most(failover: Failover) -> None:
    with failover.counted() as count:
        failover.kill_gateway()
        time.sleep(30)  # of requests
    assert count.failed <= 60
    assert count.last_failure <= 15


def test_a_cluster_that_stops_is_left_out_until_it_is_back_and_then_answers_in_balance(
    failover: Failover, run_module: Ansible
) -> None:
    with ExitStack() as pause:
        with failover.counted() as falling:
            pause.enter_context(paused(failover.mesh.contexts[LEFT]))
            time.sleep(60)  # of requests
        with failover.counted() as away:
            time.sleep(20)  # of requests
        with failover.counted() as back:
            pause.close()
            time.sleep(30)  # of requests
    assert falling.failed <= 400
    assert falling.last_failure <= 40
    assert away.failed == 0
    assert back.failed <= 30
    assert back.last_failure <= 20

    namespace = failover.mesh.namespace
    client = {"namespace": namespace, "labels": {"app": "frontend"}}
    asked = {"name": "shared", "namespace": namespace, "port": 80, "client": client, "count": 20}
    answers = run_module("probe", {**asked, "context": failover.mesh.contexts[NEAR]})["answers"]
    for peer in (LEFT, RIGHT):
        assert sum(f"hello from {peer}" in answer["body"] for answer in answers) >= 8, answers
