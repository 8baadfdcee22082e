# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-test's sanity tests, all of them, on a copy of the collection's files and without an ignore file."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.gate import Gate

ROOT = Path(__file__).resolve().parents[2]
COPY = ROOT / ".build" / "sanity" / "ansible_collections" / "skyshift" / "clusterlink"

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

PIP_BOOTSTRAP = Path.home() / ".ansible" / "test" / "cache" / "get_pip_24_2.py"
"""Where ansible-test of ansible-core 2.19 looks before it downloads the script that puts pip into its environments."""


def put_pip_bootstrap() -> None:
    """Give ansible-test a bootstrap for pip that needs no download; one that is there already is left alone."""
    if not PIP_BOOTSTRAP.exists():
        PIP_BOOTSTRAP.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Path(__file__).with_name("get_pip.py"), PIP_BOOTSTRAP)


def copy_collection() -> None:
    """Copy what git would commit to a path of the shape that ansible-test insists on."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    shutil.rmtree(COPY, ignore_errors=True)
    for name in filter(None, listed.split("\0")):
        source, target = ROOT / name, COPY / name
        if source.is_file() or source.is_symlink():  # a file that was deleted is still listed until that is committed
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    # Its own repository: within ours ansible-test would ask git, and git ignores everything under .build.
    subprocess.run(["git", "init", "--quiet", str(COPY)], check=True)


def test_sanity(gate: Gate) -> None:
    put_pip_bootstrap()
    copy_collection()
    gate("ansible-test", "sanity", "--local", "--python", PYTHON, "--color", "no", cwd=COPY, timeout=1200)
