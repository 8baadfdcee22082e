# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A link that somebody asks for, or wants to be rid of, by its name: checked against the declaration and what is there.

Pure, so that everything that is wrong is said before a cluster is touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..common.fields import Item, Report
from ..common.naming import did_you_mean
from .cluster_resources import resources_by_cluster
from .impact import ImportUse, LostSources, declared_uses, losses, observed_uses
from .link_view import Asked, Fabric, asked_links, default_name
from .resources import Address
from .topology import can_reach, links

PRESENT, ABSENT = "present", "absent"

Addresses = Mapping[str, "Address | None"]


@dataclass(frozen=True)
class Known:
    """A link that there is, or that is declared.

    Attributes:
        name: As declared, asked for, or else made of the names of its clusters.
        source: As the link is told.
        target: Likewise.
        reasons: What it is declared for; nothing when it was only asked for.
    """

    name: str
    source: str
    target: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class LinkRequest:
    """What is to be done, when nothing speaks against it.

    Attributes:
        name: The link's.
        source: One of its clusters; empty where there is no such link to remove.
        target: The other.
        gateways: Where each of the two reaches the other; nothing for a link that is to go.
        losses: The imports that lose sources.
        warnings: What else there is to say.
    """

    name: str
    source: str
    target: str
    gateways: Mapping[str, tuple[Address, ...]]
    losses: tuple[LostSources, ...]
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The request as plain data: C(sides) has what each cluster is to hold of the other."""
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


def known_links(fabric: Fabric) -> dict[frozenset[str], Known]:
    """The links that are declared or were asked for, by their clusters."""
    known = {pair: Known(own.name, own.source, own.target, ()) for pair, own in asked_links(fabric).items()}
    for link in links(fabric.declaration, resources_by_cluster(fabric.declaration)):
        pair = frozenset((link.source, link.target))
        name = link.name or (known[pair].name if pair in known else default_name(pair))
        known[pair] = Known(name, link.source, link.target, link.reasons)
    return known


def request(
    fabric: Fabric,
    addresses: Addresses,
    given: Mapping[str, Any],
    *,
    state: str,
    force: bool = False,
) -> LinkRequest:
    """What to do for a link to be there, or to be gone.

    Args:
        fabric: What was declared, and what is there.
        addresses: Where the gateways are; those of the two clusters matter.
        given: C(name), C(source) and C(target) as they were given; the last two are needed for a link that is to be.
        state: C(PRESENT) or C(ABSENT).
        force: Remove also a link that is declared.

    Raises:
        ClusterlinkError: With everything that is wrong.
    """
    report = Report()
    item = Item(given, "", report)
    name = item.name(required=True)
    source, target = (_cluster(item, key, fabric, required=state == PRESENT) for key in ("source", "target"))
    if source and source == target:
        item.problem("target", "is the source too, and a link has two ends", target, "Name another cluster")
    report.raise_any()
    asked = Asked(name, source, target)
    if state == PRESENT:
        _check_name(fabric, asked, report)
        made = LinkRequest(name, source, target, _gateways(fabric, addresses, asked, report), (), _unread(fabric))
    else:
        made = _remove(fabric, asked, report, force=force)
    report.raise_any()
    return made


def _cluster(item: Item, key: str, fabric: Fabric, *, required: bool) -> str:
    name = item.text(key, required=required)
    hosts = fabric.declaration.peers
    if name and name not in hosts:
        fix = did_you_mean(name, hosts) or f"Hosts of the inventory's group: {', '.join(sorted(hosts))}"
        item.problem(key, "is no cluster of the fabric", name, fix)
    return name


def _check_name(fabric: Fabric, asked: Asked, report: Report) -> None:
    """Note a name that stands for another link, and a link that has another name."""
    pair = frozenset((asked.source, asked.target))
    for other, link in known_links(fabric).items():
        between = f"from {link.source} to {link.target}"
        if link.name == asked.name and other != pair:
            report.add("name", f"is the name of the link {between}", asked.name, "Choose another name")
        if other == pair and link.name not in (asked.name, default_name(pair)):
            what = f"is a second name for the link {between}, which is {link.name}"
            report.add("name", what, asked.name, "Use that name, or remove that link first")


def _gateways(fabric: Fabric, addresses: Addresses, asked: Asked, report: Report) -> dict[str, tuple[Address, ...]]:
    """Where each of the two reaches the other, noting every reason why it cannot."""
    found: dict[str, tuple[Address, ...]] = {}
    peers = fabric.declaration.peers
    for key, host, other in (("target", asked.source, asked.target), ("source", asked.target, asked.source)):
        info = fabric.infos.get(other) or {}
        entry = peers[host].entries.get(other)
        address = peers[other].address or addresses.get(other)
        if not can_reach(fabric.declaration, host, other):
            fix = "Give it an ingress (clusterlink_ingress_type or clusterlink_gateway_host)"
            report.add(key, f"has no ingress, so {host} cannot reach it, and a link goes both ways", other, fix)
        elif not info.get("served"):
            fix = "Run site.yml for it first" if "peers" in info else "Run this again when it can be reached"
            report.add(key, f"cannot be linked: {info.get('msg') or 'ClusterLink is not installed there'}", other, fix)
        elif entry or address:
            found[host] = entry.gateways if entry else (address,) if address else ()
        else:
            fix = "Run site.yml for it first, or see whether its nodes are ready and its ingress has an address"
            report.add(key, "cannot be linked: its gateway has no address", other, fix)
    return found


def _remove(fabric: Fabric, asked: Asked, report: Report, *, force: bool) -> LinkRequest:
    """The link of that name, noting what depends on it unless it is to go all the same."""
    named = [(pair, link) for pair, link in known_links(fabric).items() if link.name == asked.name]
    if not named:
        return LinkRequest(asked.name, "", "", {}, (), (f"There is no link {asked.name}.", *_unread(fabric)))
    pair, there = named[0]
    for key, host in (("source", asked.source), ("target", asked.target)):
        if host and host not in pair:
            what = f"is no end of the link {there.name}, which is from {there.source} to {there.target}"
            report.add(key, what, host, "Leave it out, or name the link that is meant")
    cut = _cut(fabric, pair)
    if cut and not force:
        fix = "Take these imports out of the declaration first, or set force to remove the link all the same"
        report.add("name", f"is a link that is needed. {'. '.join(map(str, cut))}", asked.name, fix)
    elif there.reasons and not force:
        fix = "Take it out of the declaration, or set force to remove it until the next run of site.yml"
        report.add("name", f"is a link that is declared ({', '.join(there.reasons)})", asked.name, fix)
    warnings = [*(f"{loss}." for loss in cut), *_unread(fabric)]
    if there.reasons:
        warnings.append(f"The link {there.name} is declared, so the next run of site.yml makes it again.")
    return LinkRequest(asked.name, there.source, there.target, {}, cut, tuple(warnings))


def _cut(fabric: Fabric, pair: frozenset[str]) -> tuple[LostSources, ...]:
    """The imports that need the link, by declaration or as they are now."""
    uses = {_key(use): use for use in observed_uses(fabric.infos)}
    uses.update({_key(use): use for use in declared_uses(fabric.declaration)})
    return tuple(losses([use for _name, use in sorted(uses.items())], links=[pair]))


def _key(use: ImportUse) -> tuple[str, str, str]:
    return use.cluster, use.namespace, use.name


def _unread(fabric: Fabric) -> tuple[str, ...]:
    """Says which clusters may hold a link of the name, and could not be asked."""
    away = sorted(host for host, info in fabric.infos.items() if "peers" not in info)
    return (f"Could not be asked for its links: {', '.join(away)}.",) if away else ()
