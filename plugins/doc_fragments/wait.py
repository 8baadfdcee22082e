# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a module that waits until what it wrote works."""

from __future__ import annotations


class ModuleDocFragment:
    """Options C(wait) and C(wait_timeout)."""

    DOCUMENTATION = r"""
options:
  wait:
    description:
      - Whether to wait until what was asked for is really there and working, or, when it is removed, really gone.
      - When the time is over, the task fails, says what is not ready and why, and still reports what it changed.
      - Nothing is waited for in check mode.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long to wait, in seconds.
    type: int
    default: 120
"""
