# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The messages that the troubleshooting page is about are messages of the code, and it leaves none of these out."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
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


def whats(source: str) -> Iterator[str]:
    """What each Problem of a source says is wrong, without the names in it; a variable has all its texts, joined."""
    functions = [each for each in ast.walk(ast.parse(source)) if isinstance(each, ast.FunctionDef)]
    for function in functions:
        nodes = list(ast.walk(function))
        values: dict[str, list[ast.expr]] = {}
        for each in nodes:
            if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name):
                values.setdefault(each.targets[0].id, []).append(each.value)
        for each in nodes:
            if isinstance(each, ast.Call) and getattr(each.func, "id", "") == "Problem":
                keywords = [keyword.value for keyword in each.keywords if keyword.arg == "what"]
                said = [*each.args[1:2], *keywords]
                named = [name.id for part in said for name in ast.walk(part) if isinstance(name, ast.Name)]
                parts = [*said, *(value for name in named for value in values.get(name, ()))]
                yield " | ".join(
                    text.value
                    for part in parts
                    for text in ast.walk(part)
                    if isinstance(text, ast.Constant) and isinstance(text.value, str)
                )


@functools.cache
def texts_of_plugins() -> set[str]:
    """The texts of all plugins; not read where tests are only collected."""
    return set().union(*(texts(path.read_text(encoding="utf-8")) for path in ROOT.glob("plugins/**/*.py")))


@pytest.mark.parametrize("message", MESSAGES)
def test_a_heading_is_a_message(message: str) -> None:
    assert any(message in text for text in texts_of_plugins())


ABOUT_THE_WORLD = (
    "module_utils/preflight/*",
    "module_utils/lock/*",
    "module_utils/kube/transport",
    "module_utils/kube/wait",
    "module_utils/gateway/status",
    "action/fabric_preflight",
)
"""What a run finds in the world around it. A wrong option is explained by its message alone."""
EXPLAINED = [
    (path, what)
    for pattern in ABOUT_THE_WORLD
    for path in sorted(ROOT.glob(f"plugins/{pattern}.py"))
    for what in whats(path.read_text(encoding="utf-8"))
    if what  # nothing where Problem is made of data
]


def test_each_message_about_the_world_has_a_heading() -> None:
    assert len(EXPLAINED) > 15
    missing = [f"{path.name}: {what}" for path, what in EXPLAINED if not any(each in what for each in MESSAGES)]
    assert missing == []


def test_messages_are_found_in_calls() -> None:
    source = (
        'def f(x):\n what = f"is {x} too"\n g(Problem(1, what), Problem(2, f"no {x}"), Problem(where=3, what="d"))\n'
    )
    assert sorted(whats(source)) == ["d", "is  |  too", "no "]


def test_only_what_can_be_printed_is_a_message() -> None:
    assert texts('"""Doc."""\nx = f"a {y} b"\n"lone"\ndef f():\n    """More."""\n    return "c"\n') == {"a ", " b", "c"}
