# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-test's sanity tests, all of them, on the artifact that Galaxy would be given, without an ignore file."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.verdicts import unless_passed

if TYPE_CHECKING:
    from tests.support.gate import Gate

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = ROOT / ".build" / "sanity" / "ansible_collections" / "skyshift" / "clusterlink"

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

PIP_BOOTSTRAPS = [Path.home() / ".ansible" / "test" / "cache" / f"get_pip_{pip}.py" for pip in ("24_2", "25_2")]
"""Where ansible-test looks before it downloads the script that puts pip into its environments: that of ansible-core
2.19, and of those after it."""


def put_pip_bootstrap() -> None:
    """Give ansible-test a bootstrap for pip that needs no download; one that is there already is left alone."""
    for path in PIP_BOOTSTRAPS:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path(__file__).with_name("get_pip.py"), path)


@pytest.fixture
def artifact(gate: Gate, tmp_path: Path) -> Path:
    """What Galaxy would be given, installed at a path of the shape that ansible-test insists on."""
    gate("ansible-galaxy", "collection", "build", "--output-path", str(tmp_path))
    (packed,) = tmp_path.glob("*.tar.gz")
    shutil.rmtree(COLLECTION, ignore_errors=True)
    where = ("--collections-path", str(COLLECTION.parents[2]), "--force")  # the checkout counts as installed already
    gate("ansible-galaxy", "collection", "install", str(packed), *where)
    assert (COLLECTION / "plugins").is_dir()
    # Its own repository: within ours ansible-test would ask git, and git ignores everything under .build.
    subprocess.run(["git", "init", "--quiet", str(COLLECTION)], check=True)
    return COLLECTION


def test_sanity(gate: Gate, artifact: Path) -> None:
    put_pip_bootstrap()
    command = ("ansible-test", "sanity", "--local", "--python", PYTHON, "--color", "no")
    files = [path for path in artifact.rglob("*") if path.is_file() and ".git" not in path.relative_to(artifact).parts]
    unless_passed("sanity", command, files, artifact, partial(gate, cwd=artifact, timeout=1200))
