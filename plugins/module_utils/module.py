# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task as an Ansible module: the only place that knows AnsibleModule."""

from __future__ import annotations

import importlib
import json
import re
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible.module_utils import basic
from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from .errors import ClusterlinkError
from .outcome import Mode, Outcome, Task, failure

Run = Callable[[dict[str, Any], Mode], Outcome]
"""Does a task's work: takes the validated parameters and the mode."""


def run_module(task: Task) -> None:
    """Run the task as an Ansible module in a process of its own; it ends with exit_json or fail_json."""
    _finish(AnsibleModule(**_options(task)), task, task.run)


def run_in_worker(task: Task, arguments: dict[str, Any], run: Run) -> dict[str, Any]:
    """Run the task as an Ansible module inside Ansible's worker, and return the result that a process would print.

    Args:
        task: The task.
        arguments: The arguments, and Ansible's own settings as C(_ansible_) arguments.
        run: Does the work, in place of the task's own function.
    """
    try:
        _finish(_WorkerModule(arguments, **_options(task)), task, run)
    except _ResultReported as reported:
        return reported.result
    raise AssertionError("a module always reports a result")


def missing_library(task: Task) -> tuple[str, str] | None:
    """The first required package that cannot be imported, as (message, traceback), or None."""
    for name in task.requires:
        try:
            importlib.import_module(name)
        except ImportError:
            return missing_required_lib(name), traceback.format_exc()
    return None


_SECRET = re.compile(r"""(?:token|password|secret|data|value)["']?\s*:\s*["']?([^\s"',}]{6,})""", re.IGNORECASE)
"""The values of a kubeconfig that nobody may see: of keys such as token, client-key-data, client-secret."""


def inline_secrets(task: Task, params: Mapping[str, Any]) -> Iterator[str]:
    """What no output may show of options that take a file's content, such as kubeconfig.

    Args:
        task: The task; such options have the type raw.
        params: Its parameters.
    """
    for name, option in task.argument_spec.items():
        value = params.get(name)
        if option.get("type") != "raw" or not value:
            continue
        text = value if isinstance(value, str) else json.dumps(value)
        if not isinstance(value, str) or "\n" in value.strip() or value.lstrip().startswith("{"):
            yield from _SECRET.findall(text)
            if isinstance(value, str):
                yield value


def _options(task: Task) -> dict[str, Any]:
    return {"argument_spec": task.argument_spec, "supports_check_mode": True, **task.constraints}


def _finish(module: AnsibleModule, task: Task, run: Run) -> None:
    """Run the task with the module's parameters, and report the result."""
    missing = missing_library(task)
    if missing:
        module.fail_json(msg=missing[0], exception=missing[1])
    module.no_log_values.update(inline_secrets(task, module.params))
    mode = Mode(check=module.check_mode, diff=module._diff)
    try:
        outcome = run(module.params, mode)
    except ClusterlinkError as error:
        module.fail_json(**{key: value for key, value in failure(error).items() if key != "failed"})
    for warning in outcome.warnings:
        module.warn(warning)
    result = outcome.as_result(mode)
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)


class _ResultReported(Exception):  # noqa: N818 - it is no error
    """Carries the result out of exit_json and fail_json."""

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__()
        self.result = result


class _WorkerModule(AnsibleModule):
    """Takes its arguments from the caller instead of standard input, and gives the result back instead of printing it.

    AnsibleModule itself validates arguments, resolves aliases, masks secrets, and records warnings and the invocation,
    as in a process. Collection ansible.netcommon runs modules in workers by the same two methods.
    """

    def __init__(self, arguments: dict[str, Any], **options: Any) -> None:
        self._arguments = arguments
        super().__init__(**options)

    def _load_params(self) -> None:
        # What AnsibleModule reads of Ansible's settings later, it reads there, as it removes them from the parameters.
        basic._PARSED_MODULE_ARGS = dict(self._arguments)
        self.params = self._arguments

    def _record_module_result(self, o: dict[str, Any]) -> None:
        raise _ResultReported(o)
