# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is suggested for an unknown name."""

from __future__ import annotations

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.naming import did_you_mean


@pytest.mark.parametrize(
    ("name", "meant"), [("esat", "east"), ("wets", "west"), ("nrth", "north"), ("estern", "eastern")]
)
def test_the_closest_name_is_suggested(name: str, meant: str) -> None:
    assert did_you_mean(name, iter(["west", "east", "north", "eastern"])) == f"Perhaps {meant} is meant"


def test_nothing_is_suggested_for_another_name() -> None:
    assert did_you_mean("moon", ["west", "east"]) == ""
