#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module link_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: link_info
short_description: Every link of a fabric, as both of its clusters see it
version_added: "0.1.0"
author:
  - The skyshift.clusterlink contributors (@skyshift)
description:
  - Says of each link whether its two clusters reach each other, since when, and why not. A link is ready only when
    every side that is to reach the other reports that it does.
  - Links are those that follow from the declaration, those that were asked for by name, and Peers that nobody declared.
  - Without O(infos) and O(declaration) it reads the inventory and every cluster of it, also those that C(--limit)
    leaves out. A cluster that cannot be read does not hide the others.
extends_documentation_fragment:
  - skyshift.clusterlink.attributes.info
options:
  name:
    description:
      - Only the link of this name. One that does not exist is an error.
    type: str
  watch:
    description:
      - Whether to look again and again, and print what changes, until every link is ready.
      - Only when the clusters are read by this module.
    type: bool
    default: false
  watch_timeout:
    description:
      - How many seconds to watch at most. V(0) is until somebody stops it.
    type: int
    default: 300
  declaration:
    description:
      - The declaration as plain data, as M(skyshift.clusterlink.fabric_plan) takes it, instead of the inventory's.
    type: dict
  infos:
    description:
      - What M(skyshift.clusterlink.fabric_info) returned for each cluster, instead of reading them.
    type: dict
notes:
  - A link has the name that C(clusterlink_links) or whoever asked for it gave it, and otherwise the names of its two
    clusters in alphabetical order, with C(-) between them.
seealso:
  - module: skyshift.clusterlink.link_plan
  - module: skyshift.clusterlink.fabric_info
"""

EXAMPLES = r"""
- name: Look at all links
  skyshift.clusterlink.link_info:
  run_once: true
  register: links

- name: Show them
  ansible.builtin.debug:
    msg: "{{ links.table }}"
  run_once: true

- name: Wait until one is ready, and print what becomes of it
  skyshift.clusterlink.link_info:
    name: backup
    watch: true
    watch_timeout: 60
  run_once: true
"""

RETURN = r"""
links:
  description: The links, in the order of their names.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The link's name.
      type: str
      sample: backup
    source:
      description: The cluster that it is told from.
      type: str
    target:
      description: The other cluster.
      type: str
    ready:
      description: Whether every side that is to reach the other does.
      type: bool
    wanted:
      description: Whether it was declared or asked for.
      type: bool
    for:
      description: What it is there for.
      type: list
      elements: str
      sample: [service default/web, on demand]
    forward:
      description: >-
        The way from V(source) to V(target). V(state) is V(reachable), V(unreachable), V(missing) where there is no
        Peer, V(unknown) where the cluster could not be read, or V(-) where there is to be no such way. V(since) is when
        that began, and V(reason) what the gateway says.
      type: dict
      sample: {"state": "reachable", "since": "2025-01-31T12:00:00Z", "reason": "Heartbeat"}
    back:
      description: The way from V(target) to V(source), likewise.
      type: dict
table:
  description: The links as aligned lines, headings included.
  returned: success
  type: list
  elements: str
problems:
  description: What was declared or asked for and is not ready, a sentence for each link.
  returned: success
  type: list
  elements: str
  sample: ["Link backup from east to west is not ready: west to east: there is no such Peer"]
"""

from collections.abc import Sequence
from typing import Any

from ..module_utils.common.naming import did_you_mean
from ..module_utils.errors import ClusterlinkError, Problem
from ..module_utils.fabric.declaration import parse
from ..module_utils.fabric.link_view import Fabric, LinkState, link_states, links_table, problems
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task


def states_of(params: dict[str, Any]) -> list[LinkState]:
    """The links asked for.

    Raises:
        ClusterlinkError: The declaration has problems, or there is no such link.
    """
    states = link_states(Fabric(parse(params["declaration"]), params["infos"]))
    name = params["name"]
    if not name:
        return states
    found = [each for each in states if each.name == name]
    if not found:
        names = sorted({each.name for each in states})
        fix = did_you_mean(name, names) or f"Links: {', '.join(names) or 'none'}"
        raise ClusterlinkError(Problem("name", "is no link of the fabric", name, fix))
    return found


def outcome_of(states: Sequence[LinkState]) -> Outcome:
    """What comes back of the links."""
    values = {"links": [each.as_dict() for each in states], "table": links_table(states), "problems": problems(states)}
    return Outcome(values=values)


def run(params: dict[str, Any], _mode: Mode) -> Outcome:
    """Say how the links are by the data given."""
    missing = [name for name in ("declaration", "infos") if params[name] is None]
    if missing:
        raise ClusterlinkError([Problem(name, "is required where no inventory can be read") for name in missing])
    return outcome_of(states_of(params))


TASK = Task(
    argument_spec={
        "name": {"type": "str"},
        "watch": {"type": "bool", "default": False},
        "watch_timeout": {"type": "int", "default": 300},
        "declaration": {"type": "dict"},
        "infos": {"type": "dict"},
    },
    run=run,
)


def main() -> None:
    """Run as a module."""
    run_module(TASK)


if __name__ == "__main__":
    main()
