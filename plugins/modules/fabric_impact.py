#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module fabric_impact."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fabric_impact
short_description: Find the imports that a removal would cut
version_added: "0.1.0"
author:
  - The skyshift.clusterlink contributors (@skyshift)
description:
  - Returns the imports of the remaining clusters that would lose some or all of their source peers. It reads no cluster
    and writes nothing.
  - Such imports are an error, unless O(force) is set.
extends_documentation_fragment:
  - skyshift.clusterlink.attributes.info
options:
  peers:
    description:
      - The clusters to remove. Their own imports do not count.
    type: list
    elements: str
    default: []
  services:
    description:
      - The services whose exports to remove from all clusters, each as V(NAMESPACE/NAME).
    type: list
    elements: str
    default: []
  force:
    description:
      - Whether to return warnings instead of an error.
    type: bool
    default: false
  declaration:
    description:
      - The declaration as plain data, instead of the inventory's. Its keys are those of
        O(skyshift.clusterlink.fabric_plan#module:declaration).
    type: dict
  infos:
    description:
      - The results of M(skyshift.clusterlink.fabric_info) by cluster. With them, the existing imports count instead of
        the declared ones.
    type: dict
seealso:
  - module: skyshift.clusterlink.link_plan
  - module: skyshift.clusterlink.fabric_info
"""

EXAMPLES = r"""
- name: Fail when other clusters import from this one
  skyshift.clusterlink.fabric_impact:
    peers: [east]
  run_once: true

- name: Warn about imports of a service
  skyshift.clusterlink.fabric_impact:
    services: [default/web]
    force: true
  run_once: true
"""

RETURN = r"""
losses:
  description: The imports that would lose source peers, with the lost and the remaining ones.
  returned: always
  type: list
  elements: dict
  sample: [{"cluster": "north", "namespace": "default", "name": "web", "lost": ["east"], "left": ["west"]}]
problems:
  description: The losses, or the problems of the options, each with where, what, found and fix.
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
    declaration = parse(params["declaration"])
    uses = declared_uses(declaration) if infos is None else observed_uses(infos)
    peers = [declaration.peer_of(name) or name for name in params["peers"]]
    found = losses(uses, peers=peers, services=services)
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
