# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run would take from a fabric that works: sources of imports, and peers. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ..clusterlink.api import LINK_LABEL
from ..errors import Problem
from ..fabric.cluster_resources import ClusterResources, resources_by_cluster
from ..fabric.model import Declaration
from .identity import Clusters

_FIX = "Correct the inventory, or allow it with -e clusterlink_allow_removals=true"


def removals(declaration: Declaration, clusters: Clusters, evicted: Collection[str] = ()) -> list[Problem]:
    """What clusters hold of the fabric and would lose to the declaration, although others use it.

    Removing an import while its exports stay is no loss. Nor is anything of a fabric's namespaces that could not be
    read.

    Args:
        declaration: The whole fabric's.
        clusters: What was found; hosts whose clusters do not respond are not among them.
        evicted: The names of peers that are removed for good, whatever clusters have of them.
    """
    declared = resources_by_cluster(declaration)
    lost = lost_peers(declaration, clusters, evicted)
    clusters = _by_peer(declaration, clusters)
    found = [*_lost_imports(declaration, declared, clusters), *lost]
    exported = sum(len(_ours(declaration, cluster["exports"])) for cluster in clusters.values())
    if exported and not any(each.exports for each in declared.values()) and not declaration.lookups:
        what = f"declare nothing, and the clusters hold {exported} exports of fabric {declaration.fabric}"
        found.append(Problem("clusterlink_services and clusterlink_exports", what, fix=_FIX))
    return found


def _lost_imports(
    declaration: Declaration, declared: Mapping[str, ClusterResources], clusters: Clusters
) -> Iterator[Problem]:
    exports = {host: {(each.namespace, each.name) for each in own.exports} for host, own in declared.items()}
    unknown = {host: set(declaration.unknown(host)) for host in declaration.peers}
    for name, cluster in clusters.items():
        wanted = {(each.namespace, each.name): each for each in declared[name].imports}
        for each in _ours(declaration, cluster["imports"]):
            before = [(source["peer"], source["export_namespace"], source["export_name"]) for source in each["sources"]]
            if not before or any(namespace in unknown.get(peer, ()) for peer, namespace, _name in before):
                continue
            now = wanted.get((each["namespace"], each["name"]))
            if now is None:
                stay = any(
                    peer not in exports or (namespace, export) in exports[peer]
                    for peer, namespace, export in before
                    if peer in exports or peer in declaration.peers[name].entries
                )
            else:
                stay = bool(now.sources)
            if not stay:
                peers = ", ".join(sorted({peer for peer, _namespace, _name in before}))
                what = f"would lose its last source: {peers}"
                host = declaration.peers[name].host
                yield Problem(f"Import {each['namespace']}/{each['name']}", what, fix=_FIX, host=host)


def lost_peers(declaration: Declaration, clusters: Clusters, evicted: Collection[str] = ()) -> list[Problem]:
    """The peers that no host of the inventory is, and that clusters have links to. Arguments are those of removals."""
    holders: dict[str, list[str]] = {}
    for host, cluster in _by_peer(declaration, clusters).items():
        known = {*declaration.peers, *declaration.peers[host].entries, *evicted}
        for peer in _ours(declaration, cluster["peers"]):
            if peer["name"] not in known and LINK_LABEL not in peer["labels"]:
                holders.setdefault(peer["name"], []).append(host)
    what = "has left the inventory, and clusters still have a link to it"
    return [Problem(f"Peer {name}", f"{what}: {', '.join(hosts)}", fix=_FIX) for name, hosts in holders.items()]


def _by_peer(declaration: Declaration, clusters: Clusters) -> Clusters:
    return {name: clusters[host] for name, host in declaration.hosts.items() if host in clusters}


def _ours(declaration: Declaration, views: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in views if each["fabric"] == declaration.fabric]
