# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of the inventory as the peers of one task."""

from __future__ import annotations

DOCUMENTATION = r"""
name: fabric_peers
version_added: "0.1.0"
author: The skyshift.clusterlink contributors (@skyshift)
short_description: Hosts as the peers that module peer_certificate takes all at once
description:
  - Gives each host's name with what its variables ask for its certificate, for
    O(skyshift.clusterlink.peer_certificate#module:peers).
positional: _input, hostvars
options:
  _input:
    description: The hosts' names.
    type: list
    elements: str
    required: true
  hostvars:
    description: The variables of all hosts, C(hostvars).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: The certificates of all hosts of the play
  skyshift.clusterlink.peer_certificate:
    path: /etc/clusterlink/pki
    fabric: demo
    peers: "{{ ansible_play_batch | skyshift.clusterlink.fabric_peers(hostvars) }}"
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
_value:
  description: A peer for each host.
  type: list
  elements: dict
  sample: [{name: east}, {name: west, valid_days: 90}]
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

_VARIABLES = {
    "key_type": "clusterlink_key_type",
    "key_size": "clusterlink_key_size",
    "valid_days": "clusterlink_certificate_days",
    "renew_percent": "clusterlink_renew_percent",
}


def fabric_peers(hosts: Sequence[str], hostvars: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The peers; a variable that a host does not have is left out."""
    peers = []
    for host in hosts:
        variables = hostvars[host]
        given = {option: variables[name] for option, name in _VARIABLES.items() if name in variables}
        peers.append({"name": host, **given})
    return peers


class FilterModule:
    """Ansible finds the filter here."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by its name."""
        return {"fabric_peers": fabric_peers}
