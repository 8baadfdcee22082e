# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All certificates of a fabric, for people and for CI systems."""

from __future__ import annotations

DOCUMENTATION = r"""
name: certificate_report
version_added: "0.1.0"
author: The skyshift.clusterlink contributors (@skyshift)
short_description: All certificates of a fabric in one report, with their problems
description:
  - Combines the results of M(skyshift.clusterlink.certificate_info) for each cluster and for the fabric's folder.
  - A certificate that is stored in several places is one line. A cluster that cannot be read is a line with its error.
positional: _input
options:
  _input:
    description:
      - The results of M(skyshift.clusterlink.certificate_info) by cluster. The result of a failed task has C(msg).
    type: dict
    required: true
  files:
    description: The result of M(skyshift.clusterlink.certificate_info) for the fabric's folder.
    type: dict
  days:
    description: A certificate that expires within so many days is a problem.
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
      description: The seconds by which the clock of each cluster is ahead, where they are known.
      type: dict
    table:
      description: The lines, headings included.
      type: list
      elements: str
    problems:
      description: A sentence for each problem.
      type: list
      elements: str
    summary:
      description: The same without the causes that the table shows.
      type: list
      elements: str
    junit:
      description: A test case for each certificate and each clock, as JUnit XML.
      type: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError


def certificate_report(
    infos: Mapping[str, Any], files: Mapping[str, Any] | None = None, days: float | str = 30
) -> dict[str, Any]:
    """The report, as C(certificates.report.report) returns it.

    Raises:
        AnsibleFilterError: The days are not a number.
    """
    from ..module_utils.certificates.report import report  # noqa: PLC0415  # Ansible loads every filter to find one

    try:
        least = float(days)
    except (TypeError, ValueError) as error:
        raise AnsibleFilterError(f"certificate_report: days is not a number (found: {days!r}). Give days.") from error
    return report(infos, files, least)


class FilterModule:
    """The entry point for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by its name."""
        return {"certificate_report": certificate_report}
