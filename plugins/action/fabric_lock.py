# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of module fabric_lock: locks the clusters of the play for the run that it is a task of."""

from __future__ import annotations

import getpass
import os
import platform
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import context
from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean

from ..module_utils.errors import ClusterlinkError, Problem
from ..module_utils.kube.client import Cluster
from ..module_utils.kube.connection import CONNECTION_SPEC, connect
from ..module_utils.kube.retry import RetryPolicy
from ..module_utils.lock.daemon import MAIN
from ..module_utils.outcome import Mode, Outcome
from ..modules.fabric_lock import TASK, ThisRun, lock
from ..plugin_utils.clusters import unread_hosts
from ..plugin_utils.host_variables import variables_of
from ..plugin_utils.inventory import host_options
from ..plugin_utils.task_action import InventoryAction

_RUN = uuid.uuid4().hex[:8]
"""Identifies the run: Ansible loads actions in its main process, before it forks the workers."""
_SUFFIX = re.compile(r"\.ya?ml$")
_RETRY_LIMIT = 5.0
"""Seconds for which a transient failure is retried. An unreachable cluster is for later tasks to report."""


class ActionModule(InventoryAction):
    """Takes or releases the lock of this run."""

    task = TASK

    def act(self, params: dict[str, Any], mode: Mode, variables: Mapping[str, Any]) -> Outcome:
        """Connect to the clusters, and lock them."""
        hostvars, hosts = variables["hostvars"], params["hosts"]
        if hosts is None:
            hosts = variables["ansible_play_hosts_all"]
        clusters = {
            host: _connected(hostvars, host, params["duration"]) for host in hosts if _takes_lock(hostvars, host)
        }
        unread = frozenset(unread_hosts(variables))
        return lock(params, mode, ThisRun(_holder(), clusters, self._display.display, unread))


def _takes_lock(hostvars: Mapping[str, Any], host: str) -> bool:
    if host not in hostvars:
        raise ClusterlinkError(Problem("hosts", "names a host that the inventory does not have", host, "Correct it"))
    try:
        return bool(boolean(variables_of(hostvars, host).get("clusterlink_lock", True)))
    except (AnsibleError, TypeError) as error:
        raise ClusterlinkError(
            Problem("clusterlink_lock", "is neither true nor false", str(error), host=host)
        ) from None


def _connected(hostvars: Mapping[str, Any], host: str, duration: int) -> Cluster | ClusterlinkError:
    try:
        options = host_options(CONNECTION_SPEC, hostvars, host)
        # A third of the duration, so that a renewal on a connection that went silent is repeated on another in time.
        return connect(options, RetryPolicy(min(_RETRY_LIMIT, options["retry_timeout"]), attempt=duration / 3))
    except ClusterlinkError as error:
        return error


def _holder() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = f"user {os.getuid()}"
    given = context.CLIARGS.get("args") or ()
    playbooks = [given] if isinstance(given, str) else given
    names = ", ".join(_SUFFIX.sub("", Path(name).name) for name in playbooks)
    return f"{user}@{platform.node()} (playbook {names}, process {MAIN}, run {_RUN})"
