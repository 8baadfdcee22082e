# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text tables."""

from __future__ import annotations

from collections.abc import Sequence

_LONGEST = 80
"""Characters of a cell; a longer text stands below the table."""


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows below their headings, as lines with aligned columns; empty without rows.

    A long text stands below the table, once for all cells that have it, so that it neither pads a column nor makes the
    table's lines too long to read.

    Args:
        headings: One for each column.
        rows: The cells of each row, one for each column; a cell of several lines becomes one line.
    """
    if not rows:
        return []
    notes: dict[str, str] = {}
    cells = [tuple(headings), *(tuple(_short(one_line(cell), notes) for cell in row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)][:-1]
    lines = ["  ".join([*map(str.ljust, row, widths), row[-1]]).rstrip() for row in cells]
    return [*lines, *(f"{mark} {text}" for text, mark in notes.items())]


def _short(text: str, notes: dict[str, str]) -> str:
    """The text, or the mark of the note that has it."""
    return text if len(text) <= _LONGEST else notes.setdefault(text, f"[{len(notes) + 1}]")


def one_line(text: str) -> str:
    """A text of several lines in one."""
    return "; ".join(line.strip() for line in text.strip().splitlines())
