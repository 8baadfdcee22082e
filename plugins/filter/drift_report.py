# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a fabric is not as declared, as a person and a scheduled job read it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: drift_report
version_added: "0.1.0"
author: The skyshift.clusterlink contributors (@skyshift)
short_description: What of a fabric is not as declared, and by whom
description:
  - Puts together what M(skyshift.clusterlink.gateway) and M(skyshift.clusterlink.fabric_apply) returned as C(drift) for
    each cluster. A cluster that could not be read is a line with its fault.
positional: _input
options:
  _input:
    description: By cluster, its C(drift) and C(owed), and in C(msg) why it could not be read, if so.
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
      description: Whether anything is not as declared.
      type: bool
    clusters:
      description:
        - By cluster whether it could be C(read), the C(error), its C(drift), and as C(owed) what could not be compared.
      type: dict
    table:
      description: The lines, headings included; none when all is as declared.
      type: list
      elements: str
    problems:
      description: What is wrong, a sentence for each.
      type: list
      elements: str
"""

from collections.abc import Callable
from typing import Any

from ..module_utils.mesh.drift_report import report


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by its name."""
        return {"drift_report": report}
