# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Defer the Import sources of pending Peers, whose gateway address is not known yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..common.kinds import Ref
from ..common.types import Object
from ..fabric.objects import without_sources
from ..kube.client import Cluster


def defer_unreachable_sources(
    cluster: Cluster, objects: Sequence[Object], pending: Mapping[Ref, str]
) -> tuple[list[Object], dict[Ref, str]]:
    """Leave out sources whose Peer is pending and does not exist, and Imports without other sources.

    Args:
        cluster: The cluster of the Peers; only pending ones are read.
        objects: The desired objects.
        pending: The objects that are neither written nor removed, with the reason.

    Returns:
        The objects to apply, and the pending ones including the incomplete Imports.

    Raises:
        ClusterlinkError: The API server refuses to show a Peer.
    """
    missing = {
        ref.name for ref in pending if ref.kind == "Peer" and cluster.get(ref.kind, ref.name, ref.namespace) is None
    }
    waiting = {Ref.of(obj): peers for obj in objects if missing and (peers := _sources(obj) & missing)}
    reasons = {ref: f"waits for the gateway of {', '.join(sorted(peers))}" for ref, peers in waiting.items()}
    return without_sources(objects, missing) if waiting else list(objects), {**pending, **reasons}


def _sources(obj: Object) -> set[str]:
    return {source.get("peer") for source in (obj.get("spec") or {}).get("sources") or []}
