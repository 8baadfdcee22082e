#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module run_report."""

from __future__ import annotations

DOCUMENTATION = r"""
module: run_report
short_description: Tell people and jobs what a run has done in each cluster
version_added: "0.1.0"
author:
  - The skyshift.clusterlink contributors (@skyshift)
description:
  - Reads the results that the collection's roles and playbooks have registered for each host of the play. It reads no
    cluster.
  - Sets the statistics C(fabric_run), which a workflow gives to the nodes that follow, and writes a report to a file.
extends_documentation_fragment:
  - skyshift.clusterlink.attributes.info
options:
  left:
    description:
      - The hosts that have not failed.
      - Defaults to those of the play, and with O(clusters) to all.
    type: list
    elements: str
  earlier:
    description:
      - The clusters that earlier plays of the run have changed.
    type: list
    elements: str
    default: []
  findings:
    description:
      - What else a workflow is told, by the names of its variables.
    type: dict
    default: {}
  path:
    description:
      - The file on the controller to which the report is written as JSON, in check mode, too.
    type: path
  clusters:
    description:
      - By host, its variables with the registered results, instead of the inventory's.
    type: dict
seealso:
  - module: ansible.builtin.set_stats
"""

EXAMPLES = r"""
- name: Tell the following nodes of a workflow
  skyshift.clusterlink.run_report:
    path: report.json
  run_once: true
  register: run_reported

- name: Show which clusters failed, and what waits
  ansible.builtin.debug:
    msg: "{{ run_reported.lines }}"
  run_once: true
"""

RETURN = r"""
run:
  description: The clusters that C(changed), that C(failed) or cannot be read, and that are C(waiting) for a gateway.
  returned: success
  type: dict
  sample: {"changed": ["east", "west"], "failed": [], "waiting": ["west"]}
lines:
  description:
    - A table of the clusters that failed, and one of the objects that wait for something, line by line. A cause of
      several clusters is one line.
  returned: success
  type: list
  elements: str
ansible_stats:
  description: The statistics, as M(ansible.builtin.set_stats) sets them.
  returned: success
  type: dict
"""

import json
from typing import Any

from ..module_utils.errors import ClusterlinkError, Problem
from ..module_utils.fabric.peer_names import hosts_by_peer
from ..module_utils.mesh.run_report import report
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task
from ..module_utils.pki_files.disk import write_file


def run(params: dict[str, Any], _mode: Mode) -> Outcome:
    """Report, and write the file.

    Raises:
        ClusterlinkError: There is no inventory, or the file cannot be written.
    """
    hosts = params["clusters"]
    if hosts is None:
        raise ClusterlinkError(Problem("clusters", "is required where no inventory can be read"))
    peers = hosts_by_peer(list(hosts), hosts)
    left = hosts if params["left"] is None else params["left"]
    found = report(
        {peer: hosts[host] for peer, host in peers.items()},
        {peer for peer, host in peers.items() if host not in left},
    )
    if params["path"]:
        written = {"failed": found["failed"], "clusters": found["clusters"]}
        write_file(params["path"], f"{json.dumps(written, indent=4, sort_keys=True)}\n".encode(), 0o644)
    told = {**found["run"], "changed": sorted({*params["earlier"], *found["run"]["changed"]})}
    # What earlier plays have set is replaced, since this is all that the run has done.
    stats = {"data": {"fabric_run": told, **params["findings"]}, "per_host": False, "aggregate": False}
    return Outcome(values={"run": told, "lines": found["lines"], "ansible_stats": stats})


TASK = Task(
    argument_spec={
        "left": {"type": "list", "elements": "str"},
        "earlier": {"type": "list", "elements": "str", "default": []},
        "findings": {"type": "dict", "default": {}},
        "path": {"type": "path"},
        "clusters": {"type": "dict"},
    },
    run=run,
)


def main() -> None:
    """Run as a module."""
    run_module(TASK)


if __name__ == "__main__":
    main()
