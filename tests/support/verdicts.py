# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linters whose verdict depends on files alone: what has passed is not linted again, in any clone, until it changes.

Remove the folder C(passed) of the lab's cache to have them run.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.support.paths import LAB_CACHE, ROOT

PASSED = LAB_CACHE / "passed"


def unless_passed(name: str, files: Iterable[Path], root: Path, lint: Callable[[], object]) -> None:
    """Run a linter, unless it has passed with these files, these pinned packages and this Python.

    Args:
        name: Of the linter.
        files: All that it reads; one that is gone counts as empty.
        root: Their names below this folder count, too.
        lint: Runs it; raises when it finds something.
    """
    digest = hashlib.sha256(f"{sys.version}\n{(ROOT / 'constraints.txt').read_text(encoding='utf-8')}".encode())
    for path in sorted(files):
        content = path.read_bytes() if path.is_file() else b""
        digest.update(f"\0{path.relative_to(root)}\0{hashlib.sha256(content).hexdigest()}".encode())
    passed = PASSED / f"{name}-{digest.hexdigest()[:32]}"
    if not passed.exists():
        lint()
        PASSED.mkdir(parents=True, exist_ok=True)
        passed.touch()
