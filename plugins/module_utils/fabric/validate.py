# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of the whole fabric: conflicts, missing resources, and links that are not possible."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from ..common.fields import Report
from ..common.naming import CLUSTER_DOMAIN, MAX_NAME, cluster_host, did_you_mean
from .cluster_resources import ClusterResources, resources_by_cluster
from .expansion import expand
from .model import EXPLICIT, Declaration, Peer
from .policy_checks import check_policies
from .relays import check_relays
from .resources import AccessPolicy, Export, Import, Source
from .services import Service
from .shared_checks import check_shared
from .topology import Need, can_reach, is_linked, needs

# Problems that may hide an export, which would then appear to be missing elsewhere.
_HIDES_EXPORTS = r"clusterlink_(services|exports)(\[\d+\](\.(name|namespace|exported_by).*)?)?"

_Named = TypeVar("_Named", Export, Import, AccessPolicy)


def check(declaration: Declaration, report: Report) -> None:
    """Report every problem between the parts of a declaration."""
    _check_api_servers(declaration.peers.values(), report)
    domains = {host: peer.cluster_domain for host, peer in declaration.peers.items()}
    declaration = replace(declaration, services=_once(declaration.services, domains, report))
    for service in declaration.services:
        _check_importers(service, report)
    check_shared(declaration, report)
    declaration = expand(declaration)
    resources = resources_by_cluster(declaration)
    for host, own in resources.items():
        _check_clashes(host, own, domains[host], report)
        _check_domain(declaration.peers[host], own.imports, report)
    check_relays(declaration, report)
    if not report.mentions(_HIDES_EXPORTS):
        _check_sources(declaration, resources, report)
        check_policies(declaration, resources, report)
    _check_links(declaration, report)
    for need in needs(resources):
        _check_need(declaration, need, report)


def _check_api_servers(peers: Iterable[Peer], report: Report) -> None:
    """Report two hosts with the same cluster: each would undo the other's changes in every run."""
    firsts: list[Peer] = []
    for peer in peers:
        first = next((each for each in firsts if each.api_server == peer.api_server), None)
        if first is None or not peer.api_server:
            firsts.append(peer)
            continue
        variable, found = peer.api_server.variable()
        report.add(variable, f"is also the cluster of {first.host}", found, "Give each host its own cluster", peer.host)


def _once(services: Sequence[Service], domains: Mapping[str, str], report: Report) -> tuple[Service, ...]:
    """The services without duplicates, which it reports."""
    firsts: dict[tuple[str, str], Service] = {}
    for service in services:
        first = firsts.setdefault((service.namespace, service.name), service)
        if first is not service:
            what = f"is also the name of {first.origin.where}"
            fix = "Merge the two entries, or rename one"
            if service.port != first.port:
                what, fix = f"{what}, with another port, and an export has one", _another_port_of(service, domains)
            report.add(f"{service.origin.where}.name", what, f"{service.namespace}/{service.name}", fix)
    return tuple(firsts.values())


def _another_port_of(service: Service, domains: Mapping[str, str]) -> str:
    """The same for a service; where its clusters have different domains, one host cannot be that of all."""
    hosts = {each: _host_of(service, domains.get(each, CLUSTER_DOMAIN)) for each in service.exported_by}
    if len(set(hosts.values())) > 1:
        listed = ", ".join(f"{host} in {cluster}" for cluster, host in sorted(hosts.items()))
        return _another_port(service, listed, " in clusterlink_exports of each cluster")
    return _another_port(service, next(iter(hosts.values()), _host_of(service, CLUSTER_DOMAIN)))


def _another_port(export: Service | Export, host: str, where: str = "") -> str:
    """How a further port of a Service is exported: under a name of its own, to which no Service needs to belong."""
    name = export.name[: MAX_NAME - len(f"-{export.port}")].rstrip("-")
    return f"Export this port under a name of its own{where}, such as name: {name}-{export.port} with host: {host}"


def _host_of(export: Service | Export, domain: str) -> str:
    return export.host or cluster_host(export.namespace, export.name, domain)


def _check_importers(service: Service, report: Report) -> None:
    """Report importing clusters that have the Service already, or no other cluster to import it from."""
    name = f"{service.namespace}/{service.name}"
    where = f"{service.origin.where}.imported_by"
    has_service = (
        not service.host and not service.per_pod and name == f"{service.import_namespace}/{service.import_name}"
    )
    for cluster in service.imported_by:
        merges = cluster in service.merged_in
        if has_service and cluster in service.exported_by and not merges:
            what = f"names {cluster}, which exports {name}: its Service exists already and conflicts with an import"
            fix = f"Set merge: true (or merge: [{cluster}], if others have no such Service), or remove {cluster}"
            report.add(where, what, cluster, fix)
        elif (
            set(service.exported_by) == {cluster}
            and (not merges or len(service.imported_by) == 1)
            and not (service.is_own_source(cluster) and not service.per_pod)
        ):
            report.add(where, f"names {cluster}, and no other cluster exports {name}", cluster, "Remove it")


def _check_clashes(host: str, own: ClusterResources, domain: str, report: Report) -> None:
    """Report resources with the same name in one cluster."""
    exports = _firsts(own.exports, "exports", host, domain, report)
    _firsts(own.policies, "creates the policy", host, domain, report)
    _firsts(own.imports, "creates the Service", host, domain, report)
    for each in own.imports:
        export = exports.get((each.namespace, each.name))
        # An export with a host needs no Service of its name; _check_importers reports those of one service.
        if export and not export.host and not each.merge and export.origin is not each.origin:
            name = f"{each.namespace}/{each.name}"
            what = f"creates the Service {name} in {host}, which exists already: {export.origin.where} exports it"
            fix = "Set merge: true, or choose another name, or set relay: true there to export this import again"
            report.add(each.origin.where, what, None, fix, each.origin.host)


