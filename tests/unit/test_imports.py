# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every file of the plugins can be imported with the Python and the packages that are installed."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
ROOMS = sorted(path.name for path in PLUGINS.iterdir() if path.is_dir())


@pytest.mark.parametrize("room", ROOMS)
def test_every_file_can_be_imported(room: str) -> None:
    files = [path for path in PLUGINS.joinpath(room).rglob("*.py") if not path.is_symlink()]
    for path in files:
        name = ".".join(path.relative_to(PLUGINS).with_suffix("").parts)
        importlib.import_module(f"ansible_collections.skyshift.clusterlink.plugins.{name}")
    assert files
