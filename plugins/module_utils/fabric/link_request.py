# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Add or remove a link by name: check it against the declaration and the clusters' present links.

Pure, so that all problems are reported before a cluster is changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..common.fields import Item, Report
from ..common.naming import did_you_mean
from ..common.types import Address
from .cluster_resources import resources_by_cluster
from .impact import ImportUse, LostSources, declared_uses, losses, observed_uses
from .link_view import Fabric, NamedLink, added_links, default_name
from .topology import can_reach, links

PRESENT, ABSENT = "present", "absent"

Addresses = Mapping[str, "tuple[Address, ...]"]


@dataclass(frozen=True)
class KnownLink:
    """A link that is declared or was added by name.

    Attributes:
        name: The declared or given name; else the names of its clusters.
        source: One of its clusters.
        target: The other cluster.
        reasons: The declarations that need it; empty when it was only added by name.
    """

    name: str
    source: str
    target: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class LinkRequest:
    """The changes that a request needs, without problems.

    Attributes:
        name: The link's name.
        source: One of its clusters; empty when the link to remove does not exist.
        target: The other cluster.
        gateways: By cluster, the addresses of the other one; empty for a removal.
        losses: The imports that lose sources.
        warnings: Warnings, as sentences.
    """

    name: str
    source: str
    target: str
    gateways: Mapping[str, tuple[Address, ...]]
    losses: tuple[LostSources, ...]
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The request as plain data; C(sides) holds the Peer of each cluster."""
        pairs = ((self.source, self.target), (self.target, self.source)) if self.source else ()
        return {
            "name": self.name,
            "source": self.source,
            "target": self.target,
            "sides": {
                host: {"peer": other, "gateways": [vars(each) for each in self.gateways.get(host, ())]}
                for host, other in pairs
            },
            "losses": [loss.as_dict() for loss in self.losses],
        }


def known_links(fabric: Fabric) -> dict[frozenset[str], KnownLink]:
    """The links that are declared or were added by name, by their clusters."""
    known = {pair: KnownLink(own.name, own.source, own.target, ()) for pair, own in added_links(fabric).items()}
    for link in links(fabric.declaration, resources_by_cluster(fabric.declaration)):
        pair = frozenset((link.source, link.target))
        name = link.name or (known[pair].name if pair in known else default_name(pair))
        known[pair] = KnownLink(name, link.source, link.target, link.reasons)
    return known


def request(
    fabric: Fabric,
    addresses: Addresses,
    given: Mapping[str, Any],
    *,
    state: str,
    force: bool = False,
) -> LinkRequest:
    """The changes that add or remove a link.

    Args:
        fabric: The declaration, and each cluster's present resources.
        addresses: The addresses of the two gateways.
        given: The given C(name), C(source) and C(target); the last two are required for C(PRESENT).
        state: C(PRESENT) or C(ABSENT).
        force: Remove even a declared link.

    Raises:
        ClusterlinkError: With everything that is wrong.
    """
    report = Report()
    item = Item(given, "", report)
    name = item.name(required=True)
    source, target = (_cluster(item, key, fabric, required=state == PRESENT) for key in ("source", "target"))
    if source and source == target:
        item.problem("target", "is the same cluster as the source", target, "Name another cluster")
    report.raise_any()
    wanted = NamedLink(name, source, target)
    if state == PRESENT:
        _check_name(fabric, wanted, report)
        made = LinkRequest(name, source, target, _gateways(fabric, addresses, wanted, report), (), _unread(fabric))
    else:
        made = _remove(fabric, wanted, report, force=force)
    report.raise_any()
    return made


def _cluster(item: Item, key: str, fabric: Fabric, *, required: bool) -> str:
    name = item.text(key, required=required)
    peer = fabric.declaration.peer_of(name)
    if name and not peer:
        hosts = fabric.declaration.hosts
        known = sorted({*hosts, *hosts.values()})
        fix = did_you_mean(name, known) or f"Hosts of the inventory's group: {', '.join(sorted(hosts.values()))}"
        item.problem(key, "is not a cluster of the fabric", name, fix)
    return peer


def _check_name(fabric: Fabric, wanted: NamedLink, report: Report) -> None:
    """Report a name that another link has, and a link that has another name."""
    pair = frozenset((wanted.source, wanted.target))
    for other, link in known_links(fabric).items():
        between = f"from {link.source} to {link.target}"
        if link.name == wanted.name and other != pair:
            report.add("name", f"is the name of the link {between}", wanted.name, "Choose another name")
        if other == pair and link.name not in (wanted.name, default_name(pair)):
            what = f"is a second name for the link {between}, which is named {link.name}"
            report.add("name", what, wanted.name, "Use that name, or remove that link first")


def _gateways(
    fabric: Fabric, addresses: Addresses, wanted: NamedLink, report: Report
) -> dict[str, tuple[Address, ...]]:
    """By cluster, the addresses of the other one; reports every reason why it cannot be reached."""
    found: dict[str, tuple[Address, ...]] = {}
    peers = fabric.declaration.peers
    for key, host, other in (("target", wanted.source, wanted.target), ("source", wanted.target, wanted.source)):
        info = fabric.infos.get(other) or {}
        entry = peers[host].entries.get(other)
        declared = peers[other].address
        ways = (declared,) if declared else addresses.get(other, ())
        if not can_reach(fabric.declaration, host, other):
            fix = "Give it an ingress (clusterlink_ingress_type or clusterlink_gateway_host)"
            report.add(key, f"has no ingress, so {host} cannot reach it, and a link needs both directions", other, fix)
        elif not info.get("served"):
            fix = "Run site.yml for it first" if "peers" in info else "Run this again when it is reachable"
            report.add(key, f"cannot be linked: {info.get('msg') or 'ClusterLink is not installed there'}", other, fix)
        elif entry or ways:
            found[host] = entry.gateways if entry else ways
        else:
            fix = "Run site.yml for it first, or check that its nodes are ready and its ingress has an address"
            report.add(key, "cannot be linked: it has no gateway with an address", other, fix)
    return found


def _remove(fabric: Fabric, wanted: NamedLink, report: Report, *, force: bool) -> LinkRequest:
    """The removal of the link; reports what depends on it, unless it is forced."""
    named = [(pair, link) for pair, link in known_links(fabric).items() if link.name == wanted.name]
    if not named:
        if (away := _away(fabric)) and not force:
            what = f"is a link of no cluster that can be read, and those of {', '.join(away)} are unknown"
            fix = "Run this again when they are reachable, or set force to take the link as removed"
            report.add("name", what, wanted.name, fix)
        return LinkRequest(wanted.name, "", "", {}, (), (f"There is no link {wanted.name}.", *_unread(fabric)))
    pair, there = named[0]
    for key, host in (("source", wanted.source), ("target", wanted.target)):
        if host and host not in pair:
            what = f"is not a cluster of the link {there.name}, which is from {there.source} to {there.target}"
            report.add(key, what, host, "Leave it out, or name another link")
    cut = _cut(fabric, pair)
    if cut and not force:
        fix = "Remove these imports from the declaration first, or set force to remove the link anyway"
        report.add("name", f"is a link that imports need. {'. '.join(map(str, cut))}", wanted.name, fix)
    elif there.reasons and not force:
        fix = "Remove it from the declaration, or set force to remove it until the next run of site.yml"
        report.add("name", f"is a declared link ({', '.join(there.reasons)})", wanted.name, fix)
    warnings = [*(f"{loss}." for loss in cut), *_unread(fabric)]
    if there.reasons:
        warnings.append(f"The link {there.name} is declared, so the next run of site.yml adds it again.")
    return LinkRequest(wanted.name, there.source, there.target, {}, cut, tuple(warnings))


def _cut(fabric: Fabric, pair: frozenset[str]) -> tuple[LostSources, ...]:
    """The declared and the present imports that need the link."""
    uses = {_key(use): use for use in observed_uses(fabric.infos)}
    uses.update({_key(use): use for use in declared_uses(fabric.declaration)})
    return tuple(losses([use for _name, use in sorted(uses.items())], links=[pair]))


def _key(use: ImportUse) -> tuple[str, str, str]:
    return use.cluster, use.namespace, use.name


def _unread(fabric: Fabric) -> tuple[str, ...]:
    """A warning that names the clusters whose links are unknown."""
    away = _away(fabric)
    return (f"The links of these clusters are unknown: {', '.join(away)}.",) if away else ()


def _away(fabric: Fabric) -> list[str]:
    return sorted(host for host, info in fabric.infos.items() if "peers" not in info)
