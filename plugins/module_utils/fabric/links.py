# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The links of C(clusterlink_links)."""

from __future__ import annotations

from dataclasses import dataclass

from ..common.fields import Item
from .groups import Clusters
from .resources import Origin


@dataclass(frozen=True)
class DeclaredLink:
    """One pair of clusters of an entry of C(clusterlink_links)."""

    name: str
    source: str
    target: str
    origin: Origin


def read_links(item: Item, clusters: Clusters) -> list[DeclaredLink]:
    """Read an entry of C(clusterlink_links): every source with every other target."""
    name = item.name()
    sources = clusters.many(item, "source")
    targets = clusters.many(item, "target")
    for key in ("source", "target"):
        if not item.get(key):
            item.problem(key, "names no cluster", item.get(key), "Name a host or a group")
    item.finish()
    pairs = [(source, target) for source in sources for target in targets if source != target]
    if sources and targets and not pairs:
        item.problem("", "links a cluster to itself", sources[0], "Name two clusters")
    if name and len({frozenset(pair) for pair in pairs}) > 1:
        what = f"is one name for {len(pairs)} links"
        item.problem("name", what, name, "Leave it out, or declare each link separately")
        name = ""
    origin = Origin(item.where, "", f"link {name}" if name else "declared link")
    return [DeclaredLink(name, source, target, origin) for source, target in pairs]
