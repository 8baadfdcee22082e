# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every link of a fabric as its two clusters see it: declared links, and links that were added by name. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..clusterlink import api
from ..common.table import table
from .cluster_resources import resources_by_cluster
from .model import Declaration
from .topology import can_reach, links

Infos = Mapping[str, Mapping[str, Any]]
"""The results of fabric_info, by cluster; an unreachable cluster has only C(msg)."""

REACHABLE, UNREACHABLE, MISSING, UNKNOWN, ONE_WAY = "reachable", "unreachable", "missing", "unknown", "-"


@dataclass(frozen=True)
class Fabric:
    """The declaration, and each cluster's present resources."""

    declaration: Declaration
    infos: Infos


ON_DEMAND = "on demand"
UNDECLARED = "not declared"


@dataclass(frozen=True)
class Direction:
    """One direction of a link.

    Attributes:
        state: One of the words above; C(ONE_WAY) when the link does not include this direction.
        since: When the state last changed; empty when that is unknown.
        reason: The reason in the gateway's status, or the fault.
    """

    state: str
    since: str = ""
    reason: str = ""


@dataclass(frozen=True)
class LinkState:
    """A link and its two directions.

    Attributes:
        name: The declared or given name; else the names of its clusters.
        source: One of its clusters.
        target: The other cluster.
        forward: From the source to the target.
        back: From the target to the source.
        purposes: The declarations that need it.
        wanted: Whether it is declared or was added by name.
    """

    name: str
    source: str
    target: str
    forward: Direction
    back: Direction
    purposes: tuple[str, ...]
    wanted: bool

    @property
    def ready(self) -> bool:
        """Whether every direction of the link is reachable."""
        return all(each.state in (REACHABLE, ONE_WAY) for each in (self.forward, self.back))

    @property
    def reason(self) -> str:
        """Why it is not ready, a cause of both directions once; else the reasons in the gateways' status."""
        ways = ((f"{self.source} to {self.target}", self.forward), (f"{self.target} to {self.source}", self.back))
        bad: dict[str, list[str]] = {}
        for name, way in ways:
            if way.state not in (REACHABLE, ONE_WAY):
                bad.setdefault(way.reason, []).append(name)
        said = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in bad.items())
        return said or ", ".join(sorted({way.reason for _name, way in ways if way.reason}))

    def as_dict(self) -> dict[str, Any]:
        """The link as plain data."""
        return {
            "name": self.name,
            "source": self.source,
            "target": self.target,
            "ready": self.ready,
            "wanted": self.wanted,
            "for": list(self.purposes),
            "forward": vars(self.forward),
            "back": vars(self.back),
        }


@dataclass(frozen=True)
class NamedLink:
    """A link that was added by name, as the labels of its Peers store it."""

    name: str
    source: str
    target: str


def default_name(clusters: Iterable[str]) -> str:
    """The name of a link without a given one."""
    return "-".join(sorted(clusters))


def added_links(fabric: Fabric) -> dict[frozenset[str], NamedLink]:
    """The links that were added by name, by their clusters; one side's Peer is sufficient."""
    found: dict[frozenset[str], NamedLink] = {}
    for host, info in sorted(fabric.infos.items()):
        for peer in info.get("peers") or []:
            name = peer["labels"].get(api.LINK_LABEL)
            if name and peer["fabric"] == fabric.declaration.fabric:
                backwards = peer["labels"].get(api.LINK_SOURCE_LABEL) == peer["name"]
                pair = (peer["name"], host) if backwards else (host, peer["name"])
                found.setdefault(frozenset(pair), NamedLink(name, *pair))
    return found


def link_states(fabric: Fabric) -> list[LinkState]:
    """All links, in the order of their names: the wanted ones, and all others."""
    added = added_links(fabric)
    states = []
    seen = set(added)
    for link in links(fabric.declaration, resources_by_cluster(fabric.declaration)):
        pair = frozenset((link.source, link.target))
        own = added.pop(pair, None)
        ways = {(link.source, link.target), *([(link.target, link.source)] if link.both_ways or own else [])}
        name = link.name or (own.name if own else "") or default_name(pair)
        purposes = (*link.reasons, ON_DEMAND) if own else link.reasons
        states.append(_state(fabric, NamedLink(name, link.source, link.target), ways, purposes))
        seen.add(pair)
    states += [
        _state(fabric, own, {(own.source, own.target), (own.target, own.source)}, (ON_DEMAND,))
        for own in added.values()
    ]
    return sorted([*states, *_others(fabric, seen)], key=lambda each: (each.name, each.source, each.target))


