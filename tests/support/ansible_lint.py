# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-lint, unchanged but for where its checks of syntax run: in forks of a process that has imported Ansible.

    python -m tests.support.ansible_lint [OPTION ...]

By itself it starts ansible-playbook for each playbook, role and imported playbook: fifty times.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from ansiblelint.__main__ import _run_cli_entrypoint

from tests.support.forked_ansible import ansible_playbook

SYNTAX_CHECK = ["ansible-playbook", "--syntax-check"]

start_program = subprocess.run


def run(command: Any, **options: Any) -> subprocess.CompletedProcess[Any]:
    """As C(subprocess.run), but a check of syntax forks."""
    if isinstance(command, list) and command[:2] == SYNTAX_CHECK:
        return ansible_playbook(command[1:], cwd=Path(options.get("cwd") or Path.cwd()), env=options["env"])
    return start_program(command, **options)


if __name__ == "__main__":
    sys.argv[0] = str(Path(sys.executable).with_name("ansible-lint"))
    subprocess.run = run  # type: ignore[assignment]
    _run_cli_entrypoint()
