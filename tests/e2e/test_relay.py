# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A relay: the third cluster calls the first through the second, and has no link to the first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.fabrics import EAST, WEST, DeclaredFabric, populated
from tests.support.workloads import client, stranger, web

if TYPE_CHECKING:
    from tests.support.ansible import Ansible
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.long]

SPACE = "relayed"
HUB = "test-hub"
ALLOW = [{"from": {"app": "frontend"}}]
ORIGIN = {"name": "web", "exported_by": [EAST], "imported_by": [HUB], "import_as": {"name": "far-web"}}
AGAIN = {"name": "far-web", "exported_by": [HUB], "relay": True, "imported_by": [WEST], "allow": ALLOW}


class Relayed(DeclaredFabric):
    """A fabric in a row: a server, a relay of two data planes, and a client and a stranger who only call out."""

    def __init__(self, clusters: Clusters, folder: Path) -> None:
        super().__init__(clusters, (EAST, HUB, WEST), folder, SPACE)
        self.hosts[WEST]["clusterlink_ingress_type"] = "none"
        # Through its import's Service, a data plane would now and then reach itself.
        self.hosts[HUB]["clusterlink_dataplane_replicas"] = 2
        self.variables["clusterlink_services"] = [{**each, "namespace": SPACE, "port": 80} for each in (ORIGIN, AGAIN)]

    def populate(self) -> None:
        """Make the server, the client, and the stranger."""
        self.inhabit({EAST: web(SPACE, EAST), HUB: client(SPACE), WEST: [*client(SPACE), *stranger(SPACE)]})


@pytest.fixture(scope="module")
def relayed(clusters: Clusters, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relayed]:
    made = Relayed(clusters, tmp_path_factory.mktemp("fabric"))
    with populated(made, kubectl):
        yield made


@pytest.fixture(scope="module", params=["envoy", "go"])
def fabric(request: pytest.FixtureRequest, relayed: Relayed) -> Relayed:
    """The fabric with either data plane, one after the other."""
    relayed.variables["clusterlink_dataplane"] = request.param
    relayed.must("site")
    return relayed


def test_client_is_answered_through_the_relay_and_a_stranger_is_not(fabric: Relayed, run_module: Ansible) -> None:
    asked = {"context": fabric.contexts[WEST], "name": "far-web", "namespace": SPACE, "port": 80}
    answered = run_module("probe", {**asked, "client": {"labels": {"app": "frontend"}}, "count": 20})
    assert answered["answered"] == 20, answered
    assert all(f"hello from {EAST}" in each["body"] for each in answered["answers"])
    refused = run_module("probe", {**asked, "client": {"labels": {"app": "stranger"}}, "expect": "refused"})
    assert refused["ok"], refused


def test_pod_of_the_relays_cluster_is_refused(fabric: Relayed, run_module: Ansible) -> None:
    """Only the data plane of the relay may call there."""
    asked = {"context": fabric.contexts[HUB], "name": "far-web", "namespace": SPACE, "port": 80}
    refused = run_module("probe", {**asked, "client": {"labels": {"app": "frontend"}}, "expect": "refused"})
    assert refused["ok"], refused


def test_next_run_changes_nothing(fabric: Relayed) -> None:
    assert fabric.must("site").changed == 0


def test_verify_fails_where_a_stranger_gets_in(fabric: Relayed, kubectl: Kubectl) -> None:
    """As by policies that somebody made by hand, on both gateways of the last hop."""
    everything: list[dict[str, Any]] = [{"workloadSelector": {}}]
    opened = {
        "apiVersion": "clusterlink.net/v1alpha1",
        "kind": "PrivilegedAccessPolicy",
        "metadata": {"name": "opened"},
        "spec": {"action": "allow", "from": everything, "to": everything},
    }
    fabric.must("site", "--tags=verify")
    try:
        for peer in (HUB, WEST):
            kubectl.apply(opened, context=fabric.contexts[peer])
        run = fabric.must("site", "--tags=verify", code=2, clusterlink_probe_timeout=5)
        assert f"{SPACE}/far-web: 1 of 1 requests were answered, and none should be" in " ".join(run.output.split())
    finally:
        for peer in (HUB, WEST):
            gone = ("delete", "privilegedaccesspolicies.clusterlink.net", "opened", "--ignore-not-found")
            kubectl(*gone, context=fabric.contexts[peer])
    fabric.must("site", "--tags=verify")
