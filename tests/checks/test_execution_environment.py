# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-builder makes of both descriptions what an image needs, up to where a registry gives the base image."""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from packaging.requirements import Requirement

if TYPE_CHECKING:
    from tests.support.gate import Gate

ROOT = Path(__file__).resolve().parents[2]
DESCRIPTION = ROOT / "awx" / "execution-environment.yml"


@pytest.fixture(scope="module")
def wanted() -> dict[str, Any]:
    return dict(yaml.safe_load(DESCRIPTION.read_text(encoding="utf-8")))


@pytest.fixture
def context(gate: Gate, tmp_path: Path) -> Path:
    """The build context of AWX's image."""
    made = tmp_path / "context"
    options = ("--output-filename", "Containerfile", "--context", str(made))
    gate("ansible-builder", "create", "--file", str(DESCRIPTION), *options)
    return made


def test_the_image_of_jobs(gate: Gate, context: Path, wanted: dict[str, Any], tmp_path: Path) -> None:
    recipe = (context / "Containerfile").read_text(encoding="utf-8")
    dependencies = wanted["dependencies"]
    arguments = dict(re.findall(r'^ARG (\w+)="(.*)"$', recipe, re.MULTILINE))
    assert arguments["EE_BASE_IMAGE"] == wanted["images"]["base_image"]["name"]
    assert arguments["PYCMD"] == dependencies["python_interpreter"]["python_path"]
    assert arguments["PYPKG"] == dependencies["python_interpreter"]["package_system"]
    assert arguments["ANSIBLE_INSTALL_REFS"].split() == [
        dependencies[tool]["package_pip"] for tool in ("ansible_core", "ansible_runner")
    ]
    git, collection = recipe.index("$PKGMGR install -y git-core"), recipe.index("ansible-galaxy collection install")
    assert git < collection, "ansible-galaxy clones with it"
    assert (
        yaml.safe_load((context / "_build" / "requirements.yml").read_text(encoding="utf-8")) == dependencies["galaxy"]
    )

    # What the image's own script finds in its collections, among them what meta/execution-environment.yml names.
    pip, bindep = tmp_path / "pip", tmp_path / "bindep"
    introspect = (sys.executable, str(context / "_build" / "scripts" / "introspect.py"), "introspect")
    user = ("--user-pip", str(context / "_build" / "requirements.txt"))
    gate(
        *introspect, str(ROOT / ".venv" / "collections"), *user, "--write-pip", str(pip), "--write-bindep", str(bindep)
    )
    found = [line for line in pip.read_text(encoding="utf-8").splitlines() if line]
    sources = {
        source: {Requirement(line.split("#")[0]) for line in found if line.endswith(source)}
        for source in ("# from collection skyshift.clusterlink", "# from collection user")
    }
    declared = {
        Requirement(line) for line in (ROOT / "requirements.txt").read_text().splitlines() if not line.startswith("#")
    }
    assert list(sources.values()) == [declared, declared]
    assert all(each.specifier.contains(metadata.version(each.name)) for each in declared)
    assert not bindep.exists(), "all packages have wheels"
