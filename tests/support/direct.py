# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules of this collection, run in the test's own process as Ansible's worker runs them.

A playbook for each task takes a second of a core, most of it to start. tests/integration/test_parity.py shows that
playbooks get the same results, from the worker and from a process of the module's own.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

from ansible.module_utils import _internal
from ansible.module_utils.common import warnings

from ansible_collections.skyshift.clusterlink.plugins.module_utils.module import run_in_worker
from tests.support.environment import ansible_environment

MODULES = "ansible_collections.skyshift.clusterlink.plugins.modules"
OF_THE_INVENTORY = frozenset(
    {"fabric_impact", "fabric_lock", "fabric_plan", "fabric_preflight", "link_info", "link_plan"}
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
    arguments = {**args, "_ansible_check_mode": check, "_ansible_diff": True, "_ansible_module_name": name}
    with (
        contextlib.chdir(folder),
        _environment(ansible_environment(**(environment or {}))),
        # Where a test has imported Ansible's controller, warnings would be shown instead of returned.
        patch.object(_internal, "is_controller", new=False),
    ):
        _forget_warnings()  # they are kept for the whole process, which a worker is for one task
        result = run_in_worker(task, arguments, task.run)
    if "warnings" in result:
        result["warnings"] = list(warnings.get_warning_messages())
    return {"changed": False, "failed": False, **cast("dict[str, Any]", json.loads(json.dumps(result)))}


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
