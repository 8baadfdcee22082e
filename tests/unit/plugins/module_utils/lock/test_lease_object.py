# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.naming import dns_label_fault
from ansible_collections.skyshift.clusterlink.plugins.module_utils.lock.lease_object import (
    Hold,
    lease_name,
    new_lease,
    renewed,
    taken_over,
)

NOW = datetime(2030, 6, 15, 12, 0, 0, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
SECONDS = st.integers(0, 10**6)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def stored(lease: dict[str, Any], version: str = "1") -> dict[str, Any]:
    return {**lease, "metadata": {**lease["metadata"], "resourceVersion": version, "uid": "a"}}


@given(MOMENTS, st.integers(1, 3600), SECONDS, SECONDS)
def test_a_holder_that_goes_on_renewing_never_loses_it_and_a_silent_one_does(
    taken: datetime, duration: int, alive: int, silent: int
) -> None:
    last = taken + timedelta(seconds=alive)
    hold = Hold.of(stored(renewed(new_lease("demo", "me", duration, taken), last)))
    now = last + timedelta(seconds=silent)
    assert (hold.since, hold.renewed, hold.duration) == (taken, last, duration)
    assert hold.silent(now) == silent
    assert hold.is_free(last + timedelta(seconds=duration)) is False
    assert hold.is_free(now) is (silent > duration + 2)


def test_what_is_told_names_the_holder_and_since_when() -> None:
    hold = Hold.of(stored(renewed(new_lease("demo", "ada@ops1", 30, NOW), later(50))))
    assert hold.told(later(54.4)) == "ada@ops1 since 2030-06-15 12:00:00 UTC, last renewed 4 s ago"
    assert hold.told(later(49)).endswith("last renewed 0 s ago"), "clocks may differ a little"


def test_who_takes_over_has_it_from_then_and_the_version_that_was_seen_goes_along() -> None:
    before = stored(new_lease("demo", "first", 30, NOW), "7")
    after = taken_over(before, "second", 10, later(100))
    assert after["metadata"] == before["metadata"]
    assert after["spec"] == {
        "holderIdentity": "second",
        "leaseDurationSeconds": 10,
        "acquireTime": "2030-06-15T12:01:40.000000Z",
        "renewTime": "2030-06-15T12:01:40.000000Z",
        "leaseTransitions": 1,
    }
    assert taken_over(after, "third", 10, NOW)["spec"]["leaseTransitions"] == 2


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"holderIdentity": ""},
        {"holderIdentity": "x", "leaseDurationSeconds": 30},
        {"holderIdentity": "x", "leaseDurationSeconds": 30, "renewTime": "soon"},
        {"holderIdentity": "x", "leaseDurationSeconds": 30, "renewTime": "2030-06-15T12:00:00"},
    ],
)
def test_a_lease_without_a_holder_or_a_sign_of_life_is_free(spec: dict[str, Any]) -> None:
    hold = Hold.of({"metadata": {"resourceVersion": "1"}, "spec": spec})
    assert hold.is_free(NOW)
    assert hold.told(NOW) == spec.get("holderIdentity", "")


@given(st.from_regex(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,38}[A-Za-z0-9])?", fullmatch=True))
def test_every_fabric_has_a_lease_by_a_name_that_the_api_takes(fabric: str) -> None:
    assert dns_label_fault(lease_name(fabric)) == ""
    labels = new_lease(fabric, "me", 30, NOW)["metadata"]["labels"]
    assert labels == {
        "app.kubernetes.io/managed-by": "skyshift.clusterlink",
        "skyshift.clusterlink/fabric": fabric,
    }
