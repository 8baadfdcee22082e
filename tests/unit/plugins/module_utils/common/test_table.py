# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text tables."""

from __future__ import annotations

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.table import one_line, table


def test_columns_are_as_wide_as_their_widest_cell_and_lines_end_with_their_text() -> None:
    assert table(("NAME", "AT", "WHY"), [("a", "b", ""), ("a-long-name", "", "fine")]) == [
        "NAME         AT  WHY",
        "a            b",
        "a-long-name      fine",
    ]


@pytest.mark.parametrize("column", [0, 1])
def test_a_long_text_stands_below_the_table_once(column: int) -> None:
    long = ("the API server is unreachable " * 4).strip()
    rows = [["a", "b"], ["c", "d"], ["e", "f"]]
    rows[0][column] = rows[1][column] = long
    lines = table(("NAME", "WHY"), rows)
    assert [line.split()[column] for line in lines[:4]] == [("NAME", "WHY")[column], "[1]", "[1]", "ef"[column]]
    assert lines[4:] == [f"[1] {long}"]


def test_texts_that_differ_have_notes_of_their_own() -> None:
    assert table(("WHY",), [("x" * 81,), ("y" * 81,), ("z" * 80,)])[1:] == [
        "[1]",
        "[2]",
        "z" * 80,
        f"[1] {'x' * 81}",
        f"[2] {'y' * 81}",
    ]


def test_a_cell_of_several_lines_stays_on_its_line() -> None:
    assert table(("NAME", "WHY"), [("a", "2 problems:\n- one\n- two\n")])[1:] == ["a     2 problems:; - one; - two"]
    assert one_line("") == ""


def test_no_rows_are_no_lines() -> None:
    assert table(("NAME", "WHY"), []) == []


def test_a_row_with_too_few_cells_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="zip"):
        table(("NAME", "WHY"), [("a",)])
