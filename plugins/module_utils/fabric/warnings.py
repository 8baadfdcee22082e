# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Warnings about a valid declaration that may not have the intended effect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .authorization import service_attributes
from .cluster_resources import ClusterResources, may_come_from
from .model import MESH, Declaration, Peer
from .resources import AccessPolicy
from .topology import unreachable_pairs


def warnings(declaration: Declaration, resources: Mapping[str, ClusterResources]) -> tuple[str, ...]:
    """The warnings as sentences, sorted."""
    found = [
        *declaration.notes,
        *_merged_exports(resources),
        *_other_ports(declaration, resources),
        *_idle_policies(declaration, resources),
        *_out_of_reach(declaration, resources),
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


def _idle_policies(declaration: Declaration, resources: Mapping[str, ClusterResources]) -> Iterator[str]:
    """Policies that match no declared connection, except privileged denies, which are guard rails."""
    # Connections from outside the inventory and of unknown namespaces are not known.
    if declaration.outsiders() or any(declaration.unknown(host) for host in declaration.lookups):
        return
    flows = _flows(declaration, resources)
    for host, peer in declaration.peers.items():
        for policy in peer.policies:
            if not _guards(policy) and not any(each.decided_by(policy) for each in flows[host]):
                yield f"The policy {_name(policy)} of {host} matches no declared connection."
    for fabric_policy in declaration.policies:
        policy = fabric_policy.policy
        there = (each for host in fabric_policy.clusters or resources for each in flows[host])
        if not _guards(policy) and not any(each.decided_by(policy) for each in there):
            yield f"The policy {_name(policy)} of clusterlink_policies matches no declared connection."


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


def _name(policy: AccessPolicy) -> str:
    return f"{policy.namespace}/{policy.name}" if policy.namespace else policy.name
