# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of shared namespaces that do not depend on the Services in them."""

from __future__ import annotations

from itertools import permutations

from ..common.fields import Report
from .cluster_resources import may_come_from
from .model import EXPLICIT, Declaration
from .shared import SharedNamespace
from .topology import can_reach, is_linked


def check_shared(declaration: Declaration, report: Report) -> None:
    """Report shared namespaces that are duplicate, contain a gateway, or lack the links that they need."""
    firsts: dict[str, SharedNamespace] = {}
    for shared in declaration.shared:
        where = shared.origin.where
        first = firsts.setdefault(shared.name, shared)
        if first is not shared:
            what = f"is also the name of {first.origin.where}"
            report.add(f"{where}.name", what, shared.name, "Merge the two entries")
        for cluster in shared.clusters:
            if declaration.peers[cluster].namespace == shared.name:
                what = f"is the namespace of the gateway of {cluster}"
                report.add(f"{where}.name", what, shared.name, "Share another namespace")
        for index, client in enumerate(shared.allowed):
            members = (declaration.peers[each] for each in shared.clusters)
            if shared.clusters and not any(may_come_from(client, each) for each in members):
                fix = f"Clusters that share it: {', '.join(shared.clusters)}"
                report.add(f"{where}.allow[{index}].from", "matches no cluster of the namespace", None, fix)
        _check_ways(declaration, shared, report)


def _check_ways(declaration: Declaration, shared: SharedNamespace, report: Report) -> None:
    where = f"{shared.origin.where}.clusters"
    ways = [pair for pair in permutations(shared.clusters, 2) if can_reach(declaration, *pair)]
    if len(shared.clusters) > 1 and not ways:
        found = ", ".join(shared.clusters)
        fix = "Give one of them an ingress (clusterlink_ingress_type or clusterlink_gateway_host)"
        report.add(where, "names only clusters without an ingress, so none can reach another", found, fix)
    if declaration.link_mode != EXPLICIT:
        return
    for source, target in ways:
        if not is_linked(declaration, source, target):
            what = f"needs a link between {min(source, target)} and {max(source, target)}, and none is declared"
            link = f"{{source: {min(source, target)}, target: {max(source, target)}}}"
            report.add(where, what, None, f"Add {link} to clusterlink_links, or set clusterlink_link_mode to on_demand")
