# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The declaration compiled to the exact objects of each cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..clusterlink import api
from .authorization import Side
from .cluster_resources import ClusterResources, resources_by_cluster
from .model import Declaration, Peer
from .objects import Object, export_object, import_object, in_order, peer_object, policy_object, service_object
from .probes import ImportProbe, probe_of
from .resources import Address
from .services import Service
from .topology import Link, links
from .warnings import warnings


@dataclass(frozen=True)
class Pending:
    """An object that the plan wants and cannot write now; one that is there already is to be left as it is."""

    kind: str
    name: str
    namespace: str
    reason: str


@dataclass(frozen=True)
class PeerPlan:
    """One cluster's part of the plan.

    Attributes:
        objects: What it is to hold.
        pending: What cannot be written now.
        probes: How its imports are tried.
        unknown: Namespaces in which it may be to hold more.
    """

    objects: tuple[Object, ...]
    pending: tuple[Pending, ...]
    probes: tuple[ImportProbe, ...]
    unknown: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The part as plain data."""
        return {
            "objects": list(self.objects),
            "pending": [vars(each) for each in self.pending],
            "probes": [each.as_dict() for each in self.probes],
            "unknown_namespaces": list(self.unknown),
        }


@dataclass(frozen=True)
class Plan:
    """The whole fabric's plan; the same declaration gives the same plan, in whatever order it was written."""

    fabric: str
    links: tuple[Link, ...]
    services: tuple[Service, ...]
    peers: Mapping[str, PeerPlan]
    lookups: Mapping[str, tuple[str, ...]]
    gateways: Mapping[str, Address | None]
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The plan as plain data, warnings apart."""
        return {
            "fabric": self.fabric,
            "links": [{**vars(each), "reasons": list(each.reasons)} for each in self.links],
            "services": [
                {
                    "name": each.name,
                    "namespace": each.namespace,
                    "port": each.port,
                    "exported_by": sorted(each.exported_by),
                    "imported_by": sorted(each.imported_by),
                }
                for each in self.services
            ],
            "gateways": {host: address and vars(address) for host, address in self.gateways.items()},
            "peers": {host: part.as_dict() for host, part in self.peers.items()},
            "lookups": {host: list(namespaces) for host, namespaces in self.lookups.items()},
        }


def compile_plan(declaration: Declaration, addresses: Mapping[str, Address | None]) -> Plan:
    """The plan of a declaration; it always is for the whole fabric, whichever clusters are worked on.

    Args:
        declaration: Free of problems, as C(parse) returns it.
        addresses: Each peer's gateway's address; one that is missing or null is not known now, unless declared.
    """
    held = resources_by_cluster(declaration)
    fabric_links = links(declaration, held)
    gateways = {host: addresses.get(host) or peer.address for host, peer in sorted(declaration.peers.items())}
    labels = api.ownership_labels(declaration.fabric)
    objects: dict[str, list[Object]] = {}
    pending: dict[str, list[Pending]] = {}
    for host, holding in held.items():
        uncertain = declaration.uncertain.get(host, {})
        peers, pending[host] = _peers(declaration.peers[host], fabric_links, gateways, labels, uncertain)
        objects[host] = in_order([*peers, *_held_objects(holding, labels)])
    probes = _probes(declaration, held, objects)
    left = {(host, each.namespace, each.name) for each in declaration.services for host in each.left}
    written = {host: tuple(each for each in objects[host] if not _is_left(host, each, left)) for host in held}
    return Plan(
        fabric=declaration.fabric,
        links=tuple(fabric_links),
        services=tuple(sorted(declaration.services, key=lambda each: (each.namespace, each.name, each.exported_by))),
        peers={
            host: PeerPlan(written[host], tuple(pending[host]), probes[host], declaration.unknown(host))
            for host in sorted(held)
        },
        lookups=declaration.lookups,
        gateways=gateways,
        warnings=warnings(declaration, held),
    )


def _is_left(host: str, each: Object, left: set[tuple[str, str, str]]) -> bool:
    """Whether it is an Export of which too little is known to write it."""
    metadata = each["metadata"]
    return each["kind"] == "Export" and (host, metadata["namespace"], metadata["name"]) in left


def _peers(
    peer: Peer,
    fabric_links: list[Link],
    gateways: Mapping[str, Address | None],
    labels: Mapping[str, str],
    uncertain: Mapping[str, str],
) -> tuple[list[Object], list[Pending]]:
    """The Peer objects of one cluster, and those that cannot be written or may be needed, by C(uncertain) reasons."""
    objects: list[Object] = []
    pending: list[Pending] = []
    reached = {link.target for link in fabric_links if link.source == peer.name}
    reached |= {link.source for link in fabric_links if link.target == peer.name and link.both_ways}
    for name in sorted(reached):
        entry = peer.entries.get(name)
        known = gateways.get(name)
        # What a cluster says of the way from itself to a peer holds for it alone, and goes first.
        ways = entry.gateways if entry else (known,) if known else ()
        if ways:
            objects.append(peer_object(name, peer.namespace, ways, labels))
        else:
            reason = f"the address of the gateway of {name} is not known"
            pending.append(Pending("Peer", name, peer.namespace, reason))
    for name, reason in sorted(uncertain.items()):
        if name not in reached:
            pending.append(Pending("Peer", name, peer.namespace, reason))
    return objects, pending


def _held_objects(holding: ClusterResources, labels: Mapping[str, str]) -> list[Object]:
    return [
        *(service_object(each, labels) for each in holding.backings),
        *(export_object(each, labels) for each in holding.exports),
        *(policy_object(each, labels) for each in holding.policies),
        *(import_object(each, labels) for each in holding.imports),
    ]


def _probes(
    declaration: Declaration, held: Mapping[str, ClusterResources], objects: Mapping[str, list[Object]]
) -> dict[str, tuple[ImportProbe, ...]]:
    sides = {host: Side.of(host, declaration.peers[host].labels, objects[host]) for host in held}
    probes: dict[str, tuple[ImportProbe, ...]] = {}
    for host, holding in held.items():
        how = {(each.namespace, each.name): each.probe for each in holding.imports}
        probes[host] = tuple(
            probe_of(each, sides[host], sides, how[each["metadata"]["namespace"], each["metadata"]["name"]])
            for each in objects[host]
            if each["kind"] == "Import"
        )
    return probes
