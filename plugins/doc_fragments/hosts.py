# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the filters that take hosts and all their variables."""

from __future__ import annotations


class ModuleDocFragment:
    """Documents what such a filter is given."""

    DOCUMENTATION = r"""
options:
  _input:
    description: The hosts' names.
    type: list
    elements: str
    required: true
  hostvars:
    description: The variables of all hosts, C(hostvars).
    type: dict
    required: true
"""
