# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask many clusters side by side, hosts outside --limit included: each by a module's task and its host's connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from ..module_utils.common.libraries import library_problems
from ..module_utils.errors import ClusterlinkError, raise_all
from ..module_utils.outcome import Mode, Task, failure, run_guarded
from .inventory import host_options

PREFLIGHT = "preflight_found"
"""The variable with the preflight's result, whose C(unread) has the hosts whose clusters it cannot read, and why."""
UNREAD = "fabric_unread"
"""The fact with the same, of a playbook without such a preflight."""
RETRY_TIMEOUT = "fabric_retry_timeout"
"""The variable with the seconds for which a playbook that only reports retries."""
_PARALLEL = 16
"""Clusters that are asked at a time."""

Results = dict[str, dict[str, Any]]
"""By host, the return values of a module, or C(msg) and C(problems) of a cluster that cannot be read."""


def reader(
    task: Task, variables: Mapping[str, Any], hosts: Iterable[str], given: Mapping[str, Mapping[str, Any]] | None = None
) -> Callable[[], Results]:
    """What runs a module's task for every host, side by side, each time that it is called.

    Hosts that have failed in this run are asked only once: other tasks have tried them for as long as is configured.
    Those whose clusters this run cannot read are not asked again.

    Args:
        task: The task; it may not change anything.
        variables: The variables of the calling task, with C(hostvars).
        hosts: The hosts to ask. Options come from their variables.
        given: Options by host, in place of the host's variables.

    Raises:
        ClusterlinkError: A package that the task requires is missing or too old.
    """
    raise_all(library_problems(task.requires))
    failed, unread = failed_hosts(variables), unread_hosts(variables)
    asks: dict[str, Callable[[], dict[str, Any]]] = {}
    for host in hosts:
        if host in unread:
            asks[host] = partial(dict, failed=True, msg=str(unread[host]), problems=[])
            continue
        patience = {"retry_timeout": 0} if host in failed else _patience(variables, host)
        asks[host] = _ask(task, variables["hostvars"], host, {**patience, **(given or {}).get(host, {})})

    def read() -> Results:
        with ThreadPoolExecutor(max(1, min(_PARALLEL, len(asks)))) as pool:
            return dict(zip(asks, pool.map(lambda ask: ask(), asks.values()), strict=True))

    return read


def peer_reader(
    task: Task,
    variables: Mapping[str, Any],
    hosts: Mapping[str, str],
    given: Mapping[str, Mapping[str, Any]] | None = None,
) -> Callable[[], Results]:
    """As C(reader), with the results by peer.

    Args:
        task: The task; it may not change anything.
        variables: The variables of the calling task, with C(hostvars).
        hosts: The host of each peer to ask.
        given: Options by host, in place of the host's variables.
    """
    read = reader(task, variables, hosts.values(), given)

    def read_peers() -> Results:
        found = read()
        return {peer: found[host] for peer, host in hosts.items()}

    return read_peers


def failed_hosts(variables: Mapping[str, Any]) -> set[str]:
    """The hosts of the play that have failed in this run."""
    return {*variables.get("ansible_play_hosts_all", ())} - {*variables.get("ansible_play_hosts", ())}


def unread_hosts(variables: Mapping[str, Any]) -> dict[str, str]:
    """The hosts whose clusters this run has tried to read before, and could not, with the reasons."""
    preflight = variables.get(PREFLIGHT) or {}
    return {**(preflight.get("unread") or {}), **(variables.get(UNREAD) or {})}


def _patience(variables: Mapping[str, Any], host: str) -> dict[str, Any]:
    """The playbook's own limit of retries for a host that sets none, such as one outside C(--limit)."""
    limit, own = variables.get(RETRY_TIMEOUT), variables["hostvars"].get(host) or {}
    return {"retry_timeout": limit} if limit is not None and "clusterlink_retry_timeout" not in own else {}


def _ask(task: Task, hostvars: Mapping[str, Any], host: str, given: Mapping[str, Any]) -> Callable[[], dict[str, Any]]:
    # Variables are templated here: Ansible's templating is not for several threads.
    try:
        params = host_options(task.argument_spec, hostvars, host, given, task.constraints)
    except ClusterlinkError as error:
        problem = failure(error)
        return lambda: problem

    def ask() -> dict[str, Any]:
        try:
            return run_guarded(task.run, params, Mode()).values
        except ClusterlinkError as error:
            return failure(error)

    return ask
