# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies that are declared once for several clusters."""

from __future__ import annotations

from dataclasses import dataclass

from ..common.fields import Item
from .groups import Clusters
from .resources import AccessPolicy, read_access_policy


@dataclass(frozen=True)
class FabricPolicy:
    """One entry of C(clusterlink_policies).

    Attributes:
        policy: The policy.
        clusters: The clusters that get it; empty for all clusters that evaluate it.
    """

    policy: AccessPolicy
    clusters: tuple[str, ...]


def read_policy(item: Item, clusters: Clusters) -> FabricPolicy:
    """Read an entry of C(clusterlink_policies): a policy, and C(clusters)."""
    named = clusters.many(item, "clusters")
    if item.get("clusters") == [] or item.is_null("clusters"):
        item.problem(
            "clusters", "names no cluster", item.get("clusters"), "Name a host or a group, or leave it out to mean all"
        )
    return FabricPolicy(read_access_policy(item, clusters, "clusterlink_policies"), named)
