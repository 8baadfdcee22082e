# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each figure of page measurements says of how many runs it is: a range or a sum of several, or that it is of one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "measurements.md").read_text(encoding="utf-8")
TABLES = re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE)
ROWS = [
    tuple(cell.strip() for cell in line.strip("|\n ").split("|")) for table in TABLES for line in table.splitlines()
]
FIGURES = [row for row in ROWS if re.search(r"\d", "".join(row[1:]))]
RANGE = re.compile(r"\d.* to \d|together")


def test_each_table_says_how_many_runs_there_were() -> None:
    assert len(TABLES) > 4
    assert [table.splitlines()[0] for table in TABLES if not table.splitlines()[0].endswith("| runs |")] == []


@pytest.mark.parametrize("row", FIGURES, ids=lambda row: row[0])
def test_a_figure_of_several_runs_is_a_range_or_a_sum(row: tuple[str, ...]) -> None:
    *figures, runs = row[1:]
    assert re.fullmatch(r"[1-9]\d*|several", runs)
    assert any(RANGE.search(each) for each in figures) is (runs != "1")


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_times_elsewhere_are_those_of_the_page(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    times = re.findall(r"\b((?:\d+ min )?\d+(?: s)? to (?:\d+ min )?\d+ (?:s|min))\b|\b(\d+ to \d+ min)utes", text)
    said = [one or other for one, other in times]
    assert said
    assert [each for each in said if each not in PAGE] == []
