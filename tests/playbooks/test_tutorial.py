# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tutorial's plans are what the playbook prints for its files, and all files that its commands name are there."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from tests.support.pages import Command, commands, prints
from tests.support.paths import ROOT
from tests.support.playbooks import run_playbook

TUTORIAL = ROOT / "docs" / "tutorial"
COMMANDS = list(commands(ROOT / "docs" / "tutorial.md"))
WITHOUT_A_CLUSTER = [each for each in COMMANDS if each.text.endswith(".plan") or each.text.startswith("cp ")]


def test_plans_are_shown_as_the_playbook_prints_them(tmp_path: Path) -> None:
    folder = shutil.copytree(TUTORIAL, tmp_path / "tutorial")
    plans = 0
    for command in WITHOUT_A_CLUSTER:
        program, *arguments = shlex.split(command.text)
        if program == "cp":
            shutil.copyfile(folder / arguments[0], folder / arguments[1])
            continue
        done = run_playbook(*arguments, cwd=folder)
        assert done.code == 0, done.output
        assert command.shown
        assert prints(command.shown, done.output), done.output
        plans += 1
    assert plans == 2


def test_files_of_commands_are_there() -> None:
    named = {word for each in COMMANDS for word in shlex.split(each.text) if word.endswith(".yml") or word == "hosts"}
    assert {"hosts", "client.yml", "bookinfo/reviews.yml"} <= named
    assert [name for name in named if not (TUTORIAL / name).is_file()] == []


def test_commands_are_read_from_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A\n\n```console\n$ one -a\nx\n$ two\n```\n\n```yaml\n$ no\n```\n", encoding="utf-8")
    assert list(commands(page)) == [Command("one -a", ("x",)), Command("two", ())]


@pytest.mark.parametrize(
    ("shown", "output", "same"),
    [
        ((), "anything\n", True),
        (("a", "b"), "a\nb\n", True),
        (("a", "b"), "a\nx\nb\n", False),
        (("a", "...", "b"), "a\nx\ny\nb\n", True),
        (("...", "a ... c"), "x\na b c\n", True),
        (("a",), "a\nb\n", False),
        (("a.c",), "abc\n", False),
    ],
)
def test_output_is_compared_with_what_is_shown(shown: tuple[str, ...], output: str, same: bool) -> None:
    assert prints(shown, output) is same
