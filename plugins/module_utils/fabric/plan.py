# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compile the declaration to the exact objects of each cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..clusterlink import api
from ..common.types import Address, Object
from .authorization import Side
from .cluster_resources import ClusterResources, resources_by_cluster
from .model import Declaration, Peer
from .objects import export_object, import_object, in_order, peer_object, policy_object, service_object
from .probes import ImportProbe, probe_of
from .services import Service
from .topology import Link, links
from .warnings import warnings


@dataclass(frozen=True)
class Pending:
    """An object of the plan that cannot be written now; an existing one stays as it is."""

    kind: str
    name: str
    namespace: str
    reason: str


@dataclass(frozen=True)
class PeerPlan:
    """One cluster's part of the plan.

    Attributes:
        objects: The desired objects.
        pending: The objects that cannot be written now.
        probes: The probes of its imports.
        unknown: The unknown namespaces, in which the plan may be incomplete.
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
            # What nobody may call refuses everyone, also when it does not work at all.
            "refusals": [each.refusal() for each in self.probes if each.client],
            "unknown_namespaces": list(self.unknown),
        }


@dataclass(frozen=True)
class Plan:
    """The whole fabric's plan, which does not depend on the declaration's order."""

    fabric: str
    links: tuple[Link, ...]
    services: tuple[Service, ...]
    peers: Mapping[str, PeerPlan]
    lookups: Mapping[str, tuple[str, ...]]
    gateways: Mapping[str, tuple[Address, ...]]
    labels: Mapping[str, Mapping[str, str]]
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The plan as plain data, without warnings."""
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
            "gateways": {host: [each.as_dict() for each in ways] for host, ways in self.gateways.items()},
            "labels": {host: dict(labels) for host, labels in self.labels.items()},
            "peers": {host: part.as_dict() for host, part in self.peers.items()},
            "lookups": {host: list(namespaces) for host, namespaces in self.lookups.items()},
        }


def compile_plan(declaration: Declaration, addresses: Mapping[str, tuple[Address, ...]]) -> Plan:
    """The plan of a declaration, always for the whole fabric, regardless of C(--limit).

    Args:
        declaration: A declaration without problems, from C(parse).
        addresses: Each peer's gateway addresses; missing ones are unknown, unless one is declared.
    """
    resources = resources_by_cluster(declaration)
    fabric_links = links(declaration, resources)
    gateways = {host: _ways(addresses.get(host), peer) for host, peer in sorted(declaration.peers.items())}
    labels = api.ownership_labels(declaration.fabric)
    objects: dict[str, list[Object]] = {}
    pending: dict[str, list[Pending]] = {}
    for host, own in resources.items():
        uncertain = declaration.uncertain.get(host, {})
        reached = _reached(host, fabric_links, own)
        peer = declaration.peers[host]
        peers, pending[host] = _peers(peer, reached, gateways, labels, uncertain)
        objects[host] = in_order([*peers, *_own_objects(own, labels, peer.cluster_domain)])
    sides = {host: Side.of(host, declaration.peers[host].labels, objects[host]) for host in resources}
    probes = _probes(resources, sides, objects)
    left = {(host, each.namespace, each.name) for each in declaration.services for host in each.left}
    written = {host: tuple(each for each in objects[host] if not _is_left(host, each, left)) for host in resources}
    return Plan(
        fabric=declaration.fabric,
        links=tuple(fabric_links),
        services=tuple(sorted(declaration.services, key=lambda each: (each.namespace, each.name, each.exported_by))),
        peers={
            host: PeerPlan(written[host], tuple(pending[host]), probes[host], declaration.unknown(host))
            for host in sorted(resources)
        },
        lookups=declaration.lookups,
        gateways=gateways,
        labels={
            host: peer.labels for host, peer in sorted(declaration.peers.items()) if peer.labels or not peer.external
        },
        warnings=warnings(declaration, resources, sides),
    )


def _ways(found: tuple[Address, ...] | None, peer: Peer) -> tuple[Address, ...]:
    return found or ((peer.address,) if peer.address else ())


def _is_left(host: str, each: Object, left: set[tuple[str, str, str]]) -> bool:
    """Whether it is an Export of an unknown namespace, which cannot be written now."""
    metadata = each["metadata"]
    return each["kind"] == "Export" and (host, metadata["namespace"], metadata["name"]) in left


def _reached(host: str, fabric_links: list[Link], own: ClusterResources) -> set[str]:
    """The peers that a cluster reaches: over its links, and itself when it is a source of its own imports."""
    reached = {link.target for link in fabric_links if link.source == host}
    reached |= {link.source for link in fabric_links if link.target == host and link.both_ways}
    return reached | {each.peer for imported in own.imports for each in imported.sources if each.peer == host}


def _peers(
    peer: Peer,
    reached: set[str],
    gateways: Mapping[str, tuple[Address, ...]],
    labels: Mapping[str, str],
    uncertain: Mapping[str, str],
) -> tuple[list[Object], list[Pending]]:
    """One cluster's Peer objects, and its pending ones: without an address, or with a reason in C(uncertain)."""
    objects: list[Object] = []
    pending: list[Pending] = []
    for name in sorted(reached):
        entry = peer.entries.get(name)
        # An address in a cluster's own clusterlink_peers applies to that cluster only, and has priority.
        ways = entry.gateways if entry else gateways.get(name, ())
        if ways:
            objects.append(peer_object(name, peer.namespace, ways, labels))
        else:
            reason = f"the gateway address of {name} is unknown"
            pending.append(Pending("Peer", name, peer.namespace, reason))
    for name, reason in sorted(uncertain.items()):
        if name not in reached:
            pending.append(Pending("Peer", name, peer.namespace, reason))
    return objects, pending


def _own_objects(own: ClusterResources, labels: Mapping[str, str], domain: str) -> list[Object]:
    return [
        *(service_object(each, labels) for each in own.backings),
        *(export_object(each, labels, domain) for each in own.exports),
        *(policy_object(each, labels) for each in own.policies),
        *(import_object(each, labels) for each in own.imports),
    ]


def _probes(
    resources: Mapping[str, ClusterResources], sides: Mapping[str, Side], objects: Mapping[str, list[Object]]
) -> dict[str, tuple[ImportProbe, ...]]:
    probes: dict[str, tuple[ImportProbe, ...]] = {}
    for host, own in resources.items():
        declared = {(each.namespace, each.name): each for each in own.imports}
        found = [
            (imported, probe_of(each, sides[host], sides, imported.probe))
            for each in objects[host]
            if each["kind"] == "Import"
            for imported in [declared[each["metadata"]["namespace"], each["metadata"]["name"]]]
        ]
        # What only a relay's data plane may call is tried through the relay.
        probes[host] = tuple(each for imported, each in found if each.client or not imported.target_port)
    return probes
