#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module fabric_impact."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fabric_impact
short_description: What removing clusters, services or links would cut
version_added: "0.1.0"
author:
  - The skyshift.clusterlink contributors (@skyshift)
description:
  - Says which imports of the clusters that stay would lose some of the peers that they draw on, or all. It talks to no
    cluster and writes nothing.
  - It is an error when there are such imports, unless O(force) is set.
extends_documentation_fragment:
  - skyshift.clusterlink.attributes.info
options:
  peers:
    description:
      - Clusters that would go. What they import themselves is no loss.
    type: list
    elements: str
    default: []
  services:
    description:
      - Services that no cluster would export any more, each as V(NAMESPACE/NAME).
    type: list
    elements: str
    default: []
  force:
    description:
      - Whether to say it as warnings only.
    type: bool
    default: false
  declaration:
    description:
      - The declaration as plain data, as M(skyshift.clusterlink.fabric_plan) takes it, instead of the inventory's.
    type: dict
  infos:
    description:
      - What M(skyshift.clusterlink.fabric_info) returned for each cluster. Then the imports that are there count, not
        those that are declared.
    type: dict
seealso:
  - module: skyshift.clusterlink.link_plan
  - module: skyshift.clusterlink.fabric_info
"""

EXAMPLES = r"""
- name: Refuse to go on when other clusters import from these
  skyshift.clusterlink.fabric_impact:
    peers: [east]
  run_once: true

- name: Say what nobody could use any more
  skyshift.clusterlink.fabric_impact:
    services: [default/web]
    force: true
  run_once: true
"""

RETURN = r"""
losses:
  description: The imports that would lose peers which they draw on, and what they would keep.
  returned: always
  type: list
  elements: dict
  sample: [{"cluster": "north", "namespace": "default", "name": "web", "lost": ["east"], "left": ["west"]}]
problems:
  description: The losses, or what is wrong with the options, each with where, what, found and fix.
  returned: failure
  type: list
  elements: dict
"""

from typing import Any

from ..module_utils.errors import ClusterlinkError, Problem
from ..module_utils.fabric.declaration import parse
from ..module_utils.fabric.impact import declared_uses, losses, observed_uses
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task


def run(params: dict[str, Any], _mode: Mode) -> Outcome:
    """Say what would be cut.

    Raises:
        ClusterlinkError: An option is wrong.
    """
    if params["declaration"] is None:
        raise ClusterlinkError(Problem("declaration", "is required where no inventory can be read"))
    services = [tuple(each.partition("/")[::2]) for each in params["services"]]
    wrong = [
        Problem(f"services[{index}]", "is no namespace and name", params["services"][index], "Write NAMESPACE/NAME")
        for index, (namespace, name) in enumerate(services)
        if not namespace or not name
    ]
    if wrong:
        raise ClusterlinkError(wrong)
    infos = params["infos"]
    uses = declared_uses(parse(params["declaration"])) if infos is None else observed_uses(infos)
    found = losses(uses, peers=params["peers"], services=services)
    outcome = Outcome(values={"losses": [loss.as_dict() for loss in found]})
    if params["force"]:
        outcome.warnings = [f"{loss}." for loss in found]
    elif found:
        fix = "Take the import out of the declaration first, or force it"
        outcome.fail(ClusterlinkError([Problem("removal", str(loss), fix=fix) for loss in found]))
    return outcome


TASK = Task(
    argument_spec={
        "peers": {"type": "list", "elements": "str", "default": []},
        "services": {"type": "list", "elements": "str", "default": []},
        "force": {"type": "bool", "default": False},
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
