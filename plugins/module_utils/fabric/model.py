# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The declaration of a fabric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..common.types import Address
from .links import DeclaredLink
from .observed import Observed
from .policies import FabricPolicy
from .resources import AccessPolicy, Export, Import, PeerEntry
from .services import Service
from .shared import SharedNamespace

ON_DEMAND = "on_demand"
MESH = "mesh"
EXPLICIT = "explicit"
LINK_MODES = (ON_DEMAND, MESH, EXPLICIT)


@dataclass(frozen=True)
class ApiServer:
    """A cluster's API server, as far as the inventory names it."""

    kubeconfig: object
    context: str
    host: str

    def __bool__(self) -> bool:
        return bool(self.kubeconfig or self.context or self.host)

    def variable(self) -> tuple[str, str | None]:
        """The variable that identifies it best, and its value unless that may contain a secret."""
        if self.context:
            return "clusterlink_context", self.context
        return ("clusterlink_host", self.host) if self.host else ("clusterlink_kubeconfig", None)


@dataclass(frozen=True)
class Peer:
    """One cluster, as its host's variables declare it.

    Attributes:
        name: Its name in the fabric.
        host: The inventory host.
        api_server: Its API server.
        namespace: The namespace of its gateway and its Peer objects.
        cluster_domain: The domain of its Services in its DNS.
        labels: The peer's labels, on which policies can select.
        external: Whether another tool installs its gateway, and sets that gateway's labels.
        outbound_only: Whether no other cluster can reach it.
        address: Its gateway's declared address.
        entries: Its C(clusterlink_peers), by name.
        exports: Its C(clusterlink_exports).
        imports: Its C(clusterlink_imports).
        policies: Its C(clusterlink_access_policies).
    """

    name: str
    host: str
    api_server: ApiServer
    namespace: str
    cluster_domain: str
    labels: Mapping[str, str]
    external: bool
    outbound_only: bool
    address: Address | None
    entries: Mapping[str, PeerEntry]
    exports: tuple[Export, ...]
    imports: tuple[Import, ...]
    policies: tuple[AccessPolicy, ...]


@dataclass(frozen=True)
class Declaration:
    """The whole fabric.

    Attributes:
        fabric: The fabric's name.
        link_mode: One of C(LINK_MODES).
        peers: Its clusters, by their peers' names.
        services: The declared services; after the expansion, also those from found resources.
        links: The declared links.
        policies: The policies that are declared for several clusters.
        shared: The shared namespaces.
        observed: The found resources.
        lookups: By peer, the namespaces to look up. The expansion sets this and the attribute below.
        uncertain: By peer, the peers to which a link may be needed, with the reason.
        notes: What may not be meant; after the expansion, also the found resources that are left out.
    """

    fabric: str
    link_mode: str
    peers: Mapping[str, Peer]
    services: tuple[Service, ...]
    links: tuple[DeclaredLink, ...]
    policies: tuple[FabricPolicy, ...]
    shared: tuple[SharedNamespace, ...] = ()
    observed: Observed = field(default_factory=Observed)
    lookups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    uncertain: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def unknown(self, host: str) -> tuple[str, ...]:
        """The namespaces of a cluster that need a lookup and have no result."""
        return tuple(each for each in self.lookups.get(host, ()) if not self.observed.knows(host, each))

    @property
    def hosts(self) -> dict[str, str]:
        """The inventory host of each peer, in the order of C(peers)."""
        return {name: peer.host for name, peer in self.peers.items()}

    def peer_of(self, name: str) -> str:
        """The peer that this name of a peer or an inventory host means; empty when there is none."""
        if name in self.peers:
            return name
        return next((peer for peer, host in self.hosts.items() if host == name), "")

    def outsiders(self) -> frozenset[str]:
        """The peers outside the inventory, which C(clusterlink_peers) of a cluster declares."""
        return frozenset(name for peer in self.peers.values() for name in peer.entries) - self.peers.keys()
