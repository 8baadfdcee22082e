# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let a cluster's gateway decide by the labels that its peers have now.

A gateway takes a peer's labels from the heartbeat with which the peer becomes reachable, and keeps them while it is
(v0.4.1, pkg/controlplane/control/peer.go). It follows the status of its Peer, so the labels are written there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from ..common.kinds import Ref
from ..common.types import Object
from ..kube.apply import ApplyResult
from ..kube.client import Cluster


def refresh_peer_labels(
    cluster: Cluster,
    result: ApplyResult,
    states: Mapping[Ref, Object | None],
    labels: Mapping[str, Mapping[str, str]],
    *,
    away: Collection[str] = (),
    check: bool,
) -> None:
    """Write the labels of reachable Peers that differ, and add them to the result.

    Args:
        cluster: The cluster.
        result: What was applied; its Peers are the ones that are looked at.
        states: Their last state, where it is later than the result's.
        labels: By peer, its declared labels. A Peer that is not named here is left alone.
        away: Names of Peers whose gateways may not have their declared labels yet.
        check: Only report what would be written.

    Raises:
        ApiError: The API server refuses a change.
    """
    for ref, obj in result.objects.items():
        if ref.kind != "Peer" or ref.name not in labels or ref.name in away:
            continue
        status = (states.get(ref) or obj).get("status") or {}
        there, wanted = status.get("labels") or {}, labels[ref.name]
        # A Peer without conditions has had no heartbeat yet, which brings the labels.
        if not status.get("conditions") or there == wanted:
            continue
        if not check:
            merged = dict(_changes(there, wanted))
            result.objects[ref] = cluster.patch_status(ref.kind, ref.name, ref.namespace, {"labels": merged})
        if ref in result.unchanged:
            result.unchanged.remove(ref)
            result.updated.append(ref)
        sides = {name: {"status": {"labels": dict(value)}} for name, value in (("before", there), ("after", wanted))}
        result.diff.append({**sides, "before_header": str(ref), "after_header": str(ref)})


def _changes(there: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    """The entries of a merge patch, which removes what is None."""
    yield from wanted.items()
    yield from ((key, None) for key in there if key not in wanted)
