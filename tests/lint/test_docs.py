# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation's site is built without a warning, and has a page for each page, module, role and plugin."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.gate import Gate

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.long
def test_the_site_is_built_without_a_warning(gate: Gate) -> None:
    gate("nox", "-s", "docs", timeout=1800)
    site = ROOT / ".build" / "docs" / "html"
    pages = {path.stem for path in ROOT.glob("docs/*.md")}
    modules = {f"reference/{path.stem}_module" for path in ROOT.glob("plugins/modules/*.py")}
    roles = {f"reference/{path.parents[1].name}_role" for path in ROOT.glob("roles/*/meta/argument_specs.yml")}
    assert {name for name in pages | modules | roles if not (site / f"{name}.html").is_file()} == set()
