# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric's certificates as a person and a CI system read them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: certificate_report
version_added: "0.1.0"
author: The skyshift.clusterlink contributors (@skyshift)
short_description: All certificates of a fabric in one table, and what is wrong with them
description:
  - Puts together what M(skyshift.clusterlink.certificate_info) returned for each cluster and for the fabric's folder.
  - A certificate that is in several places is one line. A cluster that could not be read is a line with its fault.
positional: _input
options:
  _input:
    description:
      - The results of M(skyshift.clusterlink.certificate_info) by cluster. One that failed says why in its C(msg).
    type: dict
    required: true
  files:
    description: The result of M(skyshift.clusterlink.certificate_info) for the fabric's folder.
    type: dict
  days:
    description: How many days every certificate has to have left.
    type: float
    default: 30
"""

EXAMPLES = r"""
- name: Show the certificates of two clusters
  ansible.builtin.debug:
    msg: "{{ ({'east': east_info, 'west': west_info} | skyshift.clusterlink.certificate_report(days=14)).table }}"
"""

RETURN = r"""
_value:
  description: The report.
  type: dict
  contains:
    certificates:
      description: All entries, as M(skyshift.clusterlink.certificate_info) returns them.
      type: list
      elements: dict
    clocks:
      description: By how many seconds the clock of each cluster is ahead, where that is known.
      type: dict
    table:
      description: The lines, headings included.
      type: list
      elements: str
    problems:
      description: What is wrong, a sentence for each.
      type: list
      elements: str
    junit:
      description: A test case for each certificate and each clock, as JUnit XML.
      type: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils.certificates.report import report


def certificate_report(
    infos: Mapping[str, Any], files: Mapping[str, Any] | None = None, days: float | str = 30
) -> dict[str, Any]:
    """The report, as C(pki.report.report) makes it.

    Raises:
        AnsibleFilterError: The days are no number.
    """
    try:
        least = float(days)
    except (TypeError, ValueError) as error:
        raise AnsibleFilterError(f"certificate_report: days is no number (found: {days!r}). Give days.") from error
    return report(infos, files, least)


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by its name."""
        return {"certificate_report": certificate_report}
