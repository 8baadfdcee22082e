# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The choices of an option are written in one room, and the others import them."""

from __future__ import annotations

import ast
from pathlib import Path

ROOMS = Path(__file__).resolve().parents[2] / "plugins" / "module_utils"


def test_no_two_files_define_the_same_choices() -> None:
    places: dict[str, list[str]] = {}
    for path in sorted(ROOMS.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):
                for target in node.targets:
                    if isinstance(target, ast.Name) and not target.id.startswith("_"):
                        places.setdefault(target.id, []).append(str(path.relative_to(ROOMS)))
    assert len(places) > 10
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}
