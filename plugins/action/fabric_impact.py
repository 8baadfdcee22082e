# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of module fabric_impact: its declaration comes from the inventory."""

from __future__ import annotations

from ..modules.fabric_impact import TASK
from ..plugin_utils.task_action import InventoryAction


class ActionModule(InventoryAction):
    """Runs the module's task."""

    task = TASK
