# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that make calls start without pytest, which alone knows where the collection is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = re.findall(r"python -m (tests\.\w+)", (ROOT / "Makefile").read_text(encoding="utf-8"))


@pytest.mark.parametrize("command", sorted(set(COMMANDS)))
def test_a_command_imports_without_the_path_of_pytest(command: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    module = command if (ROOT / f"{command.replace('.', '/')}.py").exists() else f"{command}.__main__"
    run = subprocess.run(
        [sys.executable, "-c", f"import {module}"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
