# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The impact of a removal: the imports that would lose some or all of their sources."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .cluster_resources import resources_by_cluster
from .model import Declaration
from .resources import Source

Pair = frozenset[str]
"""The two clusters of a link, in either direction."""


@dataclass(frozen=True, order=True)
class ImportUse:
    """One import of one cluster, its sources, and whether the cluster exports it again under the same name."""

    cluster: str
    namespace: str
    name: str
    sources: tuple[Source, ...]
    relayed: bool = False


@dataclass(frozen=True, order=True)
class LostSources:
    """An import that would lose sources.

    Attributes:
        cluster: The importing cluster; empty where it is clear from the context.
        namespace: The import's namespace.
        name: The import's name.
        lost: The peers that it would no longer import from.
        left: The peers that it would still import from.
    """

    cluster: str
    namespace: str
    name: str
    lost: tuple[str, ...]
    left: tuple[str, ...]

    def __str__(self) -> str:
        subject = f"Import {self.namespace}/{self.name}" + (f" of {self.cluster}" if self.cluster else "")
        lost = ", ".join(self.lost)
        if self.left:
            return f"{subject} loses the source {lost} and keeps {', '.join(self.left)}"
        return f"{subject} loses all its sources: {lost}"

    def as_dict(self) -> dict[str, Any]:
        """The loss as plain data."""
        return {**asdict(self), "lost": list(self.lost), "left": list(self.left)}


def declared_uses(declaration: Declaration) -> list[ImportUse]:
    """The declaration's imports with their sources."""
    return sorted(
        ImportUse(host, each.namespace, each.name, each.sources, bool(each.target_port))
        for host, own in resources_by_cluster(declaration).items()
        for each in own.imports
    )


def observed_uses(infos: Mapping[str, Mapping[str, Any]]) -> list[ImportUse]:
    """The clusters' present imports with their sources, from the results of fabric_info."""
    return sorted(
        ImportUse(
            host,
            each["namespace"],
            each["name"],
            tuple(Source(source["peer"], source["export_name"], source["export_namespace"]) for source in sources),
            # An export without a host is of the cluster's own Service, into which an import may be merged.
            any(
                (each["namespace"], each["name"]) == (export["namespace"], export["name"]) and export.get("host")
                for export in info.get("exports") or []
            ),
        )
        for host, info in infos.items()
        for each in info.get("imports") or []
        for sources in [each["sources"]]
    )


def losses(
    uses: Iterable[ImportUse],
    *,
    peers: Collection[str] = (),
    services: Collection[tuple[str, str]] = (),
    links: Collection[Pair] = (),
) -> list[LostSources]:
    """The imports that would lose sources, in the order of C(uses); an export goes with the import that it relays.

    Args:
        uses: The imports, from C(declared_uses) or C(observed_uses).
        peers: Clusters to remove; their own imports do not count.
        services: Exports to remove from every cluster, each by namespace and name.
        links: Links to remove.
    """
    uses = list(uses)
    relays = {Source(use.cluster, use.name, use.namespace) for use in uses if use.relayed}
    gone: frozenset[Source] = frozenset()
    while True:
        found = _losses(uses, peers, services, links, gone)
        dead = {Source(each.cluster, each.name, each.namespace) for each in found if not each.left}
        if dead & relays <= gone:
            return found
        gone |= dead & relays


def _losses(
    uses: Sequence[ImportUse],
    peers: Collection[str],
    services: Collection[tuple[str, str]],
    links: Collection[Pair],
    gone: frozenset[Source],
) -> list[LostSources]:
    found = []
    for use in uses:
        # An import may have two sources of one peer; the peer is lost with the last of them.
        left = _peers(
            each for each in use.sources if each not in gone and not _goes(each, use.cluster, peers, services, links)
        )
        lost = tuple(peer for peer in _peers(use.sources) if peer not in left)
        if lost and use.cluster not in peers:
            found.append(LostSources(use.cluster, use.namespace, use.name, lost, left))
    return found


def _goes(
    source: Source,
    cluster: str,
    peers: Collection[str],
    services: Collection[tuple[str, str]],
    links: Collection[Pair],
) -> bool:
    service = (source.namespace, source.name)
    return source.peer in peers or service in services or frozenset((cluster, source.peer)) in links


def _peers(sources: Iterable[Source]) -> tuple[str, ...]:
    return tuple(sorted({source.peer for source in sources}))


def lost_by_changes(changes: Sequence[Mapping[str, Any]]) -> list[LostSources]:
    """The imports of one cluster that lose sources through changes.

    Args:
        changes: Ansible's diff, one entry for each object: before, after, and the object's name as its header.
    """
    found = []
    for change in changes:
        kind, _space, name = change["before_header"].partition(" ")
        before, after = _sources_of(change["before"]), _sources_of(change["after"])
        lost = tuple(sorted(before - after))
        if kind == "Import" and lost:
            namespace, _slash, name = name.partition("/")
            found.append(LostSources("", namespace, name, lost, tuple(sorted(after))))
    return sorted(found)


def _sources_of(side: Mapping[str, Any]) -> set[str]:
    return {source["peer"] for source in (side.get("spec") or {}).get("sources") or []}
