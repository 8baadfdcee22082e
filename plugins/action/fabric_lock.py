# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module of this name, for the run that this is a task of, and the clusters of its play."""

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
from ..plugin_utils.whole_fabric import CONNECTION_VARIABLES, WholeFabricAction, host_options

_RUN = uuid.uuid4().hex[:8]
"""Which run this is: actions are loaded in its main process, before its workers are forked."""
_OPTIONS = (*(name for name in CONNECTION_VARIABLES if name in CONNECTION_SPEC), "retry_timeout")
_SUFFIX = re.compile(r"\.ya?ml$")
_RETRY_LIMIT = 5.0
"""Seconds for which a request is tried again that fails in passing. What a cluster that is away owes is for later tasks
to find out, in the time that they are given for it."""


class ActionModule(WholeFabricAction):
    """Takes or gives back the lock of this run."""

    task = TASK

    def act(self, params: dict[str, Any], mode: Mode, variables: Mapping[str, Any]) -> Outcome:
        """Connect to the clusters, and lock them."""
        hostvars, hosts = variables["hostvars"], params["hosts"]
        if hosts is None:
            hosts = variables["ansible_play_hosts_all"]
        clusters = {host: _connected(hostvars, host) for host in hosts if _is_wanted(hostvars[host], host)}
        return lock(params, mode, ThisRun(_holder(), clusters, self._display.display))


def _is_wanted(own: Mapping[str, Any], host: str) -> bool:
    try:
        return bool(boolean(own.get("clusterlink_lock", True)))
    except (AnsibleError, TypeError) as error:
        raise ClusterlinkError(
            Problem("clusterlink_lock", "is neither true nor false", str(error), host=host)
        ) from None


def _connected(hostvars: Mapping[str, Any], host: str) -> Cluster | ClusterlinkError:
    try:
        options = host_options(CONNECTION_SPEC, hostvars, host, _OPTIONS)
        return connect(options, RetryPolicy(min(_RETRY_LIMIT, options["retry_timeout"])))
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
