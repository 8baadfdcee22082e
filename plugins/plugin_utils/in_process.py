# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a module of this collection inside Ansible's worker when it would run on the controller anyway.

A module process imports its libraries anew for every host and task, which takes longer than a task that has
nothing to change. Ansible loads actions in the parent process, so every worker inherits what they import.
Anything that asks for another process (a remote connection, become, environment, async) gets the ordinary module.
"""

from __future__ import annotations

import contextlib
import importlib
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

from ..module_utils.errors import ClusterlinkError
from ..module_utils.module import missing_library
from ..module_utils.outcome import Mode, Task, failure

# Paid once, in the parent. A controller without them runs the module, with its own interpreter, and hears from that.
for library in ("cryptography.x509", "kubernetes.client.api_client", "kubernetes.config", "websocket"):
    with contextlib.suppress(ImportError):
        importlib.import_module(library)


class InProcessAction(ActionBase):
    """A module's action: plugins/action has a file of each module's name that says which task it is.

    Attributes:
        task: What the module does.
    """

    task: Task

    _requires_connection = False
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Validate the arguments as a module would, run the task, and return its result."""
        super().run(tmp, task_vars)
        task, name = self.task, self._task.action.rpartition(".")[2]
        if not self._stays_here() or missing_library(task):
            result: dict[str, Any] = self._execute_module(
                module_name=f"skyshift.clusterlink.{name}", task_vars=task_vars, wrap_async=self._task.async_val
            )
            return result

        validation = ArgumentSpecValidator(task.argument_spec, **task.constraints).validate(self._task.args)
        if validation.error_messages:
            return {"failed": True, "msg": f"{name}: {'; '.join(validation.error_messages)}"}
        mode = Mode(check=bool(self._task.check_mode), diff=bool(self._task.diff))
        try:
            outcome = task.run(validation.validated_parameters, mode)
        except ClusterlinkError as error:
            return failure(error)
        result = outcome.as_result(mode)
        if outcome.warnings:
            result["warnings"] = outcome.warnings
        return result

    def _stays_here(self) -> bool:
        """Whether the module would run on the controller, as the same user and in the same environment."""
        return (
            self._connection.transport == "local"
            and not self._connection.become
            and not any(self._task.environment or [])
            and not self._task.async_val
        )
