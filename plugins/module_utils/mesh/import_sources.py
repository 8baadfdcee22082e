# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Imports draw on a peer, and how they cease to.

A gateway that chooses a source whose Peer is missing fails the connection and tries no other source (ClusterLink
v0.4.1, authz/manager.go, authorizeEgress), so sources go before their Peer does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..clusterlink.ownership import not_ours
from ..common.kinds import Ref
from ..errors import raise_all
from ..kube.apply import ApplyResult, apply_objects, delete_objects
from ..kube.client import Cluster, Object
from ..kube.compare import applied


def imports_from(cluster: Cluster, peer: str) -> list[Object]:
    """The cluster's Imports that have the peer as a source.

    Raises:
        ApiError: They may not be listed.
    """
    return [each for each in cluster.list("Import") if any(source["peer"] == peer for source in _sources(each))]


def take_out(cluster: Cluster, imports: Sequence[Object], peer: str, *, check: bool) -> ApplyResult:
    """Take a peer out of Imports' sources; one that has no other source is removed.

    Args:
        cluster: Where.
        imports: Of C(imports_from).
        peer: The peer's name.
        check: Only say what would be done.

    Raises:
        ClusterlinkError: One of them is not ours, or cannot be changed; nothing was written.
        PartlyDoneError: Something failed while writing.
    """
    fix = "Take the source out of it by what made it"
    raise_all(replace(problem, fix=fix) for each in imports if (problem := not_ours(each)))
    kept, useless = [], []
    for each in imports:
        left = [source for source in _sources(each) if source["peer"] != peer]
        wanted = applied(each)
        if left:
            kept.append({**wanted, "spec": {**wanted.get("spec", {}), "sources": left}})
        else:
            useless.append(Ref.of(each))
    result = apply_objects(cluster, kept, check=check)
    result.add(delete_objects(cluster, useless, check=check))
    return result


def _sources(imported: Object) -> list[dict[str, str]]:
    return imported["spec"].get("sources") or []
