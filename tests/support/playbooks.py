# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of ansible-playbook in the tests' environment, and a task that keeps what a play has found out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.environment import ansible_environment
from tests.support.forked_ansible import ansible_playbook
from tests.support.paths import ROOT

_KEPT = """
import os

def kept(text, path):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    return "kept"

class FilterModule:
    def filters(self):
        return {"kept": kept}
"""


@dataclass(frozen=True)
class Ended:
    """What came of a run: its exit code, and all that it printed, errors last."""

    code: int
    output: str


def run_playbook(*arguments: str, cwd: Path = ROOT, environment: Mapping[str, str] | None = None) -> Ended:
    """Run C(ansible-playbook); one that fails is no error here.

    Args:
        arguments: Its arguments.
        cwd: The folder in which it runs.
        environment: Variables beside those of a run of Ansible.
    """
    done = ansible_playbook(arguments, cwd=cwd, env=ansible_environment(**(environment or {})))
    return Ended(done.returncode, done.stdout + done.stderr)


def keep(expression: str, path: Path) -> dict[str, Any]:
    """A task that writes a value as JSON, also in check mode, without the processes that Ansible's own modules take.

    Args:
        expression: Gives the value; it is in no output.
        path: The file, in the playbook's folder.
    """
    plugins = path.parent / "filter_plugins"
    plugins.mkdir(exist_ok=True)
    (plugins / "kept.py").write_text(_KEPT, encoding="utf-8")
    return {"ansible.builtin.debug": {"msg": f"{{{{ {expression} | to_json | kept('{path}') }}}}"}, "no_log": True}
