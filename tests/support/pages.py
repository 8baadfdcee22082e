# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that a page of the documentation shows, and whether a command prints what the page says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PROMPT = "$ "
_LEFT_OUT = "..."


@dataclass(frozen=True)
class Command:
    """One command of a page.

    Attributes:
        text: For a shell, in one line.
        shown: The lines that the page shows of its output; C(...) stands for any text, alone for any lines.
    """

    text: str
    shown: tuple[str, ...]


def commands(page: Path) -> Iterator[Command]:
    """The commands of a page, in their order: lines of console blocks that begin with a prompt, and what follows."""
    for block in _BLOCK.findall(page.read_text(encoding="utf-8")):
        for part in re.split(rf"^{re.escape(_PROMPT)}", block, flags=re.MULTILINE)[1:]:
            text, *shown = part.splitlines()
            yield Command(text, tuple(shown))


def prints(shown: tuple[str, ...], output: str) -> bool:
    """Whether an output is as it is shown; one of which nothing is shown may be anything."""
    if not shown:
        return True
    lines = (
        r"(?:.*\n)*?" if line == _LEFT_OUT else ".*".join(map(re.escape, line.split(_LEFT_OUT))) + r"[ ]*\n"
        for line in shown
    )
    return re.fullmatch("".join(lines), output if output.endswith("\n") else f"{output}\n") is not None
