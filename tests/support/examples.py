# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many examples a property is tried with: a part of each test's number, or a multiple of it in 'make test-long'."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import settings

SHARE = "CLUSTERLINK_TEST_EXAMPLES"
"""The variable with the number for which each example of a test's number stands."""
QUICK, LONG = 0.4, 4.0
FEWEST = 5


def examples(number: int = 100, **more: Any) -> settings:
    """Settings for a property that is worth this number of examples.

    Args:
        number: As it would be without a hurry.
        more: Other settings of hypothesis.
    """
    return settings(max_examples=max(FEWEST, round(number * float(os.environ.get(SHARE, QUICK)))), **more)
