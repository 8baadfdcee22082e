# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unit tests and playbooks on the oldest and the newest supported releases; 'make test-long' runs them on the others.

Which releases these are is said in noxfile.py. A combination whose Python is not installed is skipped. That of .venv,
by default the newest, is not among them: all tests run with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from noxfile import CORNERS, is_set_up, python_of

if TYPE_CHECKING:
    from tests.support.gate import Gate

OTHERS = [corner for corner in CORNERS if not is_set_up(corner)]
ENDS = {"oldest", "newest"}
"""What 'make test' has."""


@pytest.mark.parametrize(
    "corner", [pytest.param(corner, marks=[] if corner in ENDS else [pytest.mark.long]) for corner in OTHERS]
)
def test_a_corner_passes_unit_tests_and_playbooks(gate: Gate, corner: str) -> None:
    if python_of(corner) is None:
        pytest.skip(f"Python {' or '.join(CORNERS[corner].pythons)} is not installed")
    printed = gate("nox", "-s", corner, timeout=3600)
    assert " passed" in printed
