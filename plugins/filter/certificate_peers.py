# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate options of many hosts, for one task of peer_certificate."""

from __future__ import annotations

DOCUMENTATION = r"""
name: certificate_peers
version_added: "0.1.0"
author: The skyshift.clusterlink contributors (@skyshift)
short_description: The certificate options of many hosts, for one task of peer_certificate
description:
  - Returns each peer's name with the certificate options from its host's variables, for
    O(skyshift.clusterlink.peer_certificate#module:peers).
  - The variables are C(clusterlink_peer_name), C(clusterlink_key_type), C(clusterlink_key_size),
    C(clusterlink_certificate_days) and C(clusterlink_renew_percent).
positional: _input, hostvars
extends_documentation_fragment: skyshift.clusterlink.hosts
"""

EXAMPLES = r"""
- name: Issue the certificates of all hosts of the play
  skyshift.clusterlink.peer_certificate:
    path: /etc/clusterlink/pki
    fabric: demo
    peers: "{{ ansible_play_batch | skyshift.clusterlink.certificate_peers(hostvars) }}"
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

from ..module_utils.fabric.peer_names import hosts_by_peer

_VARIABLES = {
    "key_type": "clusterlink_key_type",
    "key_size": "clusterlink_key_size",
    "valid_days": "clusterlink_certificate_days",
    "renew_percent": "clusterlink_renew_percent",
}


def certificate_peers(hosts: Sequence[str], hostvars: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The peers; an option is left out where the host does not have its variable."""
    peers = []
    for name, host in hosts_by_peer(hosts, hostvars).items():
        variables = hostvars[host]
        given = {option: variables[name] for option, name in _VARIABLES.items() if name in variables}
        peers.append({"name": name, **given})
    return peers


class FilterModule:
    """The entry point for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by its name."""
        return {"certificate_peers": certificate_peers}
