# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Relays: clusters that import a service and export the import again, for clusters that cannot reach its exporters.

The relay's data plane is the client of its own import. Through the import's Service a data plane may reach itself, and
then comes from the node's address, which its gateway knows as no pod, so that any policy on clients refuses it (v0.4.1,
authz/manager.go, authorizeEgress). So the export points to a Service of ours without an IP address: its name leads to
the data planes' own addresses, at the import's target port, which must be a fixed one for that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace

from ..clusterlink import api, names
from ..common.fields import Report
from ..common.naming import cluster_host, relay_name
from .model import Declaration
from .resources import Backing
from .selectors import Requirement, Selector
from .services import Service

FIRST_PORT, PORTS = 20000, 10000
"""The target ports of relays' imports; ClusterLink gives others a random one from 1024 to 49151."""

Place = tuple[str, str, str]
"""A cluster, and the namespace and name of an import or export there."""

DATAPLANE_LABEL = (f"{api.CLIENT_LABELS}app", names.DATAPLANE)


def with_relays(declaration: Declaration) -> Declaration:
    """The expanded declaration with the exports, Services and target ports of its relays."""
    ports = _target_ports(declaration)
    services = []
    for service in declaration.services:
        made = _exported(declaration, service, ports) if service.relay else service
        fixed = {host: ports[place] for host, place in _imports(service) if place in ports}
        services.append(replace(made, relayed_in=fixed) if fixed else made)
    return replace(declaration, services=tuple(services))


def _exported(declaration: Declaration, service: Service, ports: Mapping[Place, int]) -> Service:
    """A relay's service with what each relaying cluster exports: the Service behind its import, and its port."""
    points, backings = dict(service.points), dict(service.backings)
    for host in service.exported_by:
        port = ports[host, service.namespace, service.name]
        backing = _backing(declaration, host, service, port)
        points[host] = (port, cluster_host(backing.namespace, backing.name, declaration.peers[host].cluster_domain))
        backings[host] = backing
    return replace(service, points=points, backings=backings)


def relay_client(declaration: Declaration, host: str) -> Selector:
    """The data plane of a relay, as policies know it."""
    key, value = DATAPLANE_LABEL
    return Selector.of(
        [
            Requirement(api.PEER_NAME, "In", (host,)),
            Requirement(api.CLIENT_NAMESPACE, "In", (declaration.peers[host].namespace,)),
            Requirement(key, "In", (value,)),
        ]
    )


def check_relays(declaration: Declaration, report: Report) -> None:
    """Report relays that have no import, and relays in a circle."""
    imports = {place: service for service in declaration.services for _host, place in _imports(service)}
    for service in declaration.services:
        for host in service.exported_by if service.relay else ():
            name = f"{service.namespace}/{service.name}"
            where = f"{service.origin.where}.relay"
            if (host, service.namespace, service.name) not in imports:
                what = f"is true, and {host} imports no service as {name}"
                fix = f"Let {host} import one under this name (import_as), or leave relay out"
                report.add(where, what, None, fix)
            elif circle := _circle(imports, (host, service.namespace, service.name)):
                path = " from ".join(f"{place[0]} ({place[1]}/{place[2]})" for place in circle)
                what = f"goes in a circle: {path}"
                report.add(where, what, None, "Take one of them out of exported_by or imported_by")


def _circle(imports: Mapping[Place, Service], start: Place) -> list[Place]:
    """The way from an import back to itself, over exports of relays; empty when there is none."""
    ways = [[start]]
    seen: set[Place] = set()
    while ways:
        way = ways.pop()
        service = imports[way[-1]]
        imported = service.imported(way[-1][0])
        for source in imported.sources if imported and service.relay else ():
            place = (source.peer, source.namespace, source.name)
            if place == start:
                return [*way, start]
            if place in imports and place not in seen:
                seen.add(place)
                ways.append([*way, place])
    return []


def _imports(service: Service) -> Iterator[tuple[str, Place]]:
    for host in service.imported_by:
        if service.imported(host):
            yield host, (host, service.import_namespace, service.import_name)


def _target_ports(declaration: Declaration) -> dict[Place, int]:
    """A port for each relay's import: by its name, and the next free one in its cluster."""
    places = {
        (host, each.namespace, each.name) for each in declaration.services if each.relay for host in each.exported_by
    }
    ports: dict[Place, int] = {}
    taken: set[tuple[str, int]] = set()
    for place in sorted(places):
        host, namespace, name = place
        number = int(hashlib.sha256(f"{namespace}/{name}".encode()).hexdigest(), 16) % PORTS
        while (host, number) in taken:
            number = (number + 1) % PORTS
        taken.add((host, number))
        ports[place] = FIRST_PORT + number
    return ports


def _backing(declaration: Declaration, host: str, service: Service, port: int) -> Backing:
    return Backing(
        namespace=declaration.peers[host].namespace,
        name=relay_name(service.name, service.namespace),
        port=port,
        target_port=port,
        selector=names.pod_labels(names.DATAPLANE),
        origin=service.origin,
        headless=True,
    )
