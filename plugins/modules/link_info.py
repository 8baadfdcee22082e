#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module link_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: link_info
short_description: Read every link of a fabric as both clusters see it
version_added: "0.1.0"
author:
  - The skyshift.clusterlink contributors (@skyshift)
description:
  - Returns for each link whether its two clusters reach each other, since when, and why not. A link is ready when all
    of its directions are reachable.
  - Returns the links of the declaration, links that were added by name, and undeclared Peers.
  - Without O(infos) and O(declaration), it reads the inventory and all of its clusters, even those that C(--limit)
    excludes. An unreachable cluster does not stop it.
extends_documentation_fragment:
  - skyshift.clusterlink.attributes.info
options:
  name:
    description:
      - The name of the only link to return. A link that does not exist is an error.
    type: str
  watch:
    description:
      - Whether to read the clusters repeatedly, and print changes, until every link is ready.
      - Not with O(infos).
    type: bool
    default: false
  watch_timeout:
    description:
      - How many seconds to watch. With V(0), there is no limit.
    type: int
    default: 300
  declaration:
    description:
      - The declaration as plain data, instead of the inventory's. Its keys are those of
        O(skyshift.clusterlink.fabric_plan#module:declaration).
    type: dict
  infos:
    description:
      - The results of M(skyshift.clusterlink.fabric_info) by cluster. With them, no cluster is read.
    type: dict
notes:
  - A link without a name in C(clusterlink_links), or from the one who added it, has the names of its two clusters in
    alphabetical order, with C(-) between them.
seealso:
  - module: skyshift.clusterlink.link_plan
  - module: skyshift.clusterlink.fabric_info
"""

EXAMPLES = r"""
- name: Read all links
  skyshift.clusterlink.link_info:
  run_once: true
  register: links

- name: Show them
  ansible.builtin.debug:
    msg: "{{ links.table }}"
  run_once: true

- name: Wait until a link is ready, and print its changes
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
      description: One of its clusters.
      type: str
    target:
      description: The other cluster.
      type: str
    ready:
      description: Whether all of its directions are reachable.
      type: bool
    wanted:
      description: Whether it is declared or was added by name.
      type: bool
    for:
      description: The declarations that need it.
      type: list
      elements: str
      sample: [service default/web, on demand]
    forward:
      description: >-
        The direction from V(source) to V(target). V(state) is V(reachable), V(unreachable), V(missing) without a Peer,
        V(unknown) for an unreachable cluster, or V(-) when the link does not include this direction. V(since) is when
        the state last changed. V(reason) is the reason in the gateway's status.
      type: dict
      sample: {"state": "reachable", "since": "2025-01-31T12:00:00Z", "reason": "Heartbeat"}
    back:
      description: The direction from V(target) to V(source), with the same keys.
      type: dict
table:
  description: The links as a table with headings, line by line.
  returned: success
  type: list
  elements: str
problems:
  description: The wanted links that are not ready, a sentence each.
  returned: success
  type: list
  elements: str
  sample: ["Link backup from east to west is not ready: west to east: the Peer does not exist"]
summary:
  description: The names of the wanted links that are not ready, without the causes that the table shows.
  returned: success
  type: str
  sample: "Not ready: link backup from east to west. The table says why"
"""

from collections.abc import Sequence
from typing import Any

from ..module_utils.common.naming import did_you_mean
from ..module_utils.errors import ClusterlinkError, Problem
from ..module_utils.fabric.declaration import parse
from ..module_utils.fabric.link_view import Fabric, LinkState, link_states, links_table, problems, summary
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task


def states_of(fabric: Fabric, name: str | None) -> list[LinkState]:
    """All links, or the one of a name.

    Raises:
        ClusterlinkError: There is no such link.
    """
    states = link_states(fabric)
    if not name:
        return states
    found = [each for each in states if each.name == name]
    if not found:
        names = sorted({each.name for each in states})
        fix = did_you_mean(name, names) or f"Links: {', '.join(names) or 'none'}"
        raise ClusterlinkError(Problem("name", "is not a link of the fabric", name, fix))
    return found


def outcome_of(states: Sequence[LinkState]) -> Outcome:
    """The return values for the links."""
    return Outcome(
        values={
            "links": [each.as_dict() for each in states],
            "table": links_table(states),
            "problems": problems(states),
            "summary": summary(states),
        }
    )


def run(params: dict[str, Any], _mode: Mode) -> Outcome:
    """Return the links from the given data."""
    missing = [name for name in ("declaration", "infos") if params[name] is None]
    if missing:
        raise ClusterlinkError([Problem(name, "is required where no inventory can be read") for name in missing])
    return outcome_of(states_of(Fabric(parse(params["declaration"]), params["infos"]), params["name"]))


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
