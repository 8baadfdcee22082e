# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to wait because a peer's gateway has no known address yet: its Peer, and the sources that name it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..common.kinds import Ref
from ..fabric.objects import without_sources
from ..kube.client import Cluster, Object


def defer_unreachable_sources(
    cluster: Cluster, objects: Sequence[Object], pending: Mapping[Ref, str]
) -> tuple[list[Object], dict[Ref, str]]:
    """Leave out sources whose Peer is pending and not in the cluster from earlier, and Imports left without any.

    Args:
        cluster: Where the Peers would be; asked only about those that are pending.
        objects: The objects wanted.
        pending: What is neither written nor removed, with the reason.

    Returns:
        The objects to apply, and what is pending, with the Imports that are not whole.

    Raises:
        ClusterlinkError: The API server does not let us look.
    """
    missing = {
        ref.name for ref in pending if ref.kind == "Peer" and cluster.get(ref.kind, ref.name, ref.namespace) is None
    }
    waiting = {Ref.of(obj): peers for obj in objects if missing and (peers := _sources(obj) & missing)}
    reasons = {ref: f"waits for the gateway of {', '.join(sorted(peers))}" for ref, peers in waiting.items()}
    return without_sources(objects, missing) if waiting else list(objects), {**pending, **reasons}


def _sources(obj: Object) -> set[str]:
    return {source.get("peer") for source in (obj.get("spec") or {}).get("sources") or []}
