# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each cluster's exports, imports and policies: those of the fabric's services, and those of its own variables."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..clusterlink import api
from .authorization import peer_attributes
from .model import Declaration, Peer
from .relays import relay_client
from .resources import AccessPolicy, Backing, Export, Import, Source
from .selectors import Requirement, Selector
from .services import Service


@dataclass(frozen=True)
class ClusterResources:
    """One cluster's exports, the Services created for them, its imports and policies."""

    backings: tuple[Backing, ...]
    exports: tuple[Export, ...]
    imports: tuple[Import, ...]
    policies: tuple[AccessPolicy, ...]

    @property
    def namespaces(self) -> set[str]:
        """The namespaces of the exports and imports, whose policies the gateway evaluates."""
        return {each.namespace for each in self.exports} | {each.namespace for each in self.imports}


def resources_by_cluster(declaration: Declaration) -> dict[str, ClusterResources]:
    """Every cluster's resources, by host; those of a declaration with problems may contain duplicates."""
    found: dict[str, ClusterResources] = {}
    for host, peer in declaration.peers.items():
        exports = [each.export(host) for each in declaration.services if host in each.exported_by]
        imports = [each.imported(host) for each in declaration.services if host in each.imported_by]
        found[host] = ClusterResources(
            backings=tuple(each.backings[host] for each in declaration.services if host in each.backings),
            exports=(*exports, *peer.exports),
            imports=(*(each for each in imports if each), *peer.imports),
            policies=(*_service_policies(declaration, peer), *peer.policies),
        )
    return {host: _with_fabric_policies(declaration, host, own) for host, own in found.items()}


_POD = (api.CLIENT_NAMESPACE, api.CLIENT_SERVICE_ACCOUNT, api.CLIENT_LABELS)


def may_come_from(client: Selector, peer: Peer) -> bool:
    """Whether the selector can match any pod of this cluster."""
    return client.without(*_POD).matches(peer_attributes(peer.name, peer.labels))


def may_come_from_outside(client: Selector, peer: str) -> bool:
    """Whether the selector can match a pod of a peer outside the inventory, whose peer labels are unknown."""
    return client.without(*_POD, api.PEER_LABELS).matches({api.PEER_NAME: peer})


def _service_policies(declaration: Declaration, peer: Peer) -> list[AccessPolicy]:
    """The policies for C(allow) of the services.

    Both gateways decide. The importing one has a policy in the import's namespace, for its own pods and the peers that
    export the service. The exporting one has a policy in the export's namespace, for the pods of the peers that import
    it: any peer of the fabric can make an Import of it.
    """
    policies: list[AccessPolicy] = []
    for service in declaration.services:
        imported = service.imported(peer.name) if peer.name in service.imported_by else None
        sources = {each.peer for each in imported.sources} if imported else set()
        own = tuple(each for each in service.allowed if may_come_from(each, peer))
        callers = _callers(declaration, service) if peer.name in service.exported_by else ()
        remote = tuple(_bound(each, callers) for each in service.allowed if callers or _names_peers(each))
        relays = {host: relay_client(declaration, host) for host in service.relayed_in}
        own += (relays[peer.name],) if peer.name in relays else ()
        remote += tuple(relays.values())
        if peer.name not in service.exported_by:
            found = [service.policy(service.import_namespace, own, sources)] if imported else []
        elif imported and service.import_namespace == service.namespace:
            # One policy for both: this cluster is one of the importing peers.
            found = [service.policy(service.namespace, remote, {*sources, peer.name})]
        else:
            found = [service.policy(service.namespace, remote)]
            found += [service.policy(service.import_namespace, own, sources)] if imported else []
        policies += [each for each in found if each.clients]
    return policies


def _callers(declaration: Declaration, service: Service) -> tuple[str, ...]:
    """The clusters that import the service, also with C(clusterlink_imports) of their own."""
    exports = {Source(each, service.name, service.namespace) for each in service.exported_by}
    own = {
        host
        for host, peer in declaration.peers.items()
        if any(exports.intersection(each.sources) for each in peer.imports)
    }
    return tuple(sorted({*service.imported_by, *service.members, *own}))


def _bound(client: Selector, peers: tuple[str, ...]) -> Selector:
    """The selector for pods of these peers only, unless it names its peers itself.

    Labels of a peer name none: they are what its gateway says of itself.
    """
    if _names_peers(client):
        return client
    return Selector.of([*client.requirements, Requirement(api.PEER_NAME, "In", peers)])


def _names_peers(client: Selector) -> bool:
    return any(each.key == api.PEER_NAME and each.operator == "In" for each in client.requirements)


def _with_fabric_policies(declaration: Declaration, host: str, own: ClusterResources) -> ClusterResources:
    """The cluster's resources with the fabric's policies for it.

    A policy without C(clusters) applies to all clusters when it is privileged, else to those with an import or export
    in its namespace: other gateways never evaluate it, and the namespace may not exist there.
    """
    policies = [
        each.policy
        for each in declaration.policies
        if (
            host in each.clusters
            if each.clusters
            else not each.policy.namespace or each.policy.namespace in own.namespaces
        )
    ]
    return replace(own, policies=(*own.policies, *policies))
