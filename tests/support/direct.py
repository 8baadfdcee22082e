# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules of this collection, run in the test's own process as Ansible's worker runs them.

A playbook for each task takes a second of a core, most of it to start. tests/integration/test_parity.py shows that
playbooks get the same results, from the worker and from a process of the module's own.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

from ansible.module_utils.common import warnings

from ansible_collections.skyshift.clusterlink.plugins.module_utils.module import run_in_worker
from tests.support.environment import ansible_environment

MODULES = "ansible_collections.skyshift.clusterlink.plugins.modules"
OF_THE_INVENTORY = frozenset(
    {"fabric_impact", "fabric_lock", "fabric_plan", "fabric_preflight", "link_info", "link_plan", "run_report"}
)
"""Modules whose actions do more than the module."""


def run_directly(
    name: str,
    args: Mapping[str, Any],
    folder: Path,
    *,
    check: bool = False,
    environment: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The result of a module, as a playbook would register it; a failed one is no error here.

    Args:
        name: The module, without the collection's name.
        args: Its arguments.
        folder: Where relative paths begin.
        check: In check mode.
        environment: Variables beside those of a run of Ansible.
    """
    task = importlib.import_module(f"{MODULES}.{name}").TASK
    with _as_ansible_runs_it(folder, environment):
        result = run_in_worker(task, {**args, **_settings(name, check)}, task.run)
    return _registered(result)


def run_as_module(name: str, args: Mapping[str, Any], folder: Path, *, check: bool = False) -> dict[str, Any]:
    """The same of what a module prints that runs as in a process of its own, but for how Ansible packs and starts it.

    Args:
        name: As for C(run_directly).
        args: As for C(run_directly).
        folder: As for C(run_directly).
        check: As for C(run_directly).
    """
    module, printed = importlib.import_module(f"{MODULES}.{name}"), io.StringIO()
    testing = importlib.import_module("ansible.module_utils.testing")  # ansible-core 2.16 has none
    with (
        _as_ansible_runs_it(folder, None),
        testing.patch_module_args({**args, **_settings(name, check)}),
        contextlib.redirect_stdout(printed),
        contextlib.suppress(SystemExit),
    ):
        module.main()
    return _registered(json.loads(printed.getvalue()))


def _settings(name: str, check: bool) -> dict[str, Any]:
    return {"_ansible_check_mode": check, "_ansible_diff": True, "_ansible_module_name": name}


@contextlib.contextmanager
def _as_ansible_runs_it(folder: Path, environment: Mapping[str, str] | None) -> Iterator[None]:
    with (
        _inside(folder),
        _environment(ansible_environment(**(environment or {}))),
        _as_module(),
    ):
        _forget_warnings()  # they are kept for the whole process, which a worker is for one task
        yield


def _registered(result: dict[str, Any]) -> dict[str, Any]:
    if "warnings" in result:
        result["warnings"] = list(warnings.get_warning_messages())
    return {"changed": False, "failed": False, **cast("dict[str, Any]", json.loads(json.dumps(result)))}


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _as_module() -> contextlib.AbstractContextManager[object]:
    """Have warnings returned; ansible-core 2.19 and later show them where a test has imported Ansible's controller."""
    try:
        internal = importlib.import_module("ansible.module_utils._internal")
    except ImportError:
        return contextlib.nullcontext()
    return patch.object(internal, "is_controller", new=False)


def _forget_warnings() -> None:
    warnings._global_warnings.clear()
    warnings._global_deprecations.clear()


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in {*os.environ, *variables}}
    _set({name: variables.get(name) for name in before})
    try:
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    """Change only what differs: other threads of the test start programs meanwhile."""
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        elif os.environ.get(name) != value:
            os.environ[name] = value
