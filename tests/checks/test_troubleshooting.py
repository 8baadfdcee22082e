# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The messages that the troubleshooting page is about are messages of the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
MESSAGES = re.findall(r"^### (.+)$", PAGE, re.MULTILINE)


def texts(source: str) -> set[str]:
    """The parts of strings that a program can print as they are; docstrings are none."""
    tree = ast.parse(source)
    docstrings = {id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr)}
    return {
        each.value
        for each in ast.walk(tree)
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and id(each) not in docstrings
    }


TEXTS = set().union(*(texts(path.read_text(encoding="utf-8")) for path in ROOT.glob("plugins/module_utils/**/*.py")))


@pytest.mark.parametrize("message", MESSAGES)
def test_a_heading_is_a_message(message: str) -> None:
    assert any(message in text for text in TEXTS)


def test_only_what_can_be_printed_is_a_message() -> None:
    assert texts('"""Doc."""\nx = f"a {y} b"\n"lone"\ndef f():\n    """More."""\n    return "c"\n') == {"a ", " b", "c"}
