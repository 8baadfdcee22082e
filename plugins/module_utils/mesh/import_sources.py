# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the Imports with a peer as a source, and remove that source.

A gateway that chooses a source without a Peer fails the connection and tries no other source (ClusterLink v0.4.1,
authz/manager.go, authorizeEgress), so sources are removed before their Peer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..clusterlink.ownership import not_ours
from ..common.kinds import Ref
from ..common.types import Object
from ..errors import raise_all
from ..kube.apply import ApplyResult, apply_objects, delete_objects
from ..kube.client import Cluster
from ..kube.compare import applied


def imports_from(cluster: Cluster, peer: str) -> list[Object]:
    """The cluster's Imports that have the peer as a source.

    Raises:
        ApiError: The API server refuses to list them.
    """
    return [each for each in cluster.list("Import") if any(source["peer"] == peer for source in _sources(each))]


def remove_source(cluster: Cluster, imports: Sequence[Object], peer: str, *, check: bool) -> ApplyResult:
    """Remove a peer from Imports' sources; an Import without another source is deleted.

    Args:
        cluster: The cluster.
        imports: The result of C(imports_from).
        peer: The peer's name.
        check: Only report what would be done.

    Raises:
        ClusterlinkError: Another system manages one of them, or it cannot be changed; nothing is written.
        PartlyDoneError: A write failed.
    """
    fix = "Remove the source with the system that manages the Import"
    raise_all(replace(problem, fix=fix) for each in imports if (problem := not_ours(each)))
    kept, useless = [], []
    for each in imports:
        left = [source for source in _sources(each) if source["peer"] != peer]
        wanted = applied(each)
        if left:
            kept.append({**wanted, "spec": {**wanted.get("spec", {}), "sources": left}})
        else:
            useless.append(each)
    result = apply_objects(cluster, kept, check=check)
    result.add(delete_objects(cluster, [Ref.of(each) for each in useless], check=check, known=useless))
    return result


def _sources(imported: Object) -> list[dict[str, str]]:
    return imported["spec"].get("sources") or []
