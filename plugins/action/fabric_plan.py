# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of module fabric_plan: reads the inventory, and the clusters where the declaration leaves things open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..module_utils.fabric.model import Declaration
from ..module_utils.outcome import Mode, Outcome
from ..modules import gateway_info, service_info
from ..modules.fabric_plan import TASK, Found, plan
from ..plugin_utils.clusters import failed_hosts, reader
from ..plugin_utils.task_action import InventoryAction


class ActionModule(InventoryAction):
    """Compiles the plan with what the inventory and, where wanted, the clusters say."""

    task = TASK

    def act(self, params: dict[str, Any], _mode: Mode, variables: Mapping[str, Any]) -> Outcome:
        """Gather the declaration unless it is given, and compile it."""
        self.gather_declaration(params, variables)
        return plan(params, lambda declaration: _look_up(params, declaration, variables))


def _look_up(params: Mapping[str, Any], declaration: Declaration, variables: Mapping[str, Any]) -> Found:
    """Read what is wanted and not given; the warnings leave out hosts whose failure this run has reported already."""
    wanted, reported = params["look_up"], failed_hosts(variables)
    ends = [host for host in declaration.peers if host not in params["addresses"]] if "gateways" in wanted else []
    gateways = reader(gateway_info.TASK, variables, ends)()
    unknown = {host: declaration.unknown(host) for host in declaration.lookups} if "namespaces" in wanted else {}
    given = {host: {"namespaces": list(names)} for host, names in unknown.items() if names}
    namespaces = reader(service_info.TASK, variables, given, given)()
    unread = {host: found["msg"] for host, found in namespaces.items() if "namespaces" not in found}
    faults = {host: found["msg"] for host, found in gateways.items() if "address" not in found}
    return Found(
        addresses={host: found.get("address") for host, found in gateways.items()},
        observed={host: found["namespaces"] for host, found in namespaces.items() if host not in unread},
        unread=unread,
        warnings=[
            *(f"The gateway of {host} cannot be read: {msg}" for host, msg in faults.items() if host not in reported),
            *(f"Namespaces of {host} cannot be read: {msg}" for host, msg in unread.items() if host not in reported),
        ],
    )
