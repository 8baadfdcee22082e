# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module of this name, with what the inventory and every cluster say; it can watch them, too."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ..module_utils.fabric.link_view import changes
from ..module_utils.outcome import Mode, Outcome
from ..modules.link_info import TASK, outcome_of, states_of
from ..plugin_utils.whole_fabric import WholeFabricAction, look_at_clusters

_PAUSE = 1.0
"""Seconds between two looks."""


class ActionModule(WholeFabricAction):
    """Reads the clusters; while it watches, it prints what changes."""

    task = TASK

    def act(self, params: dict[str, Any], mode: Mode, variables: Mapping[str, Any]) -> Outcome:
        """Look once, or until all links are ready or the time is over."""
        if params["infos"] is not None:
            return super().act(params, mode, variables)
        look = look_at_clusters(variables, list(params["declaration"]["peers"]))
        states = states_of({**params, "infos": look()})
        if not params["watch"]:
            return outcome_of(states)
        deadline = time.monotonic() + params["watch_timeout"] if params["watch_timeout"] else float("inf")
        self._say(changes([], states))
        while not all(each.ready for each in states if each.wanted) and time.monotonic() < deadline:
            time.sleep(_PAUSE)
            before, states = states, states_of({**params, "infos": look()})
            self._say(changes(before, states))
        return outcome_of(states)

    def _say(self, lines: list[str]) -> None:
        for line in lines:
            self._display.display(f"{time.strftime('%H:%M:%S')} {line}")
