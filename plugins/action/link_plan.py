# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module of this name, with what the inventory and every cluster say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..module_utils.outcome import Mode, Outcome
from ..modules.link_plan import TASK
from ..plugin_utils.whole_fabric import WholeFabricAction, gateway_addresses, look_at_clusters


class ActionModule(WholeFabricAction):
    """Reads what every cluster holds, and where the two gateways are."""

    task = TASK

    def act(self, params: dict[str, Any], mode: Mode, variables: Mapping[str, Any]) -> Outcome:
        """Read what was not given, and judge."""
        hosts = list(params["declaration"]["peers"])
        if params["infos"] is None:
            params["infos"] = look_at_clusters(variables, hosts)()
        if params["addresses"] is None and params["state"] == "present":
            ends = [host for host in hosts if host in (params["source"], params["target"])]
            params["addresses"] = gateway_addresses(variables, ends)
        return super().act(params, mode, variables)
