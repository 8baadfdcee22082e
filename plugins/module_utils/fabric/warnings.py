# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Warnings about a valid declaration that may not have the intended effect."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from .authorization import Side, service_attributes
from .cluster_resources import ClusterResources, may_come_from
from .model import MESH, Declaration, Peer
from .policy_checks import unknown_services
from .resources import AccessPolicy, Import, Origin, Source
from .topology import unreachable_pairs
from .typos import likely_typos


def warnings(
    declaration: Declaration, resources: Mapping[str, ClusterResources], sides: Mapping[str, Side]
) -> tuple[str, ...]:
    """The warnings as sentences, sorted.

    Args:
        declaration: The expanded declaration.
        resources: Every cluster's resources.
        sides: Every cluster, as authorization sees it.
    """
    unknown = unknown_services(declaration, resources)
    found = [
        *declaration.notes,
        *_merged_exports(resources),
        *_other_ports(declaration, resources),
        *unknown.values(),
        *_idle_policies(declaration, resources, unknown),
        *_closed_imports(resources, sides),
        *_out_of_reach(declaration, resources),
        *likely_typos(declaration, resources),
    ]
    return tuple(sorted(set(found)))


def _out_of_reach(declaration: Declaration, resources: Mapping[str, ClusterResources]) -> Iterator[str]:
    """Links and exports without effect, because a cluster has no ingress; needed ones are problems instead."""
    if declaration.link_mode == MESH:
        for one, two in unreachable_pairs(declaration):
            yield f"{one} and {two} are not linked: neither has an ingress, so neither can reach the other."
    given = {name for peer in declaration.peers.values() for name in peer.entries}
    for host, own in resources.items():
        if declaration.peers[host].outbound_only and host not in given:
            for each in own.exports:
                yield f"{host} exports {each.namespace}/{each.name} and has no ingress, so no cluster can import it."


def _merged_exports(resources: Mapping[str, ClusterResources]) -> Iterator[str]:
    """Exports of Services into which the same cluster merges imports."""
    for host, own in resources.items():
        exports = {(each.namespace, each.name) for each in own.exports if not each.host}
        for each in own.imports:
            if each.merge and (each.namespace, each.name) in exports:
                service = f"{each.namespace}/{each.name}"
                yield (
                    f"{host} exports {service} and merges imports into the same Service. So its gateway forwards some "
                    "of the peers' requests to another cluster, where policies may deny them. To avoid that, set the "
                    "export's host to another Service with the same pods."
                )


def _other_ports(declaration: Declaration, resources: Mapping[str, ClusterResources]) -> Iterator[str]:
    ports = {(host, e.namespace, e.name): e.port for host, own in resources.items() for e in own.exports}
    for host, peer in declaration.peers.items():
        for each in peer.imports:
            for source in each.sources:
                port = ports.get((source.peer, source.namespace, source.name), each.port)
                if port != each.port:
                    yield (
                        f"{host} imports {each.namespace}/{each.name} with port {each.port}, "
                        f"and {source.peer} exports {source.namespace}/{source.name} with port {port}."
                    )


def _closed_imports(resources: Mapping[str, ClusterResources], sides: Mapping[str, Side]) -> Iterator[str]:
    """Imports that nobody may call, because no policy of either side allows a client."""
    closed: dict[str, set[str]] = {}
    for host, own in resources.items():
        for each in own.imports:
            if not any(_is_open(sides, host, each, source) for source in each.sources):
                closed.setdefault(f"{each.namespace}/{each.name}", set()).add(host)
    for name, hosts in closed.items():
        yield (
            f"Nobody may call {name} in {', '.join(sorted(hosts))}: no policy allows a client. Add clients to the "
            "service's allow, or a policy for both sides."
        )


def _is_open(sides: Mapping[str, Side], host: str, imported: Import, source: Source) -> bool:
    """Whether some policy of each side allows a client; a peer outside the inventory counts as allowing."""
    exporter = sides.get(source.peer)
    named = (source.name, source.namespace)
    sent = service_attributes(*named, imported.labels, source.peer, exporter.labels if exporter else {})
    if not any(True for _client in sides[host].policies.allowed_clients(sent, imported.namespace)):
        return False
    if exporter is None:
        return True
    labels = exporter.exports.get((source.namespace, source.name)) or {}
    own = service_attributes(*named, labels, source.peer, exporter.labels)
    return any(True for _client in exporter.policies.allowed_clients(own, source.namespace))


@dataclass(frozen=True)
class _Flow:
    """Connections from clients of one cluster to a service, as one of the two gateways sees them."""

    namespace: str
    clients: Peer
    service: Mapping[str, str]

    def decided_by(self, policy: AccessPolicy) -> bool:
        return (
            policy.namespace in ("", self.namespace)
            and any(each.matches(self.service) for each in policy.services)
            and any(may_come_from(each, self.clients) for each in policy.clients)
        )


def _idle_policies(
    declaration: Declaration, resources: Mapping[str, ClusterResources], told: Collection[Origin]
) -> Iterator[str]:
    """Policies that match no declared connection; not privileged denies, which are guard rails, nor those C(told)."""
    # Connections from outside the inventory and of unknown namespaces are not known.
    if declaration.outsiders() or any(declaration.unknown(host) for host in declaration.lookups):
        return
    flows = _flows(declaration, resources)
    everywhere: list[tuple[AccessPolicy, Iterable[str]]]
    everywhere = [(policy, [host]) for host, peer in declaration.peers.items() for policy in peer.policies]
    everywhere += [(each.policy, each.clusters or resources) for each in declaration.policies]
    for policy, hosts in everywhere:
        there = (each for host in hosts for each in flows[host])
        if policy.origin not in told and not _guards(policy) and not any(each.decided_by(policy) for each in there):
            yield f"The policy {policy} of {policy.origin.owner} matches no declared connection."


def _flows(declaration: Declaration, resources: Mapping[str, ClusterResources]) -> dict[str, list[_Flow]]:
    flows: dict[str, list[_Flow]] = {host: [] for host in resources}
    exports = {(host, e.namespace, e.name): e for host, own in resources.items() for e in own.exports}
    for host, own in resources.items():
        clients = declaration.peers[host]
        for each in own.imports:
            for source in each.sources:
                exporter = declaration.peers.get(source.peer)
                labels = exporter.labels if exporter else {}
                named = (source.name, source.namespace)
                service = service_attributes(*named, each.labels, source.peer, labels)
                flows[host].append(_Flow(each.namespace, clients, service))
                export = exports.get((source.peer, source.namespace, source.name))
                if export:
                    service = service_attributes(*named, export.labels, source.peer, labels)
                    flows[source.peer].append(_Flow(export.namespace, clients, service))
    return flows


def _guards(policy: AccessPolicy) -> bool:
    return policy.action == "deny" and not policy.namespace
