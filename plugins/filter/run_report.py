# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run has done in each cluster, for people and for scheduled jobs."""

from __future__ import annotations

DOCUMENTATION = r"""
name: run_report
version_added: "0.1.0"
author: The skyshift.clusterlink contributors (@skyshift)
short_description: What a run has done in each cluster, and which clusters failed
description:
  - Reads the results that the collection's roles have registered for each host of the play.
positional: _input, hostvars, left
extends_documentation_fragment: skyshift.clusterlink.hosts
options:
  _input:
    description: All hosts of the play, C(ansible_play_hosts_all).
    type: list
    elements: str
    required: true
  left:
    description: The hosts that have not failed, C(ansible_play_hosts).
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show which clusters failed, and what waits
  ansible.builtin.debug:
    msg: "{{ (ansible_play_hosts_all | skyshift.clusterlink.run_report(hostvars, ansible_play_hosts)).lines }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: The report.
  type: dict
  contains:
    failed:
      description: The clusters that failed.
      type: list
      elements: str
    clusters:
      description:
        - By cluster, whether it C(failed) and its C(error), whether anything C(changed), a C(summary), the C(objects)
          that were written, sources that imports C(lost), objects that are C(waiting), and the C(answers) of imports.
      type: dict
    run:
      description:
        - The clusters that C(changed), that C(failed) or cannot be read, and that are C(waiting) for a gateway.
      type: dict
      sample: {"changed": ["east", "west"], "failed": [], "waiting": ["west"]}
    lines:
      description:
        - A table of the clusters that failed, and one of the objects that wait for something, line by line. A cause of
          several clusters is one line.
      type: list
      elements: str
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ..module_utils.mesh.run_report import report
from .hosts_by_peer import hosts_by_peer


def run_report(
    hosts: Sequence[str], hostvars: Mapping[str, Mapping[str, Any]], left: Collection[str]
) -> dict[str, Any]:
    """The report, as C(mesh.run_report.report) returns it; C(failed) has the names of inventory hosts' peers."""
    peers = hosts_by_peer(hosts, hostvars)
    failed = {peer for peer, host in peers.items() if host not in left}
    return report({peer: hostvars[host] for peer, host in peers.items()}, failed)


class FilterModule:
    """The entry point for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by its name."""
        return {"run_report": run_report}
