# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fabric's links: which clusters must reach which, and why.

Only the importing gateway opens connections: heartbeats, authorization requests and data go from the cluster with a
Peer object to the named peer. An exporting gateway needs no Peer for its importers (v0.4.1,
pkg/controlplane/authz/manager.go, authorizeIngress). So a cluster without ingress can import from others, and no other
cluster can import from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations

from .cluster_resources import ClusterResources
from .model import EXPLICIT, MESH, Declaration
from .resources import Origin


@dataclass(frozen=True, order=True)
class Link:
    """Two clusters that can reach each other, or of which one can reach the other.

    Attributes:
        source: The cluster that reaches the target: the declared source, or the importing cluster.
        target: The other cluster.
        name: The declared name; may be empty.
        both_ways: Whether the target also reaches the source.
        one_way: Why it does not; empty when it does.
        reasons: The declarations that need the link.
    """

    source: str
    target: str
    name: str
    both_ways: bool
    one_way: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Need:
    """A cluster that imports from another, or from itself, which needs a Peer object and no link."""

    source: str
    target: str
    origin: Origin


def needs(resources: Mapping[str, ClusterResources]) -> list[Need]:
    """The needs of all imports, cluster by cluster."""
    return [
        Need(host, source.peer, each.origin)
        for host, own in resources.items()
        for each in own.imports
        for source in each.sources
    ]


def can_reach(declaration: Declaration, source: str, target: str) -> bool:
    """Whether the source can reach the target, with a Peer object."""
    if source not in declaration.peers:
        return False
    peer = declaration.peers.get(target)
    return target in declaration.peers[source].entries or (peer is not None and not peer.outbound_only)


def is_linked(declaration: Declaration, source: str, target: str) -> bool:
    """Whether a link between the two is declared."""
    if target in declaration.peers[source].entries:
        return True
    return any({link.source, link.target} == {source, target} for link in declaration.links)


def links(declaration: Declaration, resources: Mapping[str, ClusterResources]) -> list[Link]:
    """The fabric's links, in the order of their clusters' names."""
    pairs: dict[frozenset[str], _Pair] = {}
    if declaration.link_mode == MESH:
        for source, target in combinations(sorted(declaration.peers), 2):
            _pair(pairs, source, target).join(declaration, source, target, "mesh")
    for link in declaration.links:
        pair = _pair(pairs, link.source, link.target)
        pair.join(declaration, link.source, link.target, link.origin.reason)
        pair.declared.add((link.source, link.target))
        pair.name = pair.name or link.name
    for host, peer in declaration.peers.items():
        for entry in peer.entries.values():
            pair = _pair(pairs, host, entry.name)
            pair.directions.add((host, entry.name))
            pair.reasons.add(entry.origin.reason)
    for need in (each for each in needs(resources) if each.source != each.target):
        pair = _pair(pairs, need.source, need.target)
        pair.needed.add((need.source, need.target))
        pair.reasons.add(need.origin.reason)
        if declaration.link_mode != EXPLICIT:
            pair.join(declaration, need.source, need.target, need.origin.reason)
    return sorted(pair.link(declaration) for pair in pairs.values() if pair.directions)


def unreachable_pairs(declaration: Declaration) -> list[tuple[str, str]]:
    """The pairs of clusters that cannot reach each other."""
    pairs = combinations(sorted(declaration.peers), 2)
    return [(one, two) for one, two in pairs if not _reach_at_all(declaration, one, two)]


def _reach_at_all(declaration: Declaration, one: str, two: str) -> bool:
    return can_reach(declaration, one, two) or can_reach(declaration, two, one)


@dataclass
class _Pair:
    """The link between two clusters, while it is assembled."""

    name: str = ""
    reasons: set[str] = field(default_factory=set)
    directions: set[tuple[str, str]] = field(default_factory=set)
    declared: set[tuple[str, str]] = field(default_factory=set)
    needed: set[tuple[str, str]] = field(default_factory=set)

    def join(self, declaration: Declaration, source: str, target: str, reason: str) -> None:
        """Link the two in every possible direction."""
        self.reasons.add(reason)
        for way in ((source, target), (target, source)):
            if can_reach(declaration, *way):
                self.directions.add(way)

    def link(self, declaration: Declaration) -> Link:
        """The link. Its source is the declared source, else the importing cluster."""
        ways = [self.directions, self.declared, self.needed]
        source, target = next((min(way) for way in ways if len(way) == 1), min(self.directions))
        one_way = "" if len(self.directions) > 1 else _why_one_way(declaration, source, target)
        return Link(source, target, self.name, not one_way, one_way, tuple(sorted(self.reasons)))


def _why_one_way(declaration: Declaration, source: str, target: str) -> str:
    if target not in declaration.peers:
        return f"{target} is outside the inventory"
    if declaration.peers[source].outbound_only:
        return f"{source} has no ingress"
    return f"only {source} has an address of the other, from its clusterlink_peers"


def _pair(pairs: dict[frozenset[str], _Pair], source: str, target: str) -> _Pair:
    return pairs.setdefault(frozenset((source, target)), _Pair())
