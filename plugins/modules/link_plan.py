#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module link_plan."""

from __future__ import annotations

DOCUMENTATION = r"""
module: link_plan
short_description: Plan to add or remove a link by name
version_added: "0.1.0"
author:
  - The skyshift.clusterlink contributors (@skyshift)
description:
  - Checks a link between two clusters of the inventory against the declaration and the present links. It writes
    nothing.
  - Returns the Peer that each of the two clusters needs, for M(skyshift.clusterlink.peer).
  - Refuses to remove a link that is declared, that imports need, or that only clusters may have which cannot be read,
    unless O(force) is set.
extends_documentation_fragment:
  - skyshift.clusterlink.attributes.info
options:
  name:
    description:
      - The link's name, a DNS label that no other link has.
      - A declared link without a name has the names of its two clusters in alphabetical order, with V(-) between them.
    type: str
    required: true
  source:
    description:
      - A cluster of the inventory. Required with O(state=present).
    type: str
  target:
    description:
      - Another cluster of the inventory. Required with O(state=present).
    type: str
  state:
    description:
      - Whether to add or remove the link, in both directions.
    type: str
    choices: [present, absent]
    default: present
  force:
    description:
      - With O(state=absent), whether to remove even a link that is declared or that imports need.
    type: bool
    default: false
  declaration:
    description:
      - The declaration as plain data, instead of the inventory's. Its keys are those of
        O(skyshift.clusterlink.fabric_plan#module:declaration).
    type: dict
  infos:
    description:
      - The results of M(skyshift.clusterlink.fabric_info) by cluster. With them, no cluster is read.
    type: dict
  addresses:
    description:
      - The addresses of the clusters' gateways, each with V(host) and V(port), or a list of these. With them, no
        address is read.
    type: dict
seealso:
  - module: skyshift.clusterlink.link_info
  - module: skyshift.clusterlink.peer
"""

EXAMPLES = r"""
- name: Plan a link
  skyshift.clusterlink.link_plan:
    name: backup
    source: east
    target: west
  run_once: true
  register: wanted

- name: Apply both sides of it
  skyshift.clusterlink.peer:
    context: "{{ clusterlink_context }}"
    name: "{{ wanted.sides[clusterlink_peer_name].peer }}"
    gateways: "{{ wanted.sides[clusterlink_peer_name].gateways }}"
    link: {name: backup, source: east, fabric: demo}
  when: clusterlink_peer_name in wanted.sides
"""

RETURN = r"""
name:
  description: The link's name.
  returned: success
  type: str
  sample: backup
source:
  description: One of its clusters. Empty when a link to remove does not exist.
  returned: success
  type: str
  sample: east
target:
  description: The other cluster. Empty when a link to remove does not exist.
  returned: success
  type: str
  sample: west
sides:
  description: By cluster, the Peer of the other one to apply or remove. Empty when a link to remove does not exist.
  returned: success
  type: dict
  sample:
    east: {"peer": "west", "gateways": [{"host": "172.18.0.3", "port": 30443}]}
    west: {"peer": "east", "gateways": [{"host": "172.18.0.2", "port": 30443}]}
losses:
  description: The imports that lose source peers, with the lost and the remaining ones.
  returned: success
  type: list
  elements: dict
  sample: [{"cluster": "east", "namespace": "default", "name": "web", "lost": ["west"], "left": []}]
problems:
  description: The problems of the request, each with where, what, found and fix.
  returned: failure
  type: list
  elements: dict
  sample: [{"host": "", "where": "target", "what": "is not a cluster of the fabric", "found": "wets", "fix": ""}]
"""

from typing import Any

from ..module_utils.errors import ClusterlinkError, Problem
from ..module_utils.fabric.declaration import parse, parse_addresses
from ..module_utils.fabric.link_request import request
from ..module_utils.fabric.link_view import Fabric
from ..module_utils.fabric.model import Declaration
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task


def run(params: dict[str, Any], _mode: Mode) -> Outcome:
    """Plan the link from the given data.

    Raises:
        ClusterlinkError: With all problems.
    """
    missing = [name for name in ("declaration", "infos") if params[name] is None]
    if missing:
        raise ClusterlinkError([Problem(name, "is required where no inventory can be read") for name in missing])
    return plan(params, parse(params["declaration"]))


def plan(params: dict[str, Any], declaration: Declaration) -> Outcome:
    """Plan the link.

    Args:
        params: The module's parameters, with what was read of the clusters.
        declaration: The whole fabric's.

    Raises:
        ClusterlinkError: With all problems.
    """
    made = request(
        Fabric(declaration, params["infos"]),
        parse_addresses(params["addresses"] or {}),
        {key: params[key] for key in ("name", "source", "target")},
        state=params["state"],
        force=params["force"],
    )
    return Outcome(values=made.as_dict(), warnings=list(made.warnings))


TASK = Task(
    argument_spec={
        "name": {"type": "str", "required": True},
        "source": {"type": "str"},
        "target": {"type": "str"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "force": {"type": "bool", "default": False},
        "declaration": {"type": "dict"},
        "infos": {"type": "dict"},
        "addresses": {"type": "dict"},
    },
    run=run,
)


def main() -> None:
    """Run as a module."""
    run_module(TASK)


if __name__ == "__main__":
    main()
