# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric as it was declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.links import DeclaredLink
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.policies import FabricPolicy
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.resources import (
    AccessPolicy,
    Address,
    Export,
    Import,
    PeerEntry,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.services import Service

ON_DEMAND = "on_demand"
MESH = "mesh"
EXPLICIT = "explicit"
LINK_MODES = (ON_DEMAND, MESH, EXPLICIT)


@dataclass(frozen=True)
class ApiServer:
    """Where a cluster's API server is, as far as the inventory says."""

    kubeconfig: object
    context: str
    host: str

    def __bool__(self) -> bool:
        return bool(self.kubeconfig or self.context or self.host)

    def variable(self) -> tuple[str, str | None]:
        """The variable that tells it best, and what it says, unless that may hold a secret."""
        if self.context:
            return "clusterlink_context", self.context
        return ("clusterlink_host", self.host) if self.host else ("clusterlink_kubeconfig", None)


@dataclass(frozen=True)
class Peer:
    """One cluster, as its host's own variables declare it.

    Attributes:
        name: The inventory host.
        api_server: Where its API server is.
        namespace: Where its gateway and its Peer objects live.
        labels: The peer's labels, on which policies can select.
        outbound_only: Whether other clusters have no way to reach it.
        address: Its gateway's address where the declaration gives one.
        entries: Peers that it is given by hand, by name.
        exports: Its own list.
        imports: Its own list.
        policies: Its own list.
    """

    name: str
    api_server: ApiServer
    namespace: str
    labels: Mapping[str, str]
    outbound_only: bool
    address: Address | None
    entries: Mapping[str, PeerEntry]
    exports: tuple[Export, ...]
    imports: tuple[Import, ...]
    policies: tuple[AccessPolicy, ...]


@dataclass(frozen=True)
class Declaration:
    """The whole fabric."""

    fabric: str
    link_mode: str
    peers: Mapping[str, Peer]
    services: tuple[Service, ...]
    links: tuple[DeclaredLink, ...]
    policies: tuple[FabricPolicy, ...]

    def outsiders(self) -> frozenset[str]:
        """The peers outside the inventory, which some cluster is given by hand."""
        return frozenset(name for peer in self.peers.values() for name in peer.entries) - self.peers.keys()
