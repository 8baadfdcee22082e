# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One cluster's whole part of a fabric's plan: its Peers, Exports, Imports and policies, and nothing besides."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ..clusterlink.api import (
    API_VERSION,
    BACKING_LABEL,
    FABRIC_LABEL,
    LINK_LABEL,
    LINK_SOURCE_LABEL,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    MESH_KINDS,
    PLAN_KINDS,
    READY_CONDITIONS,
    ownership_labels,
)
from ..common.kinds import KINDS, Ref
from ..errors import Problem, raise_all
from ..fabric.objects import in_order, peer_object
from ..fabric.resources import Address
from ..kube.apply import ApplyResult, Prune, apply_objects
from ..kube.client import Cluster, Object
from ..kube.readiness import unready
from ..kube.wait import settle_time, wait_gone, wait_ready


def apply_mesh(
    cluster: Cluster,
    fabric: str,
    objects: Sequence[Mapping[str, Any]],
    *,
    check: bool,
    force: bool = False,
    keep: Iterable[Ref] = (),
    keep_namespaces: Collection[str] = (),
    gateways: Mapping[str, Address | None] | None = None,
    gateway_namespace: str = "",
) -> ApplyResult:
    """Make the cluster hold these objects of the fabric, and no others that carry its ownership labels.

    They are written in the order of ``PLAN_KINDS`` and removed backwards: an Import source that names a Peer which is
    gone makes connections fail (ClusterLink v0.4.1), so Imports are brought up to date before Peers go.

    Args:
        cluster: Where.
        fabric: The fabric's name.
        objects: The objects wanted, of C(PLAN_KINDS); the ownership labels are added.
        check: Only say what would be done.
        force: Take over fields of other managers and objects of other fabrics.
        keep: Objects of the fabric that stay although they are not among the wanted.
        keep_namespaces: Namespaces in which all of them stay.
        gateways: The fabric's clusters with their gateways' addresses, None where that is not known. Peers of links to
            them that were asked for by name stay, too; where the address is known they are brought up to date.
        gateway_namespace: The namespace that the gateway's step makes; taken to be there in check mode.

    Raises:
        ClusterlinkError: With all problems; nothing was written then.
        PartlyDoneError: Something failed while writing.
    """
    raise_all(problem for index, obj in enumerate(objects) for problem in _malformed(f"objects[{index}]", obj))
    labels = ownership_labels(fabric)
    known = gateways or {}
    wanted = sorted((_labelled(obj, labels) for obj in objects), key=lambda obj: PLAN_KINDS.index(obj["kind"]))
    return apply_objects(
        cluster,
        wanted,
        check=check,
        force=force,
        prune=Prune(
            PLAN_KINDS,
            labels,
            keep=frozenset(keep),
            keep_namespaces=frozenset(keep_namespaces),
            marks={"Service": BACKING_LABEL},
            spare=lambda obj: _is_asked_link(obj, labels, known),
        ),
        assume_namespaces=[gateway_namespace],
        guard=lambda obj: _of_another_fabric(obj, fabric),
        refuse=_somebodys_service,
        complete=lambda planned, observed: _with_asked_links(planned, observed, labels, known),
    )


def wait_for_mesh(
    cluster: Cluster,
    result: ApplyResult,
    timeout: float,
    *,
    with_peers: bool,
    away: Collection[str] = (),
    gateways_changed: bool = False,
) -> dict[Ref, Object | None]:
    """Wait until what was applied works and what was removed is gone; when it is so already, no request is made.

    Args:
        cluster: Where.
        result: What was done.
        timeout: Seconds for all together.
        with_peers: Whether Peers must be reachable.
        away: Names of Peers that need not be, all the same.
        gateways_changed: Whether what was said of Peers before is not believed, also of unchanged ones.

    Returns:
        The objects waited for as last seen.

    Raises:
        NotReadyError: The time is over.
        ApiError: The API server does not let us look.
    """
    deadline = time.monotonic() + timeout
    refs = [
        ref
        for ref in result.objects
        if READY_CONDITIONS[ref.kind] and (ref.kind != "Peer" or (with_peers and ref.name not in away))
    ]
    doubted = [ref for ref in result.unchanged if gateways_changed and ref.kind == "Peer"]
    changed = {ref for ref in [*result.updated, *doubted] if ref in refs}
    if changed:
        time.sleep(min(settle_time(changed), timeout))
    known = {ref: result.objects[ref] for ref in refs if ref not in changed}
    states = wait_ready(cluster, refs, deadline - time.monotonic(), known=known)
    if result.deleted:
        wait_gone(cluster, result.deleted, max(0.0, deadline - time.monotonic()))
    return states


