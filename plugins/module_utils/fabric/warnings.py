# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is well-formed and works, but perhaps not as it was meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .authorization import service_attributes
from .cluster_resources import ClusterResources, may_come_from
from .model import MESH, Declaration, Peer
from .resources import AccessPolicy
from .topology import unreachable_pairs


def warnings(declaration: Declaration, held: Mapping[str, ClusterResources]) -> tuple[str, ...]:
    """Sentences, in an order of their own."""
    found = [
        *declaration.notes,
        *_merged_exports(held),
        *_other_ports(declaration, held),
        *_idle_policies(declaration, held),
        *_out_of_reach(declaration, held),
    ]
    return tuple(sorted(set(found)))


def _out_of_reach(declaration: Declaration, held: Mapping[str, ClusterResources]) -> Iterator[str]:
    """What clusters without ingress leave without an effect; what something needs of them is refused."""
    if declaration.link_mode == MESH:
        for one, two in unreachable_pairs(declaration):
            yield f"{one} and {two} are not linked: neither has an ingress, so neither can reach the other."
    given = {name for peer in declaration.peers.values() for name in peer.entries}
    for host, holding in held.items():
        if declaration.peers[host].outbound_only and host not in given:
            for each in holding.exports:
                yield f"{host} exports {each.namespace}/{each.name}, and has no ingress, so no cluster can import it."


def _merged_exports(held: Mapping[str, ClusterResources]) -> Iterator[str]:
    """An export leads to its Service, and a merged import's sources are endpoints of that Service like its pods."""
    for host, holding in held.items():
        exports = {(each.namespace, each.name) for each in holding.exports if not each.host}
        for each in holding.imports:
            if each.merge and (each.namespace, each.name) in exports:
                service = f"{each.namespace}/{each.name}"
                yield (
                    f"{host} exports {service} and merges imports into the same Service. Its gateway then hands a part "
                    "of the peers' requests on to another cluster, as a client of its own that policies may deny. "
                    "Let the export point to another Service with the same pods (host) where that is not wanted."
                )


def _other_ports(declaration: Declaration, held: Mapping[str, ClusterResources]) -> Iterator[str]:
    ports = {(host, e.namespace, e.name): e.port for host, holding in held.items() for e in holding.exports}
    for host, peer in declaration.peers.items():
        for each in peer.imports:
            for source in each.sources:
                port = ports.get((source.peer, source.namespace, source.name), each.port)
                if port != each.port:
                    yield (
                        f"{host} offers {each.namespace}/{each.name} at port {each.port}, "
                        f"and {source.peer} exports {source.namespace}/{source.name} at port {port}."
                    )


@dataclass(frozen=True)
class _Flow:
    """One way by which clients of some cluster reach a service, as one of the two gateways sees it."""

    namespace: str
    clients: Peer
    service: Mapping[str, str]

    def decided_by(self, policy: AccessPolicy) -> bool:
        return (
            policy.namespace in ("", self.namespace)
            and any(each.matches(self.service) for each in policy.services)
            and any(may_come_from(each, self.clients) for each in policy.clients)
        )


def _idle_policies(declaration: Declaration, held: Mapping[str, ClusterResources]) -> Iterator[str]:
    """Policies that nothing declared can meet; a privileged deny is a guard rail, and may well stand idle."""
    # What comes from outside the inventory or was not looked up, and so what a policy on it meets, is not known.
    if declaration.outsiders() or any(declaration.unknown(host) for host in declaration.lookups):
        return
    flows = _flows(declaration, held)
    for host, peer in declaration.peers.items():
        for policy in peer.policies:
            if not _guards(policy) and not any(each.decided_by(policy) for each in flows[host]):
                yield f"The policy {_name(policy)} of {host} decides on nothing that is declared."
    for fabric_policy in declaration.policies:
        policy = fabric_policy.policy
        there = (each for host in fabric_policy.clusters or held for each in flows[host])
        if not _guards(policy) and not any(each.decided_by(policy) for each in there):
            yield f"The policy {_name(policy)} of clusterlink_policies decides on nothing that is declared."


def _flows(declaration: Declaration, held: Mapping[str, ClusterResources]) -> dict[str, list[_Flow]]:
    flows: dict[str, list[_Flow]] = {host: [] for host in held}
    exports = {(host, e.namespace, e.name): e for host, holding in held.items() for e in holding.exports}
    for host, holding in held.items():
        clients = declaration.peers[host]
        for each in holding.imports:
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
