# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask many clusters side by side, hosts outside --limit included: each by a module's task and its host's connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..module_utils.errors import ClusterlinkError
from ..module_utils.outcome import Mode, Task, failure, run_guarded
from .inventory import host_options

_PARALLEL = 16
"""Clusters that are asked at a time."""

Results = dict[str, dict[str, Any]]
"""By host, the return values of a module, or C(msg) and C(problems) of a cluster that cannot be read."""


def reader(
    task: Task, variables: Mapping[str, Any], hosts: Iterable[str], given: Mapping[str, Mapping[str, Any]] | None = None
) -> Callable[[], Results]:
    """What runs a module's task for every host, side by side, each time that it is called.

    Hosts that have failed in this run are asked only once: other tasks have tried them for as long as is configured.

    Args:
        task: The task; it may not change anything.
        variables: The variables of the calling task, with C(hostvars).
        hosts: The hosts to ask. Options come from their variables.
        given: Options by host, in place of the host's variables.
    """
    failed, asks = failed_hosts(variables), {}
    for host in hosts:
        once = {"retry_timeout": 0} if host in failed else {}
        asks[host] = _ask(task, variables["hostvars"], host, {**once, **(given or {}).get(host, {})})

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
