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


def test_a_long_last_cell_does_not_pad_the_other_lines() -> None:
    lines = table(("NAME", "WHY"), [("a", "x" * 200), ("b", "y")])
    assert list(map(len, lines)) == [9, 206, 7]


def test_a_cell_of_several_lines_stays_on_its_line() -> None:
    assert table(("NAME", "WHY"), [("a", "2 problems:\n- one\n- two\n")])[1:] == ["a     2 problems:; - one; - two"]
    assert one_line("") == ""


def test_no_rows_are_no_lines() -> None:
    assert table(("NAME", "WHY"), []) == []


def test_a_row_with_too_few_cells_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="zip"):
        table(("NAME", "WHY"), [("a",)])
