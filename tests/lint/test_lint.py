# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The linters: each tool over the whole collection is one test."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.gate import Gate

ROOT = Path(__file__).resolve().parents[2]

SHELL = re.compile(rb"#!.*\b(ba)?sh\b")

LINTERS = {
    "ruff": ("ruff", "check"),
    "ruff_format": ("ruff", "format", "--check", "--diff"),
    "yamllint": ("yamllint", "--strict", "."),
    "mypy_plugins": ("mypy", "-p", "ansible_collections.skyshift.clusterlink.plugins"),
    "mypy_tests": ("mypy", "tests"),
    "changelog": ("antsibull-changelog", "lint"),
    "ansible_lint": ("ansible-lint", "--offline", "--strict"),
}


@pytest.mark.parametrize("command", LINTERS.values(), ids=LINTERS.keys())
def test_linter_finds_nothing(gate: Gate, command: tuple[str, ...]) -> None:
    gate(*command)


def shell_scripts() -> list[str]:
    """The scripts that are, or would be, committed, known by their first line, so that no name escapes."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [name for name in sorted(filter(None, listed.split("\0"))) if SHELL.match(first_line(ROOT / name))]


def first_line(path: Path) -> bytes:
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.readline(100)


def test_shellcheck_finds_nothing(gate: Gate) -> None:
    gate("shellcheck", *shell_scripts())
