# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters, named by their peers' names, inventory hosts and groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..common.fields import Item
from ..common.naming import did_you_mean


@dataclass(frozen=True)
class Clusters:
    """The fabric's clusters, and the names of hosts and groups.

    A cluster may be called by its peer's name or its host's; what is found is the peer's name.

    Attributes:
        group: The inventory group whose hosts are the peers.
        hosts: The peer name of each of those hosts.
        groups: Every inventory group's hosts, which may include hosts that are not peers.
        externals: Peers outside the inventory, which a cluster's C(clusterlink_peers) declares.
    """

    group: str
    hosts: Mapping[str, str]
    groups: Mapping[str, tuple[str, ...]]
    externals: frozenset[str] = frozenset()

    @property
    def peers(self) -> frozenset[str]:
        """The names of the peers."""
        return frozenset(self.hosts.values())

    def one(self, item: Item, key: str, external: bool = False) -> str:
        """The peer name of one cluster; empty, with a problem, for an unknown one."""
        name = item.text(key, required=True)
        peer = self._peer(name, external)
        if name and not peer:
            self._unknown(item, key, name, self._names())
        return peer

    def many(self, item: Item, key: str, external: bool = False) -> tuple[str, ...]:
        """The peer names of a cluster, a group, or a list of them, each once, in the given order."""
        value = item.get(key)
        if value is None:
            return ()
        entries = [(value, key)] if isinstance(value, str) else item.values(key)
        found = [cluster for entry, path in entries for cluster in self._members(item, path, entry, external)]
        return tuple(dict.fromkeys(found))

    def _members(self, item: Item, path: str, entry: Any, external: bool) -> Iterable[str]:
        if not isinstance(entry, str):
            item.problem(path, "must be the name of a host or a group", entry)
            return []
        if peer := self._peer(entry, external):
            return [peer]
        if entry not in self.groups:
            self._unknown(item, path, entry, self._names() | self.groups.keys())
            return []
        members = self.groups[entry]
        if not members:
            item.problem(path, "is a group without hosts", entry, "Add hosts to the group, or leave it out")
        for host in members:
            if host not in self.hosts:
                fix = f"Name a group of peers only, or add {host} to the group {self.group}"
                item.problem(
                    path, f"is a group with the host {host}, which is not in the group {self.group}", entry, fix
                )
        return sorted(self.hosts[host] for host in self.hosts.keys() & set(members))

    def _peer(self, name: str, external: bool) -> str:
        """The peer that is called so; empty when there is none."""
        if name in self.peers or (external and name in self.externals):
            return str(name)
        return self.hosts.get(name, "")

    def _names(self) -> frozenset[str]:
        return self.peers | self.hosts.keys()

    def _unknown(self, item: Item, path: str, name: str, known: Iterable[str]) -> None:
        what = f"is not a host of the group {self.group}, nor a group"
        if any(name in members for members in self.groups.values()):
            what = f"is a host that is not in the group {self.group}"
        fix = did_you_mean(name, known) or f"Hosts of {self.group}: {', '.join(sorted(self.hosts)) or 'none'}"
        item.problem(path, what, name, fix)
