# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever waits says what for: in Python by common/progress.py, in playbooks and roles by the task's name."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.support.yaml_files import tasks_of

ROOT = Path(__file__).resolve().parents[2]
SAYS_ITSELF = {"plugins/action/link_info.py", "plugins/module_utils/kube/wait.py"}
"""Prints each change of a link as it comes; tells what it waits for with every look at the clusters."""
NAMED = ("Wait ", "Check ", "Compare ")
WAITING = {"ansible.builtin.pause", "ansible.builtin.wait_for", "ansible.builtin.wait_for_connection"}


def sleeps(path: Path) -> list[int]:
    """The lines of loops' own sleeps, which nobody hears."""
    return sorted(
        {
            call.lineno
            for loop in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(loop, ast.While)
            for call in ast.walk(loop)
            if isinstance(call, ast.Call) and ast.unparse(call.func) in ("time.sleep", "sleep")
        }
    )


def test_a_loop_that_sleeps_tells_what_it_waits_for() -> None:
    files = {str(path.relative_to(ROOT)): path for path in sorted(ROOT.glob("plugins/**/*.py"))}
    silent = {name: lines for name, path in files.items() if (lines := sleeps(path))}
    assert set(silent) == SAYS_ITSELF, f"Progress.pause says what is waited for: {silent}"


def test_the_name_of_a_task_that_waits_says_what_for() -> None:
    """Ansible prints it with each attempt; what modules say while they wait follows it."""
    files = [*ROOT.glob("playbooks/**/*.yml"), *ROOT.glob("roles/*/tasks/*.yml")]
    every = [(path, task) for path in files for task in tasks_of(path)]
    waiting = [(path, task) for path, task in every if "until" in task or not WAITING.isdisjoint(task)]
    assert len(waiting) >= 3
    assert not [(path.name, task.get("name")) for path, task in waiting if not str(task.get("name")).startswith(NAMED)]
