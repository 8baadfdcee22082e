# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric as it was declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .links import DeclaredLink
from .observed import Observed
from .policies import FabricPolicy
from .resources import AccessPolicy, Address, Export, Import, PeerEntry
from .services import Service
from .shared import SharedNamespace

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
    """The whole fabric.

    Attributes:
        fabric: Its name.
        link_mode: One of C(LINK_MODES).
        peers: Its clusters, by host.
        services: As declared, and after the expansion those that were found, too.
        links: Those that are declared by themselves.
        policies: Those that are declared for several clusters.
        shared: The namespaces that clusters share.
        observed: What was found of that which is to be looked up.
        lookups: By host, the namespaces that have to be looked at; as all below, told by the expansion.
        uncertain: By host, the peers to which there may be a link, for all that is known, and why.
        notes: What of that which was found is left out, and why.
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
        """The namespaces of a cluster that have to be looked at and were not."""
        return tuple(each for each in self.lookups.get(host, ()) if not self.observed.knows(host, each))

    def outsiders(self) -> frozenset[str]:
        """The peers outside the inventory, which some cluster is given by hand."""
        return frozenset(name for peer in self.peers.values() for name in peer.entries) - self.peers.keys()