def not_waited_for(result: ApplyResult, away: Collection[str]) -> dict[Ref, str]:
    """The Peers among what was applied that need not be reachable, and are not yet, each with the reason.

    Args:
        result: What was done.
        away: Names of Peers, as for C(wait_for_mesh).
    """
    peers = {ref: obj for ref, obj in result.objects.items() if ref.kind == "Peer" and ref.name in away}
    return {ref: f"not waited for: {reason}" for ref, obj in peers.items() if (reason := unready(obj))}


def _malformed(where: str, obj: Mapping[str, Any]) -> list[Problem]:
    kind, metadata = obj.get("kind"), obj.get("metadata")
    if kind not in PLAN_KINDS or obj.get("apiVersion") != KINDS[kind].api_version:
        found = f"{obj.get('apiVersion')} {kind}"
        return [Problem(where, f"it is no Service, and none of {', '.join(MESH_KINDS)} of {API_VERSION}", found)]
    if not isinstance(metadata, Mapping) or not metadata.get("name"):
        return [Problem(f"{where}.metadata.name", "it is missing")]
    if KINDS[kind].namespaced and not metadata.get("namespace"):
        return [Problem(f"{where}.metadata.namespace", f"it is missing, and {kind} is a namespaced kind")]
    return []


def _labelled(obj: Mapping[str, Any], labels: Mapping[str, str]) -> Object:
    metadata = obj["metadata"]
    mark = {BACKING_LABEL: "true"} if obj["kind"] == "Service" else {}
    return {**obj, "metadata": {**metadata, "labels": {**(metadata.get("labels") or {}), **mark, **labels}}}


def _somebodys_service(obj: Object) -> Problem | None:
    """Why a Service that is there must be left alone, whatever is forced: it is somebody's own."""
    if obj["kind"] == "Service" and BACKING_LABEL not in (obj["metadata"].get("labels") or {}):
        return Problem(
            where=str(Ref.of(obj)),
            what="it is there already, and was not made for an export, as one of this name has to be",
            fix="Rename or remove it; a pod that has a Service of its name is exported by that, as any other Service",
        )
    return None


def _is_asked_link(obj: Object, ownership: Mapping[str, str], clusters: Collection[str]) -> bool:
    """Whether it is our Peer of a link that was asked for by name, to one of these clusters."""
    labels = obj["metadata"].get("labels") or {}
    there = obj["metadata"]["name"] in clusters and not obj["metadata"].get("deletionTimestamp")
    return obj["kind"] == "Peer" and there and LINK_LABEL in labels and ownership.items() <= labels.items()


def _with_asked_links(
    planned: Mapping[Ref, Object],
    observed: Mapping[Ref, Object],
    ownership: Mapping[str, str],
    gateways: Mapping[str, Address | None],
) -> Mapping[Ref, Object]:
    """What is planned, and the Peers of links that were asked for by name, with what says so."""
    asked: dict[Ref, Object] = {}
    for ref, obj in observed.items():
        if not _is_asked_link(obj, ownership, gateways):
            continue
        own = {key: value for key, value in obj["metadata"]["labels"].items() if key in (LINK_LABEL, LINK_SOURCE_LABEL)}
        address = gateways[ref.name]
        if ref in planned:
            asked[ref] = _labelled(planned[ref], own)
        elif address:
            asked[ref] = peer_object(ref.name, ref.namespace, [address], {**ownership, **own})
    return {Ref.of(obj): obj for obj in in_order({**planned, **asked}.values())} if asked else planned


def _of_another_fabric(obj: Object, fabric: str) -> Problem | None:
    labels = obj["metadata"].get("labels") or {}
    other = labels.get(FABRIC_LABEL)
    if labels.get(MANAGED_BY_LABEL) != MANAGED_BY or other in (None, fabric):
        return None
    return Problem(
        where=str(Ref.of(obj)),
        what=f"it belongs to another fabric than {fabric}",
        found=other,
        fix="Remove it from that fabric first, or set force_conflicts to take it over",
    )
