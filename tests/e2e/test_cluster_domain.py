# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster whose Services have another domain than cluster.local, with one that has not: each calls the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.clusters import Clusters, on_node
from tests.support.fabrics import EAST, WEST, DeclaredFabric, populated
from tests.support.workloads import client, stranger, web

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.long]

SPACE, SYSTEM = "cluster-domain", "clusterlink-system"
USUAL, OTHER = "cluster.local", "corp.example"


class OtherDomain(DeclaredFabric):
    """A server, a client and a stranger in each cluster; only C(WEST) has the usual domain."""

    def __init__(self, clusters: Clusters, folder: Path) -> None:
        super().__init__(clusters, (EAST, WEST), folder, SPACE)
        allow = [{"from": {"namespace": SPACE, "labels": {"app": "frontend"}}}]
        common = {"namespace": SPACE, "port": 80, "allow": allow}
        self.variables["clusterlink_services"] = [
            {**common, "name": EAST, "exported_by": [EAST], "imported_by": [WEST]},
            {**common, "name": WEST, "exported_by": [WEST], "imported_by": [EAST], "import_as": {"namespace": SYSTEM}},
        ]

    def populate(self) -> None:
        """Make the pods and the Services, which have their cluster's name."""
        workloads = {}
        for peer in self.contexts:
            server, service = web(SPACE, peer, "web")
            named = {**service, "metadata": {**service["metadata"], "name": peer}}
            workloads[peer] = [server, named, *client(SPACE, "client"), *stranger(SPACE)]
        self.inhabit(workloads)


def rename(kubectl: Kubectl, context: str, old: str, new: str) -> None:
    """Give a cluster's Services, and the pods that start from now on, another domain."""
    script = (
        f"sed -i 's/^clusterDomain: .*/clusterDomain: {new}/' /var/lib/kubelet/config.yaml; systemctl restart kubelet"
    )
    on_node(context, "sh", "-c", script)
    config = kubectl.json("get", "configmap", "coredns", "-n", "kube-system", context=context)
    corefile = config["data"]["Corefile"].replace(old, new)
    assert f"kubernetes {new}" in corefile
    kubectl.apply({**config, "data": {"Corefile": corefile}}, context=context)
    for step in ("restart", "status"):
        kubectl("rollout", step, "deployment/coredns", "-n", "kube-system", context=context)


@contextmanager
def other_domain(kubectl: Kubectl, context: str) -> Iterator[None]:
    """Another domain while the body runs."""
    try:
        rename(kubectl, context, USUAL, OTHER)
        yield
    finally:
        rename(kubectl, context, OTHER, USUAL)


@pytest.fixture(scope="module")
def fabric(clusters: Clusters, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OtherDomain]:
    made = OtherDomain(clusters, tmp_path_factory.mktemp("fabric"))
    with other_domain(kubectl, made.contexts[EAST]), populated(made, kubectl):
        yield made


def test_a_domain_that_is_not_declared_is_refused_before_anything_is_written(
    fabric: OtherDomain, kubectl: Kubectl
) -> None:
    output = " ".join(fabric.must("site", code=2).output.split())
    assert f"serves another cluster domain than {USUAL} (found: {OTHER})" in output
    for context in fabric.contexts.values():
        assert SYSTEM not in kubectl("get", "namespaces", "-o", "name", context=context)


def test_clusters_of_two_domains_call_each_other(fabric: OtherDomain) -> None:
    fabric.hosts[EAST]["clusterlink_cluster_domain"] = OTHER
    output = " ".join(fabric.must("site").output.split())
    for name, place in ((EAST, SPACE), (WEST, SYSTEM)):
        assert f"{place}/{name} answers: hello from {name}," in output
    assert f"{SPACE}/{EAST} is refused, as expected (from Pod {SPACE}/stranger container main)" in output
    assert fabric.must("site").changed == 0
