# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of module fabric_preflight: reads the inventory, its variables' names, and the clusters."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ansible.utils.vars import load_extra_vars

from ..module_utils.errors import ClusterlinkError, Problem, raise_all
from ..module_utils.fabric.declaration import DEFAULT_GROUP, parse
from ..module_utils.fabric.model import Declaration
from ..module_utils.outcome import Mode, Outcome
from ..module_utils.preflight.cluster import READ
from ..module_utils.preflight.identity import Clusters
from ..module_utils.preflight.options import OPTIONS, option_problems
from ..modules.fabric_preflight import TASK, check
from ..plugin_utils.clusters import reader
from ..plugin_utils.inventory import host_options
from ..plugin_utils.own_cluster import NAMING, nameless
from ..plugin_utils.task_action import InventoryAction
from ..plugin_utils.variables import name_problems, value_problems


class ActionModule(InventoryAction):
    """Checks the inventory and the clusters before a run writes anything."""

    task = TASK

    def act(self, params: dict[str, Any], mode: Mode, variables: Mapping[str, Any]) -> Outcome:
        """Collect the problems of the inventory; when there are none, read the clusters."""
        problems: list[Problem] = []
        if params["declaration"] is None and params["inventory"]:
            problems += inventory_problems(variables, load_extra_vars(self._loader), params["parameters"])
        try:
            self.gather_declaration(params, variables)
            if problems:  # else the check below says what is wrong with the declaration
                parse(params["declaration"] or {})
        except ClusterlinkError as error:
            # Of a group without hosts, the inventory's problem says more than the declaration's.
            problems += [each for each in error.problems if not problems or each.where != "clusterlink_group"]
        raise_all(problems)
        return check(params, mode, lambda declaration: _read(declaration, variables))


def inventory_problems(
    variables: Mapping[str, Any], extra: Collection[str], parameters: Collection[str]
) -> Iterator[Problem]:
    """What is wrong with the inventory's hosts and their variables, besides the declaration.

    Args:
        variables: The task's variables, with C(groups), C(hostvars) and C(ansible_play_hosts_all).
        extra: The names of the extra variables.
        parameters: The names of the playbook's own parameters.
    """
    hostvars, group = variables["hostvars"], _group(variables)
    hosts = [str(host) for host in variables["groups"].get(group, ())]
    yield from name_problems({host: hostvars.raw_get(host) for host in hosts}, extra, parameters)
    if not hosts:
        what = "names an inventory group that has no hosts"
        fix = "Add a host for each cluster to the group, or give the inventory with -i"
        yield Problem("clusterlink_group", what, group, fix)
    elif not set(hosts) & set(variables["ansible_play_hosts_all"]):
        fix = f"Give --limit a host of the group: {', '.join(hosts)}"
        yield Problem("--limit", f"excludes every host of the group {group}", fix=fix)
    wrong = list(value_problems(hostvars, hosts))
    yield from wrong
    yield from _connection_problems(hostvars, hosts)
    if not wrong:
        for host in hosts:
            yield from option_problems(host, host_options(OPTIONS, hostvars, host))


def _group(variables: Mapping[str, Any]) -> str:
    return str(variables.get("clusterlink_group", DEFAULT_GROUP))


def _connection_problems(hostvars: Any, hosts: list[str]) -> Iterator[Problem]:
    """Hosts that would all reach the cluster of the environment, the default kubeconfig, or the controller's pod."""
    if len(hosts) == 1:
        return
    for host in hosts:
        own = hostvars.raw_get(host)
        if not any(own.get(f"clusterlink_{option}") for option in NAMING):
            yield nameless(host)


def _read(declaration: Declaration, variables: Mapping[str, Any]) -> tuple[Clusters, dict[str, str]]:
    given = {
        peer.host: {"namespace": peer.namespace, "cluster_domain": peer.cluster_domain}
        for peer in declaration.peers.values()
    }
    found = reader(READ, variables, given, given)()
    unread = {host: str(result["msg"]) for host, result in found.items() if "uid" not in result}
    return {host: result for host, result in found.items() if host not in unread}, unread
