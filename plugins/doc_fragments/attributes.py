# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The attributes of every module: check mode and diff."""

from __future__ import annotations


class ModuleDocFragment:
    """Attributes of a module that supports check mode and diff in full."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return the changed status that a real run would have.
    support: full
  diff_mode:
    description: Returns the changed content before and after, or in check mode the planned one, without secrets.
    support: full
"""

    # For modules that only read.
    INFO = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return the changed status that a real run would have.
    support: full
  diff_mode:
    description: Returns the changed content before and after, or in check mode the planned one, without secrets.
    support: N/A
    details:
      - This module changes nothing.
"""
