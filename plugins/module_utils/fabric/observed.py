# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resources found in the clusters, on which a declaration's pods and shared namespaces depend.

A cluster's namespace without a lookup is unknown, which is not the same as empty: the exports that other clusters
import from it are assumed to exist still.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..common.fields import Item, Report

CLUSTER_IP = "ClusterIP"
TCP = "TCP"
NO_IP = "None"


@dataclass(frozen=True)
class FoundPort:
    """A port of a Service; C(target_port) is the pods' port, or its name."""

    name: str
    port: int
    protocol: str
    target_port: int | str


@dataclass(frozen=True)
class FoundService:
    """A Service that neither ClusterLink nor this collection created.

    Attributes:
        name: Its name.
        labels: Its labels.
        type: Its type, for example C(ClusterIP).
        headless: Whether it has no cluster IP.
        selector: The labels of its pods.
        ports: Its ports, in their order.
    """

    name: str
    labels: Mapping[str, str]
    type: str
    headless: bool
    selector: Mapping[str, str]
    ports: tuple[FoundPort, ...]

    @property
    def tcp(self) -> tuple[FoundPort, ...]:
        """The ports that ClusterLink supports."""
        return tuple(each for each in self.ports if each.protocol == TCP)


@dataclass(frozen=True)
class FoundImport:
    """An Import of a fabric, and its sources."""

    port: int
    fabric: str
    sources: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class FoundNamespace:
    """The resources of one namespace of one cluster.

    Attributes:
        services: Its Services, by name.
        stateful_sets: The ordinals of the pods of its StatefulSets, by name.
        imports: Its Imports.
    """

    services: Mapping[str, FoundService]
    stateful_sets: Mapping[str, range]
    imports: tuple[FoundImport, ...]


@dataclass(frozen=True)
class Observed:
    """The found resources, by host and namespace; a missing namespace is unknown."""

    namespaces: Mapping[tuple[str, str], FoundNamespace] = field(default_factory=dict)

    def knows(self, host: str, namespace: str) -> bool:
        """Whether the cluster's namespace is known."""
        return (host, namespace) in self.namespaces

    def services(self, host: str, namespace: str) -> Mapping[str, FoundService]:
        """The namespace's Services; none when it is unknown."""
        found = self.namespaces.get((host, namespace))
        return found.services if found else {}

    def ordinals(self, host: str, namespace: str, name: str, fabric: str) -> list[int] | None:
        """The ordinals of a StatefulSet's pods; None when it does not exist."""
        found = self.namespaces.get((host, namespace))
        if found:
            return list(found.stateful_sets[name]) if name in found.stateful_sets else None
        pod = re.compile(rf"{re.escape(name)}-(\d+)")
        matches = (pod.fullmatch(export) for export in self.remembered(host, namespace, fabric))
        return sorted(int(match[1]) for match in matches if match)

    def remembered(self, host: str, namespace: str, fabric: str) -> dict[str, int]:
        """The names and ports that other known clusters import from a cluster's namespace."""
        exports = [
            (export, each.port)
            for each in self._imports(fabric)
            for peer, export, origin in each.sources
            if (peer, origin) == (host, namespace)
        ]
        # The lowest of several ports, so that the order of clusters has no meaning.
        return dict(sorted(exports, reverse=True))

    def _imports(self, fabric: str) -> Iterator[FoundImport]:
        for found in self.namespaces.values():
            yield from (each for each in found.imports if each.fabric == fabric)


def read_observed(value: object, report: Report) -> Observed:
    """Read C({peer: {namespace: result of service_info}}); null for an unknown peer or namespace."""
    top = Item(value, "observed", report)
    found: dict[tuple[str, str], FoundNamespace] = {}
    for host in sorted(top.keys()):
        own = top.item(host)
        for namespace in sorted(own.keys()):
            item = own.item(namespace)
            found[host, namespace] = FoundNamespace(
                services={each.name: each for each in map(_read_service, item.items("services"))},
                stateful_sets=dict(map(_read_stateful_set, item.items("stateful_sets"))),
                imports=tuple(map(_read_import, item.items("imports"))),
            )
            item.finish()
    return Observed(found)


def _read_service(item: Item) -> FoundService:
    service = FoundService(
        name=item.text("name", required=True),
        labels={key: str(value) for key, value in item.mapping("labels").items()},
        type=item.text("type", CLUSTER_IP),
        headless=item.get("cluster_ip") == NO_IP,
        selector={key: str(value) for key, value in item.mapping("selector").items()},
        ports=tuple(map(_read_port, item.items("ports"))),
    )
    item.finish()
    return service


def _read_port(item: Item) -> FoundPort:
    number = item.port(required=True)
    target = item.get("target_port")
    port = FoundPort(
        item.get("name") or "", number, item.text("protocol", TCP), target if isinstance(target, (int, str)) else number
    )
    item.finish()
    return port


def _read_stateful_set(item: Item) -> tuple[str, range]:
    name, start, replicas = item.text("name", required=True), item.get("start"), item.get("replicas")
    item.finish()
    first = start if isinstance(start, int) else 0
    return name, range(first, first + (replicas if isinstance(replicas, int) else 0))


def _read_import(item: Item) -> FoundImport:
    sources = tuple(
        (each.text("peer"), each.text("export_name"), each.text("export_namespace")) for each in item.items("sources")
    )
    found = FoundImport(item.port(), item.get("fabric") or "", sources)
    item.finish(also=["name"])
    return found
