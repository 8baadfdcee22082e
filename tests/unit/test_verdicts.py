# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a linter runs again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import verdicts


class FoundError(Exception):
    """The linter found something."""


class Linter:
    """Counts how often it runs, and finds what the test wants."""

    def __init__(self) -> None:
        self.runs = 0
        self.finds = False

    def __call__(self, *_command: str) -> None:
        self.runs += 1
        if self.finds:
            raise FoundError


@pytest.fixture
def linter() -> Linter:
    return Linter()


@pytest.fixture
def lint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linter: Linter) -> Callable[..., int]:
    """Has a command lint files of these names and texts in a new clone; returns how often the linter ran."""
    monkeypatch.setattr(verdicts, "PASSED", tmp_path / "passed")
    clones = iter(range(10))

    def call(*command: str, **files: str) -> int:
        clone = tmp_path / f"clone-{next(clones)}"
        clone.mkdir()
        for name, text in files.items():
            (clone / name).write_text(text, encoding="utf-8")
        verdicts.unless_passed("linter", command, clone.iterdir(), clone, linter)
        return linter.runs

    return call


def test_what_has_passed_is_not_linted_again_in_another_clone(lint: Callable[..., int]) -> None:
    assert (lint(a="1", b="2"), lint(a="1", b="2")) == (1, 1)


@pytest.mark.parametrize("changed", [{"a": "1", "b": "3"}, {"a": "1", "c": "2"}, {"a": "1"}, {"a": "12", "b": ""}])
def test_any_change_has_it_run_again(lint: Callable[..., int], changed: dict[str, str]) -> None:
    assert (lint(a="1", b="2"), lint(**changed)) == (1, 2)


def test_another_command_has_it_run_again(lint: Callable[..., int]) -> None:
    assert (lint("lint", a="1"), lint("lint", "--strict", a="1")) == (1, 2)


def test_another_python_or_package_has_it_run_again(
    lint: Callable[..., int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert lint(a="1") == 1
    monkeypatch.setattr("sys.version", "3.99")
    assert lint(a="1") == 2
    (tmp_path / "constraints.txt").write_text("linter==2", encoding="utf-8")
    monkeypatch.setattr(verdicts, "ROOT", tmp_path)
    assert lint(a="1") == 3


def test_what_was_found_is_found_again(lint: Callable[..., int], linter: Linter) -> None:
    linter.finds = True
    for _each in range(2):
        with pytest.raises(FoundError):
            lint(a="1")
    assert linter.runs == 2
