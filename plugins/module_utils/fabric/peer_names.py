# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each host's name as a peer of the fabric: the host's own name, or C(clusterlink_peer_name)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..common.fields import Item
from ..common.naming import dns_label_fault

VARIABLE = "clusterlink_peer_name"


def read_peer_names(hosts: Mapping[str, Item], groups: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """The peer name of each host; reports names that no peer can have, and names that could mean two clusters.

    A declaration may call a cluster by its host's name or its peer's, so no name may stand for two of them.

    Args:
        hosts: The variables of each host.
        groups: Every inventory group's hosts.
    """
    names = {host: own.text(VARIABLE, host) for host, own in hosts.items()}
    firsts: dict[str, str] = {}
    # A host that is called by its own name comes first, so that the other's variable is the problem.
    for host in sorted(hosts, key=lambda each: (names[each] != each, each)):
        name, own = names[host], hosts[host]
        fault, first = dns_label_fault(name), firsts.setdefault(name, host)
        if fault and name == host:
            own.problem(
                "inventory_hostname", fault, name, f"Set {VARIABLE} for this host, or rename it: the peer has its name"
            )
        elif fault:
            own.problem(VARIABLE, fault, name, "The peer's name is the DNS name in its certificate: choose another")
        elif first != host:
            own.problem(VARIABLE, f"is also the peer name of host {first}", name, "Give each host its own")
        elif name in hosts and name != host:
            what = f"is the name of another host, whose peer name is {names[name]}"
            own.problem(VARIABLE, what, name, "Choose a name that no other host has")
        elif name != host and set(groups.get(name, ())) - {host}:
            own.problem(VARIABLE, "is also the name of a group with other hosts", name, "Choose another name")
    return names


def hosts_by_peer(hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The hosts by their peers' names, in the order of the hosts."""
    return {str(hostvars[host].get(VARIABLE) or host): host for host in hosts}
