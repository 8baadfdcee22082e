# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The oldest and the newest supported releases run what depends on them; 'make test-long' runs all unit tests on each.

Which releases these are is said in noxfile.py. A combination whose Python is not installed is skipped. That of .venv,
by default the newest, is not among them: all tests run with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from noxfile import CORNERS, is_set_up, python_of

if TYPE_CHECKING:
    from tests.support.gate import Gate

DEPENDENT = (
    "tests/unit/test_always.py",
    "tests/unit/test_imports.py",
    "tests/unit/plugins/action/test_names.py",
    "tests/unit/plugins/filter",
    "tests/unit/plugins/inventory",
    "tests/unit/plugins/lookup",
    "tests/unit/plugins/plugin_utils",
    "tests/unit/plugins/module_utils/common/test_libraries.py",
    "tests/unit/plugins/module_utils/common/test_times.py",
    "tests/unit/plugins/module_utils/kube",
    "tests/unit/plugins/module_utils/pki",
)
"""What touches Python, Ansible, kubernetes or cryptography itself: imports, workers, templates, plugins, what Ansible
runs after a failure, the API client, certificates. The modules, the other actions and all other rooms reach these
libraries through what is here, and are left to 'make test-long'."""

OTHERS = [corner for corner in CORNERS if not is_set_up(corner)]


def run(gate: Gate, corner: str, *tests: str) -> None:
    if python_of(corner) is None:
        pytest.skip(f"Python {' or '.join(CORNERS[corner].pythons)} is not installed")
    printed = gate("nox", "-s", corner, "--", *tests, timeout=3600)
    assert " passed" in printed


@pytest.mark.parametrize("corner", sorted({"oldest", "newest"}.intersection(OTHERS)))
def test_a_corner_passes_what_depends_on_its_releases(gate: Gate, corner: str) -> None:
    run(gate, corner, *DEPENDENT)


@pytest.mark.long
@pytest.mark.parametrize("corner", OTHERS)
def test_a_corner_passes_all_unit_tests(gate: Gate, corner: str) -> None:
    run(gate, corner, "tests/unit")
