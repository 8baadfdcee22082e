# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module of this name, with the declaration that the inventory makes."""

from __future__ import annotations

from ..modules.fabric_impact import TASK
from ..plugin_utils.whole_fabric import WholeFabricAction


class ActionModule(WholeFabricAction):
    """Runs the module's task."""

    task = TASK
