# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric's plan, and what a run would change, for people and for merge requests."""

from __future__ import annotations

DOCUMENTATION = r"""
name: plan_report
version_added: "0.1.0"
author: The skyshift.clusterlink contributors (@skyshift)
short_description: A fabric's plan, and what a run would change
description:
  - Shows the links, exports, imports and policies of a plan, and who may call which import.
  - With the results of tasks in check mode, it shows the changes of each cluster too. A cluster that cannot be compared
    is a row with its error.
positional: _input
options:
  _input:
    description: The return value C(plan) of M(skyshift.clusterlink.fabric_plan).
    type: dict
    required: true
  results:
    description:
      - By cluster, C(gateway) and C(mesh), the results of M(skyshift.clusterlink.gateway) and
        M(skyshift.clusterlink.fabric_apply) in check mode, and C(msg), why one of them failed.
      - Without it, no cluster was asked.
    type: dict
"""

EXAMPLES = r"""
- name: Show the plan
  ansible.builtin.debug:
    msg: "{{ (planned.plan | skyshift.clusterlink.plan_report).table }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: The report.
  type: dict
  contains:
    fabric:
      description: The fabric's name.
      type: str
    online:
      description: Whether the clusters were compared.
      type: bool
    changed:
      description: Whether a run would change anything.
      type: bool
    summary:
      description: A line for each cluster.
      type: list
      elements: str
      sample: ["north: +2 imports, -1 peer: north loses west for shop/web"]
    links:
      description: The links, as in the plan.
      type: list
      elements: dict
    exports:
      description: The exports, with C(cluster), C(service), C(port) and C(host).
      type: list
      elements: dict
    imports:
      description: The imports, with C(cluster), C(service), C(port), C(sources) and C(lb_scheme).
      type: list
      elements: dict
    policies:
      description: The policies, with C(policy), C(tier), C(clusters), C(action), C(from) and C(to).
      type: list
      elements: dict
    callers:
      description: Who may call what, with C(cluster), C(service), C(port), C(caller) and C(reaches), the peers.
      type: list
      elements: dict
    clusters:
      description: By cluster, whether it C(changed), its C(error), its C(objects) with C(action), and C(lost) sources.
      type: dict
    problems:
      description: A sentence for each cluster that cannot be compared.
      type: list
      elements: str
    table:
      description: The lines of the report, headings included.
      type: list
      elements: str
    markdown:
      description: The report in Markdown.
      type: str
"""

from collections.abc import Callable, Mapping
from typing import Any


def plan_report(plan: Any, results: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """The report, as C(fabric.plan_report.report) returns it."""
    from ..module_utils.fabric.plan_report import report  # noqa: PLC0415  # Ansible loads every filter to find one

    return report(plan, results)


class FilterModule:
    """The entry point for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by its name."""
        return {"plan_report": plan_report}
