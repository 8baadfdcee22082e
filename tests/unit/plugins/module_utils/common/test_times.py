# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times of the API, on every Python."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.times import parse_time


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2030-06-15T12:00:00Z", 0),
        ("2030-06-15T12:00:00.250000Z", 0.25),
        ("2030-06-15T12:00:00+00:00", 0),
        ("2030-06-15T14:00:00+02:00", 0),
    ],
)
def test_a_time_of_the_api_is_a_moment(text: str, seconds: float) -> None:
    noon = datetime(2030, 6, 15, 12, tzinfo=timezone.utc)
    assert parse_time(text) == noon + timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "Z", "yesterday"])
def test_what_is_no_time_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="Invalid isoformat string"):
        parse_time(text)
