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
class Peer:
    """One cluster, as its host's own variables declare it.

    Attributes:
        name: The inventory host.
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
