# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.options import (
    CERTIFICATE_SPEC,
    backup_stamp,
    content_pair,
    require_one_place,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.pair import Pair, require_days

NOTHING = {"path": None, "state": "present", "return_content": False}
NOTHING |= {"certificate_content": None, "privatekey_content": None}


@pytest.mark.parametrize("given", [{"path": "/pki"}, {"path": "/pki", "state": "absent"}, {"return_content": True}])
def test_files_or_content_is_clear(given: Any) -> None:
    require_one_place({**NOTHING, **given})


@pytest.mark.parametrize(
    ("given", "places"),
    [
        ({}, ["path"]),
        ({"state": "absent"}, ["path"]),
        ({"state": "absent", "return_content": True}, ["path"]),
        ({"path": "/pki", "return_content": True}, ["return_content"]),
        (
            {"path": "/pki", "certificate_content": "x", "privatekey_content": "y"},
            ["certificate_content", "privatekey_content"],
        ),
    ],
)
def test_what_contradicts_is_said_all_at_once(given: Any, places: list[str]) -> None:
    with pytest.raises(ClusterlinkError) as refused:
        require_one_place({**NOTHING, **given})
    assert [problem.where for problem in refused.value.problems] == places


def test_every_private_key_option_is_kept_out_of_logs() -> None:
    assert CERTIFICATE_SPEC["privatekey_content"]["no_log"] is True


def test_an_empty_content_is_not_taken_for_none() -> None:
    """It may be a failed lookup of a key that exists."""
    found = content_pair({"certificate_content": None, "privatekey_content": ""})
    assert (found.certificate, found.key) == (None, b"")


def test_content_is_named_by_its_option() -> None:
    found = content_pair({"ca_certificate_content": "a", "ca_privatekey_content": "b"}, "ca_")
    assert (found.certificate_at, found.key_at) == ("ca_certificate_content", "ca_privatekey_content")


def test_what_is_not_given_is_taken_from_elsewhere() -> None:
    given, stored = Pair(None, b"key", "option", "option key"), Pair(b"file", b"file key", "/cert", "/key")
    assert given.completed_by(stored) == Pair(b"file", b"key", "/cert", "option key")


def test_backups_carry_the_moment_of_the_run() -> None:
    now = datetime(2030, 1, 2, 3, 4, 5, 6, tzinfo=timezone.utc)
    assert backup_stamp({"backup": True}, now) == "20300102T030405.000006Z"
    assert backup_stamp({"backup": False}, now) is None


@pytest.mark.parametrize("days", [0, -1, 36501, 10**9])
def test_a_lifetime_that_no_certificate_can_have_is_refused(days: int) -> None:
    with pytest.raises(ClusterlinkError, match="valid_days"):
        require_days(days, "valid_days")


@pytest.mark.parametrize("days", [1, 36500])
def test_a_lifetime_that_a_certificate_can_have_is_taken(days: int) -> None:
    assert require_days(days, "valid_days") == days
