# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of module run_report: the registered results come from the inventory's hosts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..module_utils.outcome import Mode, Outcome
from ..modules.run_report import TASK
from ..plugin_utils.task_action import InventoryAction


class ActionModule(InventoryAction):
    """Runs the module's task."""

    task = TASK

    def act(self, params: dict[str, Any], mode: Mode, variables: Mapping[str, Any]) -> Outcome:
        """Report on the hosts of the play."""
        if params["clusters"] is None:
            hosts = {host: variables["hostvars"][host] for host in variables["ansible_play_hosts_all"]}
            left = variables["ansible_play_hosts"] if params["left"] is None else params["left"]
            # A copy, since the result repeats the parameters, and variables of hosts hold secrets.
            params = {**params, "clusters": hosts, "left": left}
        return self.task.run(params, mode)
