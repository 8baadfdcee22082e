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
from ..plugin_utils.clusters import failed_hosts, peer_reader
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
    hosts = declaration.hosts
    ends = [peer for peer in hosts if peer not in params["addresses"]] if "gateways" in wanted else []
    gateways = peer_reader(gateway_info.TASK, variables, {peer: hosts[peer] for peer in ends})()
    unknown = {peer: declaration.unknown(peer) for peer in declaration.lookups} if "namespaces" in wanted else {}
    given = {hosts[peer]: {"namespaces": list(names)} for peer, names in unknown.items() if names}
    asked = {peer: hosts[peer] for peer, names in unknown.items() if names}
    namespaces = peer_reader(service_info.TASK, variables, asked, given)()
    unread = {peer: found["msg"] for peer, found in namespaces.items() if "namespaces" not in found}
    faults = {peer: found["msg"] for peer, found in gateways.items() if "addresses" not in found}
    return Found(
        addresses={peer: found.get("addresses") for peer, found in gateways.items()},
        observed={peer: found["namespaces"] for peer, found in namespaces.items() if peer not in unread},
        unread=unread,
        warnings=[
            *(f"The gateway of {p} cannot be read: {msg}" for p, msg in faults.items() if hosts[p] not in reported),
            *(f"Namespaces of {p} cannot be read: {msg}" for p, msg in unread.items() if hosts[p] not in reported),
        ],
    )
