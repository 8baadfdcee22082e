# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What gateways decide by is in force when a run ends, and no request is lost that is still allowed.

Every cluster exports its web and imports the others'. Labels of a peer change, with policies that select on them; an
export of the same web under another name is withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.fabrics import FullMesh, populated, yielding
from tests.support.traffic import traffic
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.traffic, pytest.mark.long]

ONE, TWO, THREE = PEERS = ("test-one", "test-two", "test-three")
TRIES = 8
REFUSED, ANSWERED = {"000"}, {"200"}


@pytest.fixture(scope="module")
def mesh(clusters: Clusters, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FullMesh]:
    mesh = FullMesh(clusters, kubectl, PEERS, tmp_path_factory.mktemp("fabric"))
    with populated(mesh, kubectl):
        mesh.must("site")
        yield mesh


def asked(mesh: FullMesh, kubectl: Kubectl, peer: str, other: str) -> set[str]:
    """The status codes of requests from one cluster's pod to another's service; 000 for a refused connection."""
    return asked_by_name(mesh, kubectl, peer, f"web-{other}")


def asked_by_name(mesh: FullMesh, kubectl: Kubectl, peer: str, name: str) -> set[str]:
    """The same of an import of that name."""
    script = f"for _ in $(seq {TRIES}); do curl -s -m 3 -o /dev/null -w '%{{http_code}} ' http://{name}; done; true"
    command = ("exec", "client", "-n", mesh.namespace, "--", "sh", "-c", script)
    return set(kubectl(*command, context=mesh.contexts[peer]).split())


def changed(mesh: FullMesh, kubectl: Kubectl, *forbidden: tuple[str, str], deny: dict[str, Any], peer: str) -> None:
    """Label a peer and deny by that label; count the requests that nothing forbids, and try the others at once."""
    mesh.hosts[peer]["clusterlink_labels"] = {"region": "asia"}
    mesh.variables["clusterlink_policies"].append({"name": "not-asia", "tier": "privileged", "action": "deny", **deny})
    urls = {(mesh.contexts[source], f"http://web-{target}") for source, target in forbidden}
    allowed = [client for client in mesh.clients() if (client.context, client.url) not in urls]
    try:
        with yielding(mesh), traffic(kubectl.command, allowed, rate=2, lead=2) as count:
            mesh.must("site")
            codes = {pair: asked(mesh, kubectl, *pair) for pair in forbidden}
        assert codes == dict.fromkeys(forbidden, REFUSED)
        assert count.failed == 0
        assert mesh.must("site").changed == 0
    finally:
        del mesh.hosts[peer]["clusterlink_labels"], mesh.variables["clusterlink_policies"][-1]
    mesh.must("site")
    assert {pair: asked(mesh, kubectl, *pair) for pair in forbidden} == dict.fromkeys(forbidden, ANSWERED)


def test_clients_of_a_peer_that_gets_a_denied_label_are_refused_when_the_run_ends(
    mesh: FullMesh, kubectl: Kubectl
) -> None:
    deny = {"from": [{"peer_labels": {"region": "asia"}}], "to": [{}]}
    changed(mesh, kubectl, (ONE, TWO), (ONE, THREE), deny=deny, peer=ONE)


def test_services_of_a_peer_that_gets_a_denied_label_are_refused_when_the_run_ends(
    mesh: FullMesh, kubectl: Kubectl
) -> None:
    deny = {"from": [{}], "to": [{"peer_labels": {"region": "asia"}}]}
    changed(mesh, kubectl, (TWO, ONE), (THREE, ONE), deny=deny, peer=ONE)


def test_withdrawn_export_is_refused_when_the_run_ends(mesh: FullMesh, kubectl: Kubectl) -> None:
    """Also to a cluster that imports it by an Import of its own, which the run leaves there."""
    spare = {
        "name": "spare",
        "namespace": mesh.namespace,
        "port": 80,
        "host": f"web.{mesh.namespace}.svc.cluster.local",
    }
    mesh.variables["clusterlink_services"] = [{**spare, "exported_by": [ONE], "imported_by": [THREE]}]
    mesh.must("site")
    source = {"peer": ONE, "exportName": "spare", "exportNamespace": mesh.namespace}
    by_hand = {
        "apiVersion": "clusterlink.net/v1alpha1",
        "kind": "Import",
        "metadata": {"name": "spare", "namespace": mesh.namespace},
        "spec": {"port": 80, "sources": [source]},
    }

    def codes() -> dict[str, set[str]]:
        return {peer: asked_by_name(mesh, kubectl, peer, "spare") for peer in (TWO, THREE)}

    kubectl.apply(by_hand, context=mesh.contexts[TWO])
    try:
        wait_until("both are answered", lambda: all(each == ANSWERED for each in codes().values()))
        with traffic(kubectl.command, mesh.clients(), rate=2, lead=2) as count:
            del mesh.variables["clusterlink_services"]
            mesh.must("site", clusterlink_allow_removals=True)  # an import loses its only source
            found = codes()
        assert found == dict.fromkeys((TWO, THREE), REFUSED)
        assert count.failed == 0
        assert mesh.must("site").changed == 0
    finally:
        mesh.variables.pop("clusterlink_services", None)
        kubectl("delete", "imports.clusterlink.net", "spare", "-n", mesh.namespace, context=mesh.contexts[TWO])
