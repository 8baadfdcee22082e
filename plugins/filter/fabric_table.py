# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The links, exports and imports of all clusters as text tables."""

from __future__ import annotations

DOCUMENTATION = r"""
name: fabric_table
version_added: "0.1.0"
author: The skyshift.clusterlink contributors (@skyshift)
short_description: The links, exports and imports of a fabric as text tables
description:
  - Combines the results of M(skyshift.clusterlink.fabric_info) for each cluster.
positional: _input
options:
  _input:
    description: The results of M(skyshift.clusterlink.fabric_info) by cluster.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the fabric
  ansible.builtin.debug:
    msg: "{{ {'east': east_info, 'west': west_info} | skyshift.clusterlink.fabric_table }}"
"""

RETURN = r"""
_value:
  description: The lines, headings included.
  type: list
  elements: str
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..module_utils.common.table import table

Info = Mapping[str, Any]


def fabric_table(infos: Mapping[str, Info]) -> list[str]:
    """The fabric's links, exports and imports, with the state of each.

    Args:
        infos: The results of fabric_info by cluster; a cluster without one is left out.

    Returns:
        Lines without line ends; columns are aligned within each part.
    """
    links = [
        (cluster, peer["name"], _addresses(peer), _state(peer["reachable"], "reachable", peer))
        for cluster, peer in _each(infos, "peers")
    ]
    exports = [
        (
            cluster,
            f"{export['namespace']}/{export['name']}",
            str(export["port"]),
            _state(export["valid"], "valid", export),
        )
        for cluster, export in _each(infos, "exports")
    ]
    imports = [
        (
            cluster,
            f"{imported['namespace']}/{imported['name']}",
            str(imported["port"]),
            ", ".join(source["peer"] for source in imported["sources"]),
            _state(imported["valid"], "valid", imported),
        )
        for cluster, imported in _each(infos, "imports")
    ]
    return [
        *table(("LINK FROM", "TO", "GATEWAY", "STATE"), links),
        *table(("EXPORTED BY", "SERVICE", "PORT", "STATE"), exports),
        *table(("IMPORTED BY", "SERVICE", "PORT", "FROM", "STATE"), imports),
    ]


def _each(infos: Mapping[str, Info], part: str) -> Iterable[tuple[str, Info]]:
    return ((cluster, item) for cluster, info in sorted(infos.items()) for item in info.get(part, ()))


def _addresses(peer: Info) -> str:
    return ", ".join(f"{gateway['host']}:{gateway['port']}" for gateway in peer["gateways"])


def _state(good: bool, word: str, item: Info) -> str:
    since = f" since {item['since']}" if item["since"] else ""
    return f"{word}{since}" if good else f"not {word}{since}: {item['message'] or item['reason'] or 'no status yet'}"


class FilterModule:
    """The entry point for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by its name."""
        return {"fabric_table": fabric_table}
