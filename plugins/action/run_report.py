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
        hosts = {host: variables["hostvars"][host] for host in variables["ansible_play_hosts_all"]}
        found = {"clusters": hosts, "left": variables["ansible_play_hosts"]}
        # Not into the parameters, which the result repeats: variables of hosts hold secrets.
        given = {name: value for name, value in params.items() if value is not None}
        return self.task.run({**params, **found, **given}, mode)
