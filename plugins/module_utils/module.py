# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task as an Ansible module in a process of its own: the only place that knows AnsibleModule."""

from __future__ import annotations

import importlib
import traceback

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from .errors import ClusterlinkError
from .outcome import Mode, Task, failure


def missing_library(task: Task) -> tuple[str, str] | None:
    """The first required package that cannot be imported, as (message, traceback), or None."""
    for name in task.requires:
        try:
            importlib.import_module(name)
        except ImportError:
            return missing_required_lib(name), traceback.format_exc()
    return None


def run_module(task: Task) -> None:
    """Run the task as an Ansible module in its own process; it ends with exit_json or fail_json."""
    module = AnsibleModule(argument_spec=task.argument_spec, supports_check_mode=True, **task.constraints)
    missing = missing_library(task)
    if missing:
        module.fail_json(msg=missing[0], exception=missing[1])
    mode = Mode(check=module.check_mode, diff=module._diff)
    try:
        outcome = task.run(module.params, mode)
    except ClusterlinkError as error:
        module.fail_json(**{key: value for key, value in failure(error).items() if key != "failed"})
    for warning in outcome.warnings:
        module.warn(warning)
    result = outcome.as_result(mode)
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)
