# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every place that says which releases are supported says what noxfile.py tests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.libraries import OLDEST as NAMED
from noxfile import CORNERS, OLDEST

ROOT = Path(__file__).resolve().parents[2]
CORE = CORNERS["oldest"].core.partition("==")[2]
PYTHON = CORNERS["oldest"].pythons[0]
PINS = (ROOT / "constraints.txt").read_text(encoding="utf-8")


def newest(package: str) -> str:
    found: list[str] = re.findall(rf"^{package}==([0-9]+\.[0-9]+)", PINS, re.MULTILINE)
    return found[-1]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("meta/runtime.yml", f'requires_ansible: ">={CORE}"'),
        *(
            (str(path.relative_to(ROOT)), f'min_ansible_version: "{CORE}"')
            for path in ROOT.glob("roles/*/meta/main.yml")
        ),
        ("requirements-dev.txt", f"ansible-core>={CORE}"),
        ("tests/config.yml", f'python_requires: ">={PYTHON}"'),
        ("pyproject.toml", f'target-version = "py{PYTHON.replace(".", "")}"'),
        ("README.md", f"ansible-core {CORE.removesuffix('.0')} to {newest('ansible-core')}, Python {PYTHON} to"),
    ],
)
def test_a_place_names_the_oldest_that_is_tested(file: str, text: str) -> None:
    assert text in (ROOT / file).read_text(encoding="utf-8")


def test_the_oldest_libraries_that_are_tested_are_those_that_modules_ask_for() -> None:
    assert sorted(OLDEST) == sorted(f"{name}=={oldest}" for name, oldest in NAMED.items())


def test_the_workflow_runs_every_session_but_the_newest_which_is_what_its_other_jobs_set_up() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]
    assert [*jobs["versions"]["strategy"]["matrix"]["session"], "newest"] == list(CORNERS)
    assert "unit" in jobs["quick"]["strategy"]["matrix"]["target"]
    for job in ("quick", "clusters"):
        (python,) = (
            step["with"]["python-version"] for step in jobs[job]["steps"] if "setup-python" in step.get("uses", "")
        )
        assert python == CORNERS["newest"].pythons[0]


def test_make_sets_up_the_newest_python_that_is_there() -> None:
    pinned = [release for name in ("newest", "core-2.19") for release in CORNERS[name].pythons]
    assert f"$(foreach release,{' '.join(pinned)}," in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert {name for name, corner in CORNERS.items() if corner.pinned} == {"newest", "core-2.19"}