def _check_domain(peer: Peer, imports: Iterable[Import], report: Report) -> None:
    """Report imports that nothing can look up, because ClusterLink writes them as aliases below C(cluster.local).

    It writes none for an import in the gateway's own namespace, merged ones have endpoints of their own (v0.4.1,
    pkg/controlplane/control/manager.go, addImport), and a relay's data plane needs none.
    """
    if peer.cluster_domain == CLUSTER_DOMAIN:
        return
    for each in imports:
        if not (each.merge or each.target_port or each.namespace == peer.namespace):
            what = (
                f"is imported by {peer.name}, whose clusterlink_cluster_domain is {peer.cluster_domain}, and"
                f" ClusterLink makes the import an alias of a name below {CLUSTER_DOMAIN}"
            )
            fix = f"Import it into namespace {peer.namespace} (import_as), or with merge: true into its own Service"
            report.add(each.origin.where, what, None, fix, each.origin.host)


def _firsts(
    named: Sequence[_Named], does: str, host: str, domain: str, report: Report
) -> dict[tuple[str, str], _Named]:
    """The first resource of each name; reports all others."""
    firsts: dict[tuple[str, str], _Named] = {}
    for each in named:
        first = firsts.setdefault((each.namespace, each.name), each)
        if first is not each and each.name:
            name = f"{each.namespace}/{each.name}" if each.namespace else each.name
            what = f"{does} {name} in {host}, as {first.origin.where} does"
            fix = "Remove one of the two, or give it another name (import_as, for a service's imports)"
            if isinstance(each, Export):
                fix = "Remove one of the two, or give it another name"
                if isinstance(first, Export) and each.port != first.port:
                    fix = _another_port(each, _host_of(each, domain))
            report.add(each.origin.where, what, None, fix, each.origin.host)
    return firsts


def _check_sources(declaration: Declaration, resources: Mapping[str, ClusterResources], report: Report) -> None:
    """Report sources that do not exist, or whose address the importing cluster does not know."""
    exported = {host: {(each.namespace, each.name) for each in own.exports} for host, own in resources.items()}
    for host, peer in declaration.peers.items():
        for where, source in _sources(peer):
            name = f"{source.namespace}/{source.name}"
            if source.namespace in declaration.unknown(source.peer):
                continue
            if source.peer in exported and (source.namespace, source.name) not in exported[source.peer]:
                names = [f"{namespace}/{export}" for namespace, export in exported[source.peer]]
                fix = did_you_mean(name, names) or f"Add it to clusterlink_exports of {source.peer}"
                report.add(where, f"is not exported by {source.peer}", name, fix, peer.host)
            elif source.peer and source.peer not in exported and source.peer not in peer.entries:
                what = f"is a peer outside the inventory, and {host} does not have its address"
                report.add(f"{where}.peer", what, source.peer, "Add it to clusterlink_peers of the host", peer.host)


def _sources(peer: Peer) -> Iterator[tuple[str, Source]]:
    """The sources of a cluster's own imports, each with its variable path."""
    for each in peer.imports:
        for index, source in enumerate(each.sources):
            yield f"{each.origin.where}.sources[{index}]", source


def _check_links(declaration: Declaration, report: Report) -> None:
    """Report declared links that are not possible, and names of two links."""
    declared = {(link.source, link.target) for link in declaration.links}
    pairs: dict[str, frozenset[str]] = {}
    names: dict[frozenset[str], str] = {}
    for link in declaration.links:
        where = link.origin.where
        backwards = can_reach(declaration, link.target, link.source)
        if not can_reach(declaration, link.source, link.target) and not (
            backwards and (link.target, link.source) in declared
        ):
            what = f"has no ingress, so {link.source} cannot reach it"
            fix = "Make it the source, or give it an ingress (clusterlink_ingress_type or clusterlink_gateway_host)"
            if not backwards:
                what = f"has no ingress, and neither has {link.source}, so neither can reach the other"
                fix = "Give one of them an ingress (clusterlink_ingress_type or clusterlink_gateway_host)"
            report.add(f"{where}.target", what, link.target, fix)
        pair = frozenset((link.source, link.target))
        if link.name and pairs.setdefault(link.name, pair) != pair:
            report.add(f"{where}.name", "is also the name of another link", link.name, "Rename one of them")
        if link.name and names.setdefault(pair, link.name) != link.name:
            what = f"is a second name for the link {names[pair]}"
            report.add(f"{where}.name", what, link.name, "Remove one of the two")


def _check_need(declaration: Declaration, need: Need, report: Report) -> None:
    """Report an import without a possible or, in mode C(explicit), a declared link."""
    target = declaration.peers.get(need.target)
    if target is None:
        return
    origin = need.origin
    if not can_reach(declaration, need.source, need.target):
        where = f"{origin.where}.sources" if origin.host else f"{origin.where}.exported_by"
        what = f"names {need.target}, which has no ingress, so no cluster can import from it"
        fix = f"Give {need.target} an ingress (clusterlink_ingress_type or clusterlink_gateway_host), or leave it out"
        report.add(where, what, need.target, fix, origin.host)
    elif need.source == need.target:
        return
    elif declaration.link_mode == EXPLICIT and not is_linked(declaration, need.source, need.target):
        what = f"is imported by {need.source} from {need.target}, and no link between them is declared"
        fix = f"Add {{source: {need.source}, target: {need.target}}} to clusterlink_links, or set clusterlink_link_mode"
        report.add(origin.where, what, None, f"{fix} to on_demand", origin.host)
