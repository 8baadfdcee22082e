# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts have registered, by the names of their peers."""

from __future__ import annotations

DOCUMENTATION = r"""
name: results_by_peer
version_added: "0.1.0"
author: The skyshift.clusterlink contributors (@skyshift)
short_description: What hosts have registered, by the names of their peers
description:
  - Returns the value of a variable of each host, by the name of the host's peer, see
    P(skyshift.clusterlink.hosts_by_peer#filter).
  - A host without the value is left out, or has O(default).
positional: _input, hostvars, variable
extends_documentation_fragment: skyshift.clusterlink.hosts
options:
  variable:
    description: The variable's name, or with dots a part of its value, such as V(gateway_result.addresses).
    type: str
    required: true
  default:
    description: The value of hosts that do not have the variable, or for which it is null.
    type: raw
"""

EXAMPLES = r"""
- name: Show the links, exports and imports of the play's clusters
  ansible.builtin.debug:
    msg: "{{ (ansible_play_hosts | skyshift.clusterlink.results_by_peer(hostvars, 'show_info')
              | skyshift.clusterlink.fabric_report).table }}"
"""

RETURN = r"""
_value:
  description: The values by the names of the peers, in the order of the hosts.
  type: dict
  sample: {"east": [{"host": "192.0.2.1", "port": 443}]}
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..module_utils.fabric.peer_names import hosts_by_peer


def results_by_peer(
    hosts: Sequence[str], hostvars: Mapping[str, Mapping[str, Any]], variable: str, default: object = None
) -> dict[str, Any]:
    """The values of a variable by the hosts' peers, in the order of the hosts."""
    found: dict[str, Any] = {}
    for peer, host in hosts_by_peer(hosts, hostvars).items():
        value: Any = hostvars[host]
        for part in variable.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        value = default if value is None else value
        if value is not None:
            found[peer] = value
    return found


class FilterModule:
    """The entry point for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by its name."""
        return {"results_by_peer": results_by_peer}
