# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The links, exports and imports of all clusters, for people and for scheduled jobs."""

from __future__ import annotations

DOCUMENTATION = r"""
name: fabric_report
version_added: "0.1.0"
author: The skyshift.clusterlink contributors (@skyshift)
short_description: The links, exports and imports of a fabric, as text tables and as data
description:
  - Combines the results of M(skyshift.clusterlink.fabric_info) for each cluster. A cluster that cannot be read is a row
    with its error.
positional: _input
options:
  _input:
    description: The results of M(skyshift.clusterlink.fabric_info) by cluster. The result of a failed task has C(msg).
    type: dict
    required: true
  answers:
    description: The results of M(skyshift.clusterlink.probe) by cluster, as far as there are any.
    type: dict
"""

EXAMPLES = r"""
- name: Show the fabric
  ansible.builtin.debug:
    msg: "{{ ({'east': east_info, 'west': west_info} | skyshift.clusterlink.fabric_report).table }}"
"""

RETURN = r"""
_value:
  description: The report.
  type: dict
  contains:
    clusters:
      description:
        - By cluster, whether it was C(read), its C(error), its C(peers), C(exports) and C(imports), and C(answers), the
          results of its probes.
      type: dict
    table:
      description: The lines, headings included.
      type: list
      elements: str
    problems:
      description: A sentence for each cluster that cannot be read.
      type: list
      elements: str
"""

from collections.abc import Callable, Mapping
from typing import Any


def fabric_report(
    infos: Mapping[str, Mapping[str, Any]], answers: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """The report, as C(mesh.fabric_report.report) returns it."""
    from ..module_utils.mesh.fabric_report import report  # noqa: PLC0415  # Ansible loads every filter to find one

    return report(infos, answers)


class FilterModule:
    """The entry point for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by its name."""
        return {"fabric_report": fabric_report}
