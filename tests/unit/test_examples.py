# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""'make test-long' tries every property of the unit tests with many times the examples of 'make test'."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.examples import FEWEST, LONG, SHARE, examples

if TYPE_CHECKING:
    from tests.support.gate import Gate


def test_each_number_is_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    for share, expected in (("0.1", 10), ("10", 1000), ("0", FEWEST)):
        monkeypatch.setenv(SHARE, share)
        assert examples(100).max_examples == expected
    monkeypatch.delenv(SHARE)
    assert examples(100).max_examples == 40


@pytest.mark.long
def test_properties_hold_in_many_examples(gate: Gate) -> None:
    many = {SHARE: str(LONG)}
    printed = gate(
        "pytest", "-q", "-m", "hypothesis", "-n", "2", "--dist", "worksteal", "tests/unit", env=many, timeout=3600
    )
    assert " passed" in printed
