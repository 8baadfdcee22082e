# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The linters: each tool over the whole collection is one test."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.paths import LAB_CACHE, ROOT
from tests.support.verdicts import unless_passed

if TYPE_CHECKING:
    from tests.support.gate import Gate

SHELL = re.compile(rb"#!.*\b(ba)?sh\b")

LINTERS = {
    "ruff": ("ruff", "check"),
    "ruff_format": ("ruff", "format", "--check", "--diff"),
    "yamllint": ("yamllint", "--strict", "."),
    # What mypy knows of a file depends on its content, not on its folder: it serves every clone.
    "mypy": (
        *("mypy", f"--cache-dir={LAB_CACHE / 'mypy'}"),
        *("-p", "ansible_collections.skyshift.clusterlink.plugins", "-p", "tests"),
    ),
    "changelog": ("antsibull-changelog", "lint"),
}


@pytest.mark.parametrize("command", LINTERS.values(), ids=LINTERS.keys())
def test_linter_finds_nothing(gate: Gate, command: tuple[str, ...]) -> None:
    gate(*command)


def test_ansible_lint_finds_nothing(gate: Gate) -> None:
    """It keeps no cache of its own and is half of the inner loop."""
    kinds = (".yml", ".yaml", ".j2", ".yamllint")
    folders = (".ansible-lint", "plugins/m", "tests/support/ansible_lint", "tests/support/forked_ansible")
    read = [name for name in committed_files() if name.endswith(kinds) or name.startswith(folders)]
    command = ("python", "-m", "tests.support.ansible_lint", "--offline", "--strict")
    unless_passed("ansible-lint", command, [ROOT / name for name in read], ROOT, gate)


def committed_files() -> list[str]:
    """The names of the files that are, or would be, committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return sorted(filter(None, listed.split("\0")))


def shell_scripts() -> list[str]:
    """The scripts, known by their first line, so that no name escapes."""
    return [name for name in committed_files() if SHELL.match(first_line(ROOT / name))]


def first_line(path: Path) -> bytes:
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.readline(100)


def test_shellcheck_finds_nothing(gate: Gate) -> None:
    gate("shellcheck", *shell_scripts())
