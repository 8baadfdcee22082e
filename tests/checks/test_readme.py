# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""README.md is short and names every playbook, role and module, and none that is not there; links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")

THERE = {
    "Playbooks": {path.stem for path in ROOT.glob("playbooks/*.yml")},
    "Roles": {path.parent.parent.name for path in ROOT.glob("roles/*/meta/argument_specs.yml")},
    "Modules": {path.stem for path in ROOT.glob("plugins/modules/*.py")},
}


@pytest.mark.parametrize("section", THERE)
def test_readme_names_what_is_there(section: str) -> None:
    table = README.split(f"\n## {section}\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = {name.removeprefix("skyshift.clusterlink.") for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert named == THERE[section]


@pytest.mark.parametrize("plugin", [path.stem for path in ROOT.glob("plugins/inventory/*.py")])
def test_readme_names_each_inventory_plugin(plugin: str) -> None:
    assert f"`skyshift.clusterlink.{plugin}`" in README


def test_readme_fits_a_newcomer() -> None:
    assert len(README.splitlines()) <= 120, "details belong in docs/"


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md")], ids=lambda path: path.name
)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", page.read_text(encoding="utf-8"))
    for name, heading in links:
        target = page.parent / name if name else page
        assert target.exists(), name
        assert not heading or heading in headings(target), f"{name}#{heading}"


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as forges write them."""
    lines = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", line.lower()).replace(" ", "-") for line in lines}
