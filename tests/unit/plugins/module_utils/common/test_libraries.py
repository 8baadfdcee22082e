# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages that are missing or too old, and the line that installs them."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.libraries import OLDEST, library_problems
from ansible_collections.skyshift.clusterlink.plugins.module_utils.module import run_in_worker
from ansible_collections.skyshift.clusterlink.plugins.modules.certificate_info import TASK

ROOT = Path(__file__).resolve().parents[5]


def install(monkeypatch: pytest.MonkeyPatch, name: str, version: str) -> None:
    package = ModuleType(name)
    package.__dict__["__version__"] = version
    monkeypatch.setitem(sys.modules, name, package)


@pytest.mark.parametrize("version", ["29.0.0", "29.0.0b1", "29.1", "37.0.2"])
def test_a_package_that_is_new_enough_is_no_problem(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    install(monkeypatch, "kubernetes", version)
    assert not list(library_problems(["kubernetes"]))


def test_a_package_without_an_oldest_release_need_only_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "websocket", "0.1")
    assert not list(library_problems(["websocket"]))


def test_packages_that_are_too_old_or_missing_are_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "kubernetes", "28.1.0")
    monkeypatch.setitem(sys.modules, "cryptography", None)
    monkeypatch.setitem(sys.modules, "websocket", None)
    old, missing, other = map(str, library_problems(["kubernetes", "cryptography", "websocket"]))
    pip = f"Run {sys.executable} -m pip install"
    assert old == f"Python package kubernetes: is too old (found: 28.1.0). {pip} 'kubernetes>=29.0.0'."
    assert missing.startswith("Python package cryptography: cannot be imported (found: import of cryptography halted")
    assert missing.endswith(f"{pip} 'cryptography>=42.0.0'.")
    assert other.endswith(f"{pip} websocket-client.")


def test_a_module_reports_them_instead_of_its_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, "kubernetes", "28.1.0")
    arguments = {"path": str(tmp_path), "_ansible_check_mode": False}
    result = run_in_worker(TASK, arguments, lambda _params, _mode: pytest.fail("it ran"))
    assert result["failed"]
    assert [problem["where"] for problem in result["problems"]] == ["Python package kubernetes"]


def test_the_oldest_releases_are_those_of_the_requirements() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == [f"{name}>={OLDEST[name]}" for name in OLDEST]