def _others(fabric: Fabric, seen: Collection[frozenset[str]]) -> list[LinkState]:
    """Links of undeclared Peers, such as those that a user created or that the next run prunes.

    A cluster's Peer of its own name, for imports from itself, is no link.
    """
    pairs: dict[frozenset[str], set[tuple[str, str]]] = {}
    for host, info in fabric.infos.items():
        for peer in info.get("peers") or []:
            pair = frozenset((host, peer["name"]))
            if pair not in seen and peer["name"] != host:
                pairs.setdefault(pair, set()).add((host, peer["name"]))
    return [
        _state(fabric, NamedLink(default_name(pair), *min(ways)), ways, (UNDECLARED,)) for pair, ways in pairs.items()
    ]


def _state(fabric: Fabric, link: NamedLink, ways: Collection[tuple[str, str]], purposes: tuple[str, ...]) -> LinkState:
    forward, back = (
        _direction(fabric.infos, *way) if way in ways and _possible(fabric.declaration, *way) else Direction(ONE_WAY)
        for way in ((link.source, link.target), (link.target, link.source))
    )
    return LinkState(link.name, link.source, link.target, forward, back, purposes, UNDECLARED not in purposes)


def _possible(declaration: Declaration, source: str, target: str) -> bool:
    """Whether the direction is possible. The Peers of a cluster outside the inventory are unknown."""
    return source in declaration.peers and (target not in declaration.peers or can_reach(declaration, source, target))


def _direction(infos: Infos, source: str, target: str) -> Direction:
    info = infos.get(source) or {}
    if "peers" not in info:
        return Direction(UNKNOWN, "", str(info.get("msg") or "it could not be read"))
    peer = next((each for each in info["peers"] if each["name"] == target), None)
    if peer is None:
        return Direction(MISSING, "", "the Peer does not exist")
    if peer["reachable"]:
        return Direction(REACHABLE, peer["since"], peer["reason"])
    return Direction(UNREACHABLE, peer["since"], peer["message"] or peer["reason"] or "it has no status yet")


HEADINGS = ("NAME", "SOURCE", "TARGET", "FORWARD", "SINCE", "BACK", "SINCE", "FOR", "REASON")


def links_table(states: Sequence[LinkState]) -> list[str]:
    """The links as a table with headings."""
    rows = [
        (
            *(each.name, each.source, each.target, each.forward.state, each.forward.since or "-"),
            *(each.back.state, each.back.since or "-", ", ".join(each.purposes), each.reason or "-"),
        )
        for each in states
    ]
    return table(HEADINGS, rows) or ["  ".join(HEADINGS)]


def problems(states: Sequence[LinkState]) -> list[str]:
    """A sentence for each wanted link that is not ready."""
    return [f"Link {_named(each)} is not ready: {each.reason}" for each in _lacking(states)]


def summary(states: Sequence[LinkState]) -> str:
    """The wanted links that are not ready, whose causes the table shows; empty without such links."""
    names = [f"link {_named(each)}" for each in _lacking(states)]
    return f"Not ready: {', '.join(names)}. The table says why" if names else ""


def _lacking(states: Sequence[LinkState]) -> list[LinkState]:
    return [each for each in states if each.wanted and not each.ready]


def _named(link: LinkState) -> str:
    return f"{link.name} from {link.source} to {link.target}"


def changes(before: Sequence[LinkState], after: Sequence[LinkState]) -> list[str]:
    """A line for each link that differs between two results."""
    then, now = ({(each.name, each.source, each.target): each for each in states} for states in (before, after))
    lines = [f"{name} {source} {target}: removed" for name, source, target in sorted(then.keys() - now.keys())]
    for key, each in sorted(now.items()):
        if key not in then or then[key] != each:
            state = f"forward {each.forward.state}, back {each.back.state}"
            reason = f" ({each.reason})" if not each.ready else ""
            lines.append(f"{' '.join(key)}: {'ready' if each.ready else 'not ready'}, {state}{reason}")
    return lines
