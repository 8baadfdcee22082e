# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text tables."""

from __future__ import annotations

from collections.abc import Sequence


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows below their headings, as lines with aligned columns; empty without rows.

    The last column is not padded, so a long sentence belongs there.

    Args:
        headings: One for each column.
        rows: The cells of each row, one for each column; a cell of several lines becomes one line.
    """
    if not rows:
        return []
    cells = [tuple(headings), *(tuple(one_line(cell) for cell in row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)][:-1]
    return ["  ".join([*map(str.ljust, row, widths), row[-1]]).rstrip() for row in cells]


def one_line(text: str) -> str:
    """A text of several lines in one."""
    return "; ".join(line.strip() for line in text.strip().splitlines())
