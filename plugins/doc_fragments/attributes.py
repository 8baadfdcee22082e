# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module of the collection promises about check mode and diff."""

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
    description: Returns what was, or in check mode would be, changed, before and after, without any secret.
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
    description: Returns what was, or in check mode would be, changed, before and after, without any secret.
    support: N/A
    details:
      - This module changes nothing.
"""
