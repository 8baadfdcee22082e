# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the modules that wait for objects."""

from __future__ import annotations


class ModuleDocFragment:
    """Options C(wait) and C(wait_timeout)."""

    DOCUMENTATION = r"""
options:
  wait:
    description:
      - Whether to wait until the objects are ready or, when they are removed, gone.
      - When O(wait_timeout) is over, the task fails, names the objects that are not ready with the reasons, and still
        returns its changes.
      - The module does not wait in check mode.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long to wait, in seconds.
    type: int
    default: 120
"""
