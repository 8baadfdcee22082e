# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All unit tests with other releases: with the oldest and the newest in 'make test', with each in 'make test-long'.

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
BOUNDS = {"oldest", "newest"}


@pytest.mark.parametrize(
    "corner", [corner if corner in BOUNDS else pytest.param(corner, marks=pytest.mark.long) for corner in OTHERS]
)
def test_a_corner_passes_all_unit_tests(gate: Gate, corner: str) -> None:
    if python_of(corner) is None:
        pytest.skip(f"Python {' or '.join(CORNERS[corner].pythons)} is not installed")
    assert " passed" in gate("nox", "-s", corner, timeout=3600)
