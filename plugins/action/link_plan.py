# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of module link_plan: its declaration comes from the inventory, the rest from the clusters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..module_utils.fabric.declaration import parse
from ..module_utils.outcome import Mode, Outcome
from ..modules import fabric_info, gateway_info
from ..modules.link_plan import TASK, plan
from ..plugin_utils.clusters import peer_reader
from ..plugin_utils.task_action import InventoryAction


class ActionModule(InventoryAction):
    """Reads what every cluster holds, and the addresses of the two gateways."""

    task = TASK

    def act(self, params: dict[str, Any], mode: Mode, variables: Mapping[str, Any]) -> Outcome:  # noqa: ARG002 - for others
        """Read what is not given, and plan the link."""
        self.gather_declaration(params, variables)
        declaration = parse(params["declaration"])
        hosts = declaration.hosts
        if params["infos"] is None:
            params["infos"] = peer_reader(fabric_info.TASK, variables, hosts)()
        if params["addresses"] is None and params["state"] == "present":
            named = (params["source"], params["target"])
            ends = {peer: host for peer, host in hosts.items() if peer in named or host in named}
            gateways = peer_reader(gateway_info.TASK, variables, ends)()
            params["addresses"] = {peer: found.get("addresses") for peer, found in gateways.items()}
        return plan(params, declaration)
