# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tells whether files have changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def digest_of(files: Iterable[Path], root: Path) -> str:
    """A digest in hexadecimal of files' contents and of their names below a folder; a file that is gone counts, too."""
    digest = hashlib.sha256()
    for path in sorted(files):
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "gone"
        digest.update(f"{path.relative_to(root)}\0{content}\0".encode())
    return digest.hexdigest()
