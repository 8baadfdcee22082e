# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The differences between a fabric and its declaration, for people and for scheduled jobs."""

from __future__ import annotations

DOCUMENTATION = r"""
name: drift_report
version_added: "0.1.0"
author: The skyshift.clusterlink contributors (@skyshift)
short_description: The differences between a fabric and its declaration, and who made them
description:
  - Combines the return values C(drift) of M(skyshift.clusterlink.gateway) and M(skyshift.clusterlink.fabric_apply) for
    each cluster. A cluster that cannot be read is a line with its error.
positional: _input
options:
  _input:
    description: By cluster, its C(drift) and C(incomplete), and C(msg), the error of a cluster that cannot be read.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what has drifted in two clusters
  ansible.builtin.debug:
    msg: "{{ ({'east': east_result, 'west': west_result} | skyshift.clusterlink.drift_report).table }}"
"""

RETURN = r"""
_value:
  description: The report.
  type: dict
  contains:
    drifted:
      description: Whether anything differs from the declaration.
      type: bool
    clusters:
      description:
        - By cluster, whether it was C(read), its C(error), its C(drift), and C(incomplete), what could not be compared.
      type: dict
    table:
      description: The lines, headings included. Empty when nothing differs.
      type: list
      elements: str
    problems:
      description: A sentence for each difference and each cluster that cannot be read.
      type: list
      elements: str
    summary:
      description: One sentence that names the clusters of the table. Empty when nothing differs.
      type: str
"""

from collections.abc import Callable, Mapping
from typing import Any


def drift_report(infos: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The report, as C(mesh.drift_report.report) returns it."""
    from ..module_utils.mesh.drift_report import report  # noqa: PLC0415  # Ansible loads every filter to find one

    return report(infos)


class FilterModule:
    """The entry point for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by its name."""
        return {"drift_report": drift_report}
