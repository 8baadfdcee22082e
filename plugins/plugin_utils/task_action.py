# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a module of this collection inside Ansible's worker when it would run on the controller anyway.

A module process imports its libraries for every host and task, which takes longer than a task that has nothing to
change. Ansible loads actions in the parent process, so every worker inherits what they import.
Anything that asks for another process (a remote connection, become, environment, async) gets the ordinary module.

Each module has an action under its own name in plugins/action, most of them symlinks to one file. A redirect to one
action in meta/runtime.yml is no substitute: module_defaults of one module then reach all of them. Nor is a module's
C(action_plugin) there: the parent process does not load it, so every worker imports the libraries.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.plugins.loader import filter_loader, lookup_loader, test_loader

from ..module_utils.common.libraries import library_problems
from ..module_utils.common.progress import progress_to
from ..module_utils.errors import ClusterlinkError
from ..module_utils.lock import guard as _guard  # noqa: F401  # opened before any worker is forked
from ..module_utils.module import run_in_worker
from ..module_utils.outcome import Mode, Outcome, Task, failure
from .inventory import gather
from .own_cluster import NAMING, require_own_cluster

# Paid once, in the parent. A controller without them runs the module, with its own interpreter, which reports that.
for library in ("cryptography.x509", "kubernetes.client.api_client", "kubernetes.config", "websocket"):
    with contextlib.suppress(ImportError):
        importlib.import_module(library)
# Else each worker whose task has a filter, a test or this lookup loads it: a tenth of a second for Ansible's own.
with contextlib.suppress(KeyError):  # ansible-core before 2.19 in a program that has not set up its plugin loader
    filter_loader.get("default")
    test_loader.get("defined")
    lookup_loader.get("skyshift.clusterlink.module_options", class_only=True)
# What is imported stays: to search it for garbage in each worker and at the end of the run takes a third of a second.
gc.freeze()


class TaskAction(ActionBase):
    """The action of a module: runs the module's task in the worker, or the module where it needs another process.

    Attributes:
        task: The module's task.
    """

    task: Task

    _requires_connection = False
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module; the result is the same in both ways."""
        super().run(tmp, task_vars)
        variables, name = task_vars or {}, f"skyshift.clusterlink.{type(self).__module__.rpartition('.')[2]}"
        try:
            self._require_own_cluster(variables)
        except ClusterlinkError as error:
            return failure(error)
        if not self._runs_in_worker():
            result: dict[str, Any] = self._execute_module(
                module_name=name, task_vars=variables, wrap_async=self._task.async_val
            )
            return result
        arguments = dict(self._task.args)
        self._update_module_args(name, arguments, variables)
        with progress_to(
            lambda text: self._display.display(f"{variables.get('inventory_hostname')}: waits for {text}")
        ):
            return run_in_worker(self.task, arguments, lambda params, mode: self.act(params, mode, variables))

    def act(self, params: dict[str, Any], mode: Mode, variables: Mapping[str, Any]) -> Outcome:  # noqa: ARG002 - for others
        """Do the task's work with the validated parameters; an action that knows more overrides it."""
        return self.task.run(params, mode)

    def _require_own_cluster(self, variables: Mapping[str, Any]) -> None:
        """Refuse a task for one of several hosts that names no cluster, also where no preflight has run."""
        if not self.task.of_host or not {*NAMING} <= self.task.argument_spec.keys():
            return
        host = str(variables.get("clusterlink_of", variables.get("inventory_hostname")))
        # A task that runs elsewhere, or once, is for no host of the play, unless that is one of the fabric's.
        alone = self._task.run_once or self._task.delegate_to
        others = () if alone else variables.get("ansible_play_hosts_all", ())
        require_own_cluster(host, self._task.args, variables, others)

    def _runs_in_worker(self) -> bool:
        """Whether the module would run on the controller, as the same user and in the same environment."""
        return (
            self._connection.transport == "local"
            and not self._connection.become
            and not any(self._task.environment or [])
            and not self._task.async_val
            and not any(library_problems(self.task.requires))
        )


class InventoryAction(TaskAction):
    """The action of a module that reads the inventory: it always runs in the worker, which alone can read that.

    A C(declaration) that is not given is gathered from the inventory.
    """

    _supports_async = False

    def act(self, params: dict[str, Any], mode: Mode, variables: Mapping[str, Any]) -> Outcome:
        """Gather the declaration and do the work; an action that asks clusters overrides it."""
        self.gather_declaration(params, variables)
        return self.task.run(params, mode)

    def gather_declaration(self, params: dict[str, Any], variables: Mapping[str, Any]) -> None:
        """Set the declaration from the inventory where the module takes one and none is given."""
        if "declaration" in params and params["declaration"] is None:
            params["declaration"] = gather(variables, self._templar)

    def _runs_in_worker(self) -> bool:
        return True
