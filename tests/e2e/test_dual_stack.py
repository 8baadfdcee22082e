# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster with addresses of IPv4 and IPv6, in that order, beside one of IPv4 alone: each calls the other.

Its pods, Services and ingress have two addresses. A gateway knows a caller by either, and peers get that of IPv4.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.clusters import Clusters, kind_clusters, together
from tests.support.fabrics import DeclaredFabric, populated
from tests.support.kubectl import Kubectl
from tests.support.workloads import client, stranger, web

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.cluster, pytest.mark.long]

SPACE = "dual-stack"
PLAIN, DUAL = "test-plain", "test-dual"
NAME = "e2e-dual"
BOTH = ["IPv4", "IPv6"]
TWO_FAMILIES = {"ipFamilyPolicy": "RequireDualStack", "ipFamilies": BOTH}


class DualStack(DeclaredFabric):
    """A server, a client and a stranger in each of two clusters, whose servers have names of their own."""

    def __init__(self, clusters: Clusters, folder: Path) -> None:
        super().__init__(clusters, (PLAIN, DUAL), folder, SPACE)
        self.kubectl = Kubectl(clusters)
        self.hosts[DUAL]["clusterlink_ingress_ip_family_policy"] = TWO_FAMILIES["ipFamilyPolicy"]
        self.hosts[DUAL]["clusterlink_ingress_ip_families"] = BOTH
        common = {"namespace": SPACE, "port": 80, "allow": [{"from": {"app": "frontend"}}]}
        self.variables["clusterlink_services"] = [
            {**common, "name": "plain", "exported_by": [PLAIN], "imported_by": [DUAL]},
            {**common, "name": "dual", "exported_by": [DUAL], "imported_by": [PLAIN]},
        ]

    def populate(self) -> None:
        """Make the pods, and the Services, of which one has two addresses."""
        more: dict[str, dict[str, Any]] = {PLAIN: {}, DUAL: TWO_FAMILIES}
        workloads = {}
        for peer in self.contexts:
            server, service = web(SPACE, peer, "web")
            metadata = {**service["metadata"], "name": peer.removeprefix("test-")}
            served = {**service, "metadata": metadata, "spec": {**service["spec"], **more[peer]}}
            workloads[peer] = [server, served, *client(SPACE, "client"), *stranger(SPACE)]
        self.inhabit(workloads)


@pytest.fixture(scope="module")
def fabric(clusters: Clusters, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DualStack]:
    folder = tmp_path_factory.mktemp("fabric")
    with kind_clusters([NAME], folder / "kubeconfig", ip_family="dual") as dual:
        made = DualStack(together(kubectl.command[0], folder / "both", clusters, dual), folder)
        with populated(made, made.kubectl):
            yield made


@pytest.mark.parametrize("dataplane", ["envoy", "go"])
def test_clusters_of_one_and_of_two_families_call_each_other(fabric: DualStack, dataplane: str) -> None:
    fabric.variables["clusterlink_dataplane"] = dataplane
    output = " ".join(fabric.must("site").output.split())
    for name in ("plain", "dual"):
        assert f"{SPACE}/{name} answers" in output
        assert f"{SPACE}/{name} is refused, as expected (from Pod {SPACE}/stranger container main)" in output
    for name, peer, other in (("plain", PLAIN, DUAL), ("dual", DUAL, PLAIN)):
        asked = ("exec", "client", "-n", SPACE, "--", "curl", "-s", f"http://{name}")
        assert f"hello from {peer}," in fabric.kubectl(*asked, context=fabric.contexts[other])
    pod = fabric.kubectl.json("get", "pod", "client", "-n", SPACE, context=fabric.contexts[DUAL])
    assert len(pod["status"]["podIPs"]) == 2, "the lab's cluster has both families"
    system = ("-n", "clusterlink-system")
    ingress = fabric.kubectl.json("get", "service", "clusterlink", *system, context=fabric.contexts[DUAL])
    assert len(ingress["spec"]["clusterIPs"]) == 2
    known = fabric.kubectl.json("get", "peer", DUAL, *system, context=fabric.contexts[PLAIN])
    assert [":" in gateway["host"] for gateway in known["spec"]["gateways"]] == [False]
    assert fabric.must("site").changed == 0
