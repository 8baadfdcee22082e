# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only the whole fabric shows: things that clash, things that are missing, things that cannot work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from ..common.fields import Report
from ..common.naming import did_you_mean
from .cluster_resources import ClusterResources, resources_by_cluster
from .expansion import expand
from .model import EXPLICIT, Declaration, Peer
from .policy_checks import check_policies
from .resources import AccessPolicy, Export, Import, Source
from .services import Service
from .shared_checks import check_shared
from .topology import Need, can_reach, is_linked, needs

# Problems that may hide an export, which would then seem to be missing elsewhere.
_HIDES_EXPORTS = r"clusterlink_(services|exports)(\[\d+\](\.(name|namespace|exported_by).*)?)?"

_Named = TypeVar("_Named", Export, Import, AccessPolicy)


def check(declaration: Declaration, report: Report) -> None:
    """Note every problem between the parts of a declaration, each of which was read by itself."""
    _check_api_servers(declaration.peers.values(), report)
    declaration = replace(declaration, services=_once(declaration.services, report))
    for service in declaration.services:
        _check_importers(service, report)
    check_shared(declaration, report)
    declaration = expand(declaration)
    held = resources_by_cluster(declaration)
    for host, holding in held.items():
        _check_clashes(host, holding, report)
    if not report.mentions(_HIDES_EXPORTS):
        _check_sources(declaration, held, report)
        check_policies(declaration, held, report)
    _check_links(declaration, report)
    for need in needs(held):
        _check_need(declaration, need, report)


def _check_api_servers(peers: Iterable[Peer], report: Report) -> None:
    """Note two hosts that are one cluster: they would undo each other's work in every run."""
    firsts: list[Peer] = []
    for peer in peers:
        first = next((each for each in firsts if each.api_server == peer.api_server), None)
        if first is None or not peer.api_server:
            firsts.append(peer)
            continue
        variable, found = peer.api_server.variable()
        report.add(variable, f"is the cluster of {first.name} too", found, "Give each host its own cluster", peer.name)


def _once(services: Sequence[Service], report: Report) -> tuple[Service, ...]:
    """The services without those whose name was taken before."""
    firsts: dict[tuple[str, str], Service] = {}
    for service in services:
        first = firsts.setdefault((service.namespace, service.name), service)
        if first is not service:
            what = f"is the name of {first.origin.where} too"
            fix = "Make one entry of the two, or give one another name"
            report.add(f"{service.origin.where}.name", what, f"{service.namespace}/{service.name}", fix)
    return tuple(firsts.values())


def _check_importers(service: Service, report: Report) -> None:
    """Note importing clusters that have the Service already, or no other cluster to import it from."""
    name = f"{service.namespace}/{service.name}"
    where = f"{service.origin.where}.imported_by"
    has_service = (
        not service.host and not service.per_pod and name == f"{service.import_namespace}/{service.import_name}"
    )
    for cluster in service.imported_by:
        merges = cluster in service.merged_in
        if has_service and cluster in service.exported_by and not merges:
            what = f"names {cluster}, which exports {name}: the Service is there already, and an import would clash"
            fix = f"Set merge: true (or merge: [{cluster}], where others have no such Service), or take {cluster} out"
            report.add(where, what, cluster, fix)
        elif set(service.exported_by) == {cluster} and (not merges or len(service.imported_by) == 1):
            report.add(where, f"names {cluster}, and no other cluster exports {name}", cluster, "Take it out")


def _check_clashes(host: str, holding: ClusterResources, report: Report) -> None:
    """Note two things of one name in one cluster."""
    exports = _firsts(holding.exports, "exports", host, report)
    _firsts(holding.policies, "makes the policy", host, report)
    _firsts(holding.imports, "wants the Service", host, report)
    for each in holding.imports:
        export = exports.get((each.namespace, each.name))
        # An export with a host of its own needs no Service of its name; of one service it was said before.
        if export and not export.host and not each.merge and export.origin is not each.origin:
            name = f"{each.namespace}/{each.name}"
            what = f"wants the Service {name} in {host}, which is there already: {export.origin.where} exports it"
            report.add(each.origin.where, what, None, "Set merge: true, or choose another name", each.origin.host)


def _firsts(named: Sequence[_Named], does: str, host: str, report: Report) -> dict[tuple[str, str], _Named]:
    """What is there by name, noting all that come second."""
    firsts: dict[tuple[str, str], _Named] = {}
    for each in named:
        first = firsts.setdefault((each.namespace, each.name), each)
        if first is not each and each.name:
            name = f"{each.namespace}/{each.name}" if each.namespace else each.name
            what = f"{does} {name} in {host}, as {first.origin.where} does"
            fix = "Take one of the two out, or give it another name (import_as, for a service's imports)"
            report.add(each.origin.where, what, None, fix, each.origin.host)
    return firsts


def _check_sources(declaration: Declaration, held: Mapping[str, ClusterResources], report: Report) -> None:
    """Note sources that export nothing, or whose address the importing cluster cannot know."""
    exported = {host: {(each.namespace, each.name) for each in holding.exports} for host, holding in held.items()}
    for host, peer in declaration.peers.items():
        for where, source in _sources(peer):
            name = f"{source.namespace}/{source.name}"
            if source.namespace in declaration.unknown(source.peer):
                continue
            if source.peer in exported and (source.namespace, source.name) not in exported[source.peer]:
                names = [f"{namespace}/{export}" for namespace, export in exported[source.peer]]
                fix = did_you_mean(name, names) or f"Add it to clusterlink_exports of {source.peer}"
                report.add(where, f"is not exported by {source.peer}", name, fix, host)
            elif source.peer and source.peer not in exported and source.peer not in peer.entries:
                what = f"is a peer outside the inventory, and {host} has no address of it"
                report.add(f"{where}.peer", what, source.peer, "Add it to clusterlink_peers of the host", host)


def _sources(peer: Peer) -> Iterator[tuple[str, Source]]:
    """The sources of a cluster's own imports, each with its variable path."""
    for each in peer.imports:
        for index, source in enumerate(each.sources):
            yield f"{each.origin.where}.sources[{index}]", source


def _check_links(declaration: Declaration, report: Report) -> None:
    """Note declared links that cannot be, and names that stand for two."""
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
            report.add(f"{where}.name", "is the name of another link too", link.name, "Give one another name")
        if link.name and names.setdefault(pair, link.name) != link.name:
            what = f"is a second name for the link that is {names[pair]} already"
            report.add(f"{where}.name", what, link.name, "Keep one of the two")


def _check_need(declaration: Declaration, need: Need, report: Report) -> None:
    """Note an import that no link can serve, or that none of the declared links does."""
    target = declaration.peers.get(need.target)
    if target is None:
        return
    origin = need.origin
    if not can_reach(declaration, need.source, need.target):
        where = f"{origin.where}.sources" if origin.host else f"{origin.where}.exported_by"
        what = f"names {need.target}, which has no ingress, so no cluster can import from it"
        fix = f"Give {need.target} an ingress (clusterlink_ingress_type or clusterlink_gateway_host), or leave it out"
        report.add(where, what, need.target, fix, origin.host)
    elif declaration.link_mode == EXPLICIT and not is_linked(declaration, need.source, need.target):
        what = f"is imported to {need.source} from {need.target}, and no link between them is declared"
        fix = f"Add {{source: {need.source}, target: {need.target}}} to clusterlink_links, or set clusterlink_link_mode"
        report.add(origin.where, what, None, f"{fix} to on_demand", origin.host)
