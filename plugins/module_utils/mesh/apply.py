# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apply one cluster's part of a fabric's plan: its Peers, Exports, Imports and policies."""

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
from ..common.types import Address, Object
from ..errors import Problem, raise_all
from ..fabric.objects import in_order, peer_object, stage
from ..kube.apply import ApplyResult, Prune, apply_objects
from ..kube.client import Cluster
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
    gateways: Mapping[str, tuple[Address, ...]] | None = None,
    gateway_namespace: str = "",
) -> ApplyResult:
    """Apply these objects of the fabric, and remove others with its ownership labels.

    They are written stage by stage and removed in the reverse order: connections fail when an Import source has no Peer
    (ClusterLink v0.4.1), so Imports are updated before Peers are removed; and what a policy denies is never possible
    before it is there, or after it is gone.

    Args:
        cluster: The cluster.
        fabric: The fabric's name.
        objects: The desired objects, of C(PLAN_KINDS); the ownership labels are added.
        check: Only report what would be done.
        force: Take over fields of other managers and objects of other fabrics.
        keep: Objects of the fabric that stay although they are not desired.
        keep_namespaces: Namespaces in which all objects stay.
        gateways: The fabric's clusters with their gateway addresses, none for unknown ones. Peers of links to them
            that were added by name stay, and are updated when the address is known.
        gateway_namespace: The namespace that the gateway's step creates; check mode assumes that it exists.

    Raises:
        ClusterlinkError: With all problems; nothing is written.
        PartlyDoneError: A write failed.
    """
    raise_all(problem for index, obj in enumerate(objects) for problem in _malformed(f"objects[{index}]", obj))
    labels = ownership_labels(fabric)
    known = gateways or {}
    wanted = sorted((_labelled(obj, labels) for obj in objects), key=stage)
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
            spare=lambda obj: _is_added_link(obj, labels, known),
        ),
        assume_namespaces=[gateway_namespace],
        guard=lambda obj: _of_another_fabric(obj, fabric),
        refuse=_foreign_service,
        complete=lambda planned, observed: _with_added_links(planned, observed, labels, known),
        stage=stage,
    )


def wait_for_mesh(
    cluster: Cluster,
    result: ApplyResult,
    timeout: float,
    *,
    with_peers: bool,
    unreachable: Collection[str] = (),
    gateways_changed: bool = False,
) -> dict[Ref, Object | None]:
    """Wait until the applied objects are ready and the removed ones are gone. Without changes, it makes no request.

    Args:
        cluster: The cluster.
        result: The result of C(apply_mesh).
        timeout: Seconds for all objects together.
        with_peers: Whether Peers must be reachable.
        unreachable: Names of Peers that need not be reachable.
        gateways_changed: Whether earlier conditions of Peers are not trusted, even of unchanged ones.

    Returns:
        The last state of each object.

    Raises:
        NotReadyError: The time is over.
        ApiError: The API server refuses to show them.
    """
    deadline = time.monotonic() + timeout
    refs = [
        ref
        for ref in result.objects
        if READY_CONDITIONS[ref.kind] and (ref.kind != "Peer" or (with_peers and ref.name not in unreachable))
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


def not_waited_for(result: ApplyResult, unreachable: Collection[str]) -> dict[Ref, str]:
    """The applied Peers that need not be reachable and are not, each with the reason.

    Args:
        result: The result of C(apply_mesh).
        unreachable: Names of Peers, as for C(wait_for_mesh).
    """
    peers = {ref: obj for ref, obj in result.objects.items() if ref.kind == "Peer" and ref.name in unreachable}
    return {ref: f"not waited for: {reason}" for ref, obj in peers.items() if (reason := unready(obj))}


def _malformed(where: str, obj: Mapping[str, Any]) -> list[Problem]:
    kind, metadata = obj.get("kind"), obj.get("metadata")
    if kind not in PLAN_KINDS or obj.get("apiVersion") != KINDS[kind].api_version:
        found = f"{obj.get('apiVersion')} {kind}"
        return [Problem(where, f"it is neither a Service nor one of {', '.join(MESH_KINDS)} of {API_VERSION}", found)]
    if not isinstance(metadata, Mapping) or not metadata.get("name"):
        return [Problem(f"{where}.metadata.name", "it is missing")]
    if KINDS[kind].namespaced and not metadata.get("namespace"):
        return [Problem(f"{where}.metadata.namespace", f"it is missing, and {kind} is namespaced")]
    return []


def _labelled(obj: Mapping[str, Any], labels: Mapping[str, str]) -> Object:
    metadata = obj["metadata"]
    mark = {BACKING_LABEL: "true"} if obj["kind"] == "Service" else {}
    return {**obj, "metadata": {**metadata, "labels": {**(metadata.get("labels") or {}), **mark, **labels}}}


def _foreign_service(obj: Object) -> Problem | None:
    """The problem of an existing Service that this collection did not create; force does not replace it."""
    if obj["kind"] == "Service" and BACKING_LABEL not in (obj["metadata"].get("labels") or {}):
        return Problem(
            where=str(Ref.of(obj)),
            what="it exists already, and the collection did not create it for an export",
            fix="Rename or remove it. To export a pod that has its own Service, declare that Service",
        )
    return None


def _is_added_link(obj: Object, ownership: Mapping[str, str], clusters: Collection[str]) -> bool:
    """Whether it is our Peer of a link to one of these clusters that was added by name."""
    labels = obj["metadata"].get("labels") or {}
    there = obj["metadata"]["name"] in clusters and not obj["metadata"].get("deletionTimestamp")
    return obj["kind"] == "Peer" and there and LINK_LABEL in labels and ownership.items() <= labels.items()


def _with_added_links(
    planned: Mapping[Ref, Object],
    observed: Mapping[Ref, Object],
    ownership: Mapping[str, str],
    gateways: Mapping[str, tuple[Address, ...]],
) -> Mapping[Ref, Object]:
    """The planned objects, and the Peers of links that were added by name, with their labels."""
    added: dict[Ref, Object] = {}
    for ref, obj in observed.items():
        if not _is_added_link(obj, ownership, gateways):
            continue
        own = {key: value for key, value in obj["metadata"]["labels"].items() if key in (LINK_LABEL, LINK_SOURCE_LABEL)}
        ways = gateways[ref.name]
        if ref in planned:
            added[ref] = _labelled(planned[ref], own)
        elif ways:
            added[ref] = peer_object(ref.name, ref.namespace, ways, {**ownership, **own})
    return {Ref.of(obj): obj for obj in in_order({**planned, **added}.values())} if added else planned


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
