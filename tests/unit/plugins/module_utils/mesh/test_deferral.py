# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.api import API_VERSION
from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.mesh.deferral import defer_unreachable_sources

if TYPE_CHECKING:
    from tests.unit.fakes import MemoryCluster

FAR = Ref("Peer", "far", "system")
WEB = Ref("Import", "web", "shop")
PENDING = {FAR: "its gateway's address is not known"}


def imported(*peers: str) -> dict[str, Any]:
    sources = [{"peer": peer, "exportName": "web", "exportNamespace": "shop"} for peer in peers]
    metadata = {"name": WEB.name, "namespace": WEB.namespace}
    return {"apiVersion": API_VERSION, "kind": "Import", "metadata": metadata, "spec": {"port": 80, "sources": sources}}


def test_source_waits_for_its_peer(memory_cluster: type[MemoryCluster]) -> None:
    objects, pending = defer_unreachable_sources(memory_cluster(), [imported("near", "far")], PENDING)
    assert objects == [imported("near")]
    assert pending == {**PENDING, WEB: "waits for the gateway of far"}


def test_import_without_a_source_left_is_not_written(memory_cluster: type[MemoryCluster]) -> None:
    objects, pending = defer_unreachable_sources(memory_cluster(), [imported("far")], PENDING)
    assert objects == []
    assert WEB in pending


def test_source_stays_when_its_peer_is_there_from_earlier(memory_cluster: type[MemoryCluster]) -> None:
    cluster = memory_cluster()
    metadata = {"name": FAR.name, "namespace": FAR.namespace}
    cluster.apply({"apiVersion": API_VERSION, "kind": "Peer", "metadata": metadata, "spec": {"gateways": []}})
    assert defer_unreachable_sources(cluster, [imported("near", "far")], PENDING) == (
        [imported("near", "far")],
        PENDING,
    )


def test_other_imports_are_left_alone(memory_cluster: type[MemoryCluster]) -> None:
    assert defer_unreachable_sources(memory_cluster(), [imported("near")], PENDING) == ([imported("near")], PENDING)
