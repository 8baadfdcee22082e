# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linters whose verdict depends on files alone: what has passed is not linted again, in any clone, until it changes.

Remove the folder C(passed) of the lab's cache to have them run.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tests.support.digests import digest_of
from tests.support.paths import LAB_CACHE, ROOT

PASSED = LAB_CACHE / "passed"


def unless_passed(
    name: str, command: Sequence[str], files: Iterable[Path], root: Path, run: Callable[..., object]
) -> None:
    """Run a linter, unless this command has passed with these files, these pinned packages and this Python.

    Args:
        name: Of the linter.
        command: The linter's, without a path of one clone.
        files: All that it reads.
        root: The folder that holds them.
        run: Called with the command's words; raises when the linter finds something.
    """
    known = (sys.version, *command, digest_of([ROOT / "constraints.txt"], ROOT), digest_of(files, root))
    passed = PASSED / f"{name}-{hashlib.sha256(chr(0).join(known).encode()).hexdigest()[:32]}"
    if not passed.exists():
        run(*command)
        PASSED.mkdir(parents=True, exist_ok=True)
        passed.touch()
