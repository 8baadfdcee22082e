# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of module link_info: reads the inventory and every cluster, and can watch until all links are ready."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ..module_utils.fabric.declaration import parse
from ..module_utils.fabric.link_view import Fabric, changes
from ..module_utils.outcome import Mode, Outcome
from ..modules import fabric_info
from ..modules.link_info import TASK, outcome_of, states_of
from ..plugin_utils.clusters import peer_reader
from ..plugin_utils.task_action import InventoryAction

_PAUSE = 1.0
"""Seconds between two looks at the clusters."""


class ActionModule(InventoryAction):
    """Reads the clusters; while it watches, it prints what changes."""

    task = TASK

    def act(self, params: dict[str, Any], mode: Mode, variables: Mapping[str, Any]) -> Outcome:
        """Read the links once, or until all are ready or the time is over."""
        self.gather_declaration(params, variables)
        if params["infos"] is not None:
            return self.task.run(params, mode)
        declaration = parse(params["declaration"])
        read = peer_reader(fabric_info.TASK, variables, declaration.hosts)
        states = states_of(Fabric(declaration, read()), params["name"])
        if not params["watch"]:
            return outcome_of(states)
        deadline = time.monotonic() + params["watch_timeout"] if params["watch_timeout"] else float("inf")
        self._print(changes([], states))
        while not all(each.ready for each in states if each.wanted) and time.monotonic() < deadline:
            time.sleep(_PAUSE)
            before, states = states, states_of(Fabric(declaration, read()), params["name"])
            self._print(changes(before, states))
        return outcome_of(states)

    def _print(self, lines: list[str]) -> None:
        for line in lines:
            self._display.display(f"{time.strftime('%H:%M:%S')} {line}")
