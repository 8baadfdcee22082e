# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of a fabric by the names of their peers."""

from __future__ import annotations

DOCUMENTATION = r"""
name: hosts_by_peer
version_added: "0.1.0"
author: The skyshift.clusterlink contributors (@skyshift)
short_description: The hosts of a fabric by the names of their peers
description:
  - Returns each host by the name of its peer, which is C(clusterlink_peer_name), or the host's own name.
  - As a list, the result is the names of the peers, in the order of the hosts.
positional: _input, hostvars
extends_documentation_fragment: skyshift.clusterlink.hosts
"""

EXAMPLES = r"""
- name: Show the peers of the play
  ansible.builtin.debug:
    msg: "{{ ansible_play_hosts_all | skyshift.clusterlink.hosts_by_peer(hostvars) | list }}"
"""

RETURN = r"""
_value:
  description: The hosts by the names of their peers.
  type: dict
  sample: {"east": "east.example.com", "west": "west"}
"""

from collections.abc import Callable
from typing import Any

from ..module_utils.fabric.peer_names import hosts_by_peer


class FilterModule:
    """The entry point for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by its name."""
        return {"hosts_by_peer": hosts_by_peer}
