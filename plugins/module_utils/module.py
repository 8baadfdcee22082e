# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task as an Ansible module: the only place that knows AnsibleModule."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from ansible.module_utils import basic
from ansible.module_utils.basic import AnsibleModule

from .common.content import is_content
from .common.libraries import library_problems
from .errors import ClusterlinkError, raise_all
from .outcome import Mode, Run, Task, failure, run_guarded, unknown_error

try:
    import yaml
except ImportError:
    pass  # reported by library_problems: the kubernetes package brings it


_OF_ARGUMENTS = (AttributeError, LookupError, TypeError, ValueError)
"""What Ansible itself fails with for arguments that are wrong enough. Its message would show them."""


def run_module(task: Task) -> None:
    """Run the task as an Ansible module in a process of its own; it ends with exit_json or fail_json."""
    try:
        _finish(_Module(task), task, task.run)
    except _OF_ARGUMENTS as error:
        result = failure(unknown_error(error))
    else:
        return
    sys.stdout.write(json.dumps(result))
    raise SystemExit(1)


def run_in_worker(task: Task, arguments: dict[str, Any], run: Run) -> dict[str, Any]:
    """Run the task as an Ansible module inside Ansible's worker, and return the result that a process would print.

    Args:
        task: The task.
        arguments: The arguments, and Ansible's own settings as C(_ansible_) arguments.
        run: Does the work, in place of the task's own function.
    """
    try:
        _finish(_WorkerModule(arguments, task), task, run)
    except _ResultReported as reported:
        return reported.result
    except _OF_ARGUMENTS as error:
        return failure(unknown_error(error))
    raise AssertionError("a module always reports a result")


_SECRET = re.compile(r"""(?:token|password|secret|data|value)["']?\s*:\s*["']?([^\s"',}]{6,})""", re.IGNORECASE)
"""The values of a kubeconfig that nobody may see: of keys such as token, client-key-data, client-secret."""
_SECRET_KEY = re.compile(r"(?:token|password|secret|data|value)$", re.IGNORECASE)
_SHORTEST = 6
"""Shorter values are not hidden: they would be replaced within all words that contain them."""
_HIDDEN = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


def inline_secrets(task: Task, params: Mapping[str, Any]) -> Iterator[str]:
    """What no output may show of options that take a file's content, such as kubeconfig.

    Args:
        task: The task; such options have the type raw.
        params: Its parameters.
    """
    for name in _contents(task, params):
        value = params[name]
        if isinstance(value, str):
            yield value
            yield from _SECRET.findall(value)
            with contextlib.suppress(Exception):  # damaged YAML; the text as a whole is hidden in any case
                yield from _secret_values(yaml.safe_load(value))
        else:
            yield from _secret_values(value)


def _contents(task: Task, params: Mapping[str, Any]) -> list[str]:
    """The options that have a file's content in place of its path."""
    raw = [name for name, option in task.argument_spec.items() if option.get("type") == "raw"]
    return [name for name in raw if params.get(name) and is_content(params[name])]


def _secret_values(value: object, *, secret: bool = False) -> Iterator[str]:
    """The strings under the keys of secrets, at any depth."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _secret_values(each, secret=secret or bool(_SECRET_KEY.search(str(key))))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _secret_values(each, secret=secret)
    elif secret and isinstance(value, str) and len(value) >= _SHORTEST:
        yield value
        yield from (line for line in value.splitlines() if len(line) >= _SHORTEST)


def _unlogged(spec: Mapping[str, Any], params: Mapping[str, Any]) -> Iterator[str]:
    """The strings of options that are no_log, at any depth."""
    for name, option in spec.items():
        given = [params[each] for each in (name, *option.get("aliases", ())) if params.get(each)]
        for value in given:
            if option.get("no_log"):
                yield from _strings(value)
            elif option.get("options"):
                for each in value if isinstance(value, list | tuple) else [value]:
                    if isinstance(each, Mapping):
                        yield from _unlogged(option["options"], each)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, Mapping | list | tuple):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _strings(each)
    elif isinstance(value, str) and value:
        yield value


def _options(task: Task) -> dict[str, Any]:
    return {"argument_spec": task.argument_spec, "supports_check_mode": True, **task.constraints}


def _finish(module: AnsibleModule, task: Task, run: Run) -> None:
    """Run the task with the module's parameters, and report the result."""
    mode = Mode(check=module.check_mode, diff=module._diff)
    failed: dict[str, Any] | None = None
    try:
        raise_all(library_problems(task.requires))
        outcome = run_guarded(run, module.params, mode)
    except ClusterlinkError as error:
        failed = {key: value for key, value in failure(error).items() if key != "failed"}
    # Not within the handler: a traceback of the errors behind this one could hold what their messages must not.
    if failed is not None:
        module.fail_json(**failed)
    for warning in outcome.warnings:
        module.warn(warning)
    result = outcome.as_result(mode)
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)


class _Module(AnsibleModule):
    """Hides options that have a file's content, from the first result on: that of wrong arguments included."""

    params: dict[str, Any]

    def __init__(self, task: Task) -> None:
        self._task = task
        super().__init__(**_options(task))

    def _load_params(self) -> None:
        super()._load_params()
        self._hide()

    def _hide(self) -> None:
        given = {name: value for name, value in _environment(self._task).items() if self.params.get(name) is None}
        every = {**self.params, **given}
        self.no_log_values.update(inline_secrets(self._task, every))
        # Ansible finds these, too, unless another argument is so wrong that it stops before.
        self.no_log_values.update(_unlogged(self._task.argument_spec, every))

    def _shown(self) -> dict[str, Any]:
        return {**self.params, **dict.fromkeys(_contents(self._task, self.params), _HIDDEN)}

    def _log_invocation(self) -> None:
        params, self.params = self.params, self._shown()
        try:
            super()._log_invocation()
        finally:
            self.params = params

    def _return_formatted(self, kwargs: dict[str, Any]) -> None:
        super()._return_formatted({"invocation": {"module_args": self._shown()}, **kwargs})


def _environment(task: Task) -> dict[str, str]:
    """The options that the environment gives in place of the task."""
    found: dict[str, str] = {}
    for name, option in task.argument_spec.items():
        for variable in option.get("fallback", (None, ()))[1]:
            if variable in os.environ:
                found.setdefault(name, os.environ[variable])
    return found


class _ResultReported(Exception):  # noqa: N818 - it is no error
    """Carries the result out of exit_json and fail_json."""

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__()
        self.result = result


class _WorkerModule(_Module):
    """Takes its arguments from the caller instead of standard input, and gives the result back instead of printing it.

    AnsibleModule itself validates arguments, resolves aliases, masks secrets, and records warnings and the invocation,
    as in a process. Collection ansible.netcommon runs modules in workers by the same two methods.
    """

    def __init__(self, arguments: dict[str, Any], task: Task) -> None:
        self._arguments = arguments
        super().__init__(task)

    def _load_params(self) -> None:
        # What AnsibleModule reads of Ansible's settings later, it reads there, as it removes them from the parameters.
        basic._PARSED_MODULE_ARGS = dict(self._arguments)
        self.params = self._arguments
        self._hide()

    def _record_module_result(self, o: dict[str, Any]) -> None:
        raise _ResultReported(o)

    def jsonify(self, data: dict[str, Any]) -> str:
        """Take the result where ansible-core before 2.19 prints it: it has no C(_record_module_result)."""
        raise _ResultReported(data)
