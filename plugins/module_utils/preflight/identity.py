# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether each host's cluster is the one that the inventory means. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import Problem

Clusters = Mapping[str, Mapping[str, Any]]
"""By host, what C(cluster.read_cluster) returned."""


@dataclass(frozen=True)
class Expected:
    """What the inventory says of the fabric.

    Attributes:
        fabric: The fabric's name.
        peers: By host, the peer's name.
        namespaces: By host, the gateway's namespace.
        folder: The fabric's folder on the controller.
        authorities: The fingerprints of the CAs in it, those of a rotation included.
        store: Where the folder is kept, for people; empty where it exists on the controller alone.
    """

    fabric: str
    peers: Mapping[str, str]
    namespaces: Mapping[str, str]
    folder: str
    authorities: Collection[str] = ()
    store: str = ""


def identity_problems(
    expected: Expected, clusters: Clusters, *, replace_gateway: bool, any_ca: bool
) -> Iterator[Problem]:
    """Every cluster that is not what the inventory means.

    Args:
        expected: What the inventory says.
        clusters: What was found; hosts whose clusters do not respond are not among them.
        replace_gateway: Whether gateways of other peers and fabrics are allowed.
        any_ca: Whether gateways that trust another CA are allowed.
    """
    yield from _same_clusters(clusters)
    for host, cluster in clusters.items():
        for gateway in cluster["gateways"]:
            trusted = set(gateway["trusted"])
            ours = bool(trusted & set(expected.authorities))
            if gateway["namespace"] != expected.namespaces[host]:
                if gateway["fabric"] == expected.fabric and (ours or not trusted):
                    yield _elsewhere(host, gateway, expected)
                continue
            if not replace_gateway:
                yield from _of_others(host, gateway, expected, ours=ours)
            if trusted and not ours and not any_ca:
                yield _other_authority(host, gateway, expected)


def _same_clusters(clusters: Clusters) -> Iterator[Problem]:
    """Two hosts that are one cluster, whatever their contexts, URLs and spelling."""
    firsts: dict[str, str] = {}
    for host, cluster in clusters.items():
        first = firsts.setdefault(cluster["uid"], host) if cluster["uid"] else host
        if first != host:
            yield Problem(
                "cluster",
                f"is the cluster of {first} too: namespace kube-system has the same UID",
                cluster["uid"],
                "Give each host its own cluster: compare clusterlink_kubeconfig, clusterlink_context and "
                "clusterlink_host of both",
                host,
            )


def _of_others(host: str, gateway: Mapping[str, Any], expected: Expected, *, ours: bool) -> Iterator[Problem]:
    where = f"namespace {gateway['namespace']}"
    fix = (
        "Check clusterlink_context, clusterlink_host and clusterlink_peer_name; "
        "-e clusterlink_replace_gateway=true replaces the gateway"
    )
    if gateway["peer"] and gateway["peer"] != expected.peers[host]:
        yield Problem(where, "contains the gateway of another peer", gateway["peer"], fix, host)
    # A label that was changed by hand is drift.
    if gateway["fabric"] and gateway["fabric"] != expected.fabric and not ours:
        yield Problem(where, "contains the gateway of another fabric", gateway["fabric"], fix, host)


def _other_authority(host: str, gateway: Mapping[str, Any], expected: Expected) -> Problem:
    what = f"the gateway trusts none of the CAs in {expected.folder}"
    if not expected.authorities:
        what = f"the gateway belongs to a fabric whose CA is not in {expected.folder}"
    restore = f"Restore the folder from {expected.store or 'a backup'}" + (
        ""
        if expected.store
        else ", or set clusterlink_store_namespace if the folder is in a management cluster's Secret"
    )
    fix = f"{restore}. To replace the fabric's CA and interrupt all links, add -e fabric_replace_ca=true"
    return Problem(f"Secret {gateway['namespace']}/cl-peer", what, ", ".join(gateway["trusted"]), fix, host)


def _elsewhere(host: str, gateway: Mapping[str, Any], expected: Expected) -> Problem:
    return Problem(
        "clusterlink_namespace",
        f"is not where the gateway of fabric {expected.fabric} runs",
        gateway["namespace"],
        f"Set clusterlink_namespace: {gateway['namespace']}, or first remove that gateway: run teardown.yml with "
        f"-e clusterlink_namespace={gateway['namespace']}",
        host,
    )
