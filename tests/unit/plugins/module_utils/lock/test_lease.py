# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Lease in a cluster that is not real, wanted by two runs."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.naming import dns_label_fault
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError, Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.errors import ApiError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.retry import RetryPolicy
from ansible_collections.skyshift.clusterlink.plugins.module_utils.lock.lease import (
    FabricLease,
    LeaseRecord,
    NotALockError,
    lease_name,
    new_lease,
    renewed,
    taken_over,
)

from .leases import Leases, away, forbidden


@pytest.fixture
def cluster() -> Leases:
    return Leases()


def lease_of(cluster: Leases, holder: str, duration: int = 30, tries: int = 1) -> FabricLease:
    return FabricLease(cluster, "demo", holder, duration, RetryPolicy(tries - 1, sleep=lambda _seconds: None))


def took(lease: FabricLease) -> bool:
    lease.read()
    return lease.acquire()


def test_it_is_taken_with_two_requests_renewed_with_one_and_given_back_with_one(cluster: Leases) -> None:
    first = lease_of(cluster, "first")
    assert took(first)
    assert cluster.asked == ["get", "create"]
    assert first.renew()
    assert first.renew()
    first.release()
    assert cluster.asked[2:] == ["replace", "replace", "delete"]
    assert cluster.lease is None


def test_who_looks_sees_the_holder_and_who_was_slower_gets_nothing(cluster: Leases) -> None:
    first, second = lease_of(cluster, "first"), lease_of(cluster, "second")
    second.read()
    assert took(first)
    assert not second.acquire()
    record = second.read()
    assert record is not None
    assert (record.holder, record.is_free(second.now), second.is_held) == ("first", False, False)
    second.release()
    assert cluster.hold() == "first"


def test_a_dead_holders_is_taken_over_and_it_notices(cluster: Leases) -> None:
    first, second = lease_of(cluster, "first"), lease_of(cluster, "second")
    assert took(first)
    cluster.clock = 33
    record = second.read()
    assert record is not None
    assert record.is_free(second.now)
    assert second.acquire()
    assert not first.renew()
    first.release()
    assert cluster.hold() == "second"


def test_a_renewal_between_look_and_take_keeps_it(cluster: Leases) -> None:
    first, second = lease_of(cluster, "first"), lease_of(cluster, "second")
    assert took(first)
    cluster.clock = 33
    second.read()
    assert first.renew()
    assert not second.acquire()
    assert cluster.hold() == "first"


def test_times_are_the_servers(cluster: Leases) -> None:
    cluster.clock = 86400
    first, second = lease_of(cluster, "first"), lease_of(cluster, "second")
    assert took(first)
    record = second.read()
    assert record is not None
    assert not record.is_free(second.now)
    assert abs(record.age(second.now)) < 5


@pytest.mark.parametrize("before", [None, "dead"])
def test_a_write_whose_answer_was_lost_is_found_out(cluster: Leases, before: str | None) -> None:
    if before:
        assert took(lease_of(cluster, before))
        cluster.clock = 33
    first = lease_of(cluster, "first")
    first.read()
    cluster.loses = 1
    assert first.acquire()
    assert first.renew()
    first.release()
    assert cluster.lease is None


@pytest.mark.parametrize("before", [None, "dead"])
def test_a_write_that_did_not_arrive_is_repeated(cluster: Leases, before: str | None) -> None:
    if before:
        assert took(lease_of(cluster, before))
        cluster.clock = 33
    first = lease_of(cluster, "first", tries=9)
    first.read()
    cluster.drops = 3
    assert first.acquire()
    assert cluster.hold() == "first"


def test_a_write_that_did_not_arrive_is_not_repeated_when_another_run_took_it_meanwhile(cluster: Leases) -> None:
    assert took(lease_of(cluster, "dead"))
    cluster.clock = 33
    first = lease_of(cluster, "first", tries=9)
    first.read()
    cluster.drops = 1
    others = iter([lease_of(cluster, "second")])

    def be_faster(verb: str) -> None:
        if verb == "get" and not cluster.drops:
            for other in others:
                assert took(other)

    cluster.before = be_faster
    assert not first.acquire()
    assert cluster.hold() == "second"


def test_a_lost_renewal_does_not_keep_it_from_being_renewed_or_given_back(cluster: Leases) -> None:
    first = lease_of(cluster, "first")
    assert took(first)
    for after in (first.renew, first.release):
        cluster.loses = 1
        with pytest.raises(ClusterlinkError, match="broken"):
            first.renew()
        after()
    assert cluster.lease is None


def test_what_was_given_back_and_taken_again_is_not_the_first_keepers_any_more(cluster: Leases) -> None:
    kept, again = lease_of(cluster, "first"), lease_of(cluster, "first")
    assert took(kept)
    again.read()
    again.release()
    assert not kept.renew(), "it does not exist"
    assert took(kept)
    again.read()
    again.release()
    assert took(again)
    assert not kept.renew(), "it is another one"
    assert cluster.lease is not None


def test_another_systems_lease_is_no_lock(cluster: Leases) -> None:
    entries = [{"manager": "somebody"}]
    cluster.lease = {"metadata": {"uid": "a", "resourceVersion": "1", "managedFields": entries}, "spec": {}}
    with pytest.raises(NotALockError, match=r"is not a lock of this collection \(found: made by somebody\)"):
        lease_of(cluster, "first").read()


@pytest.mark.parametrize("error", [forbidden("create"), ApiError(Problem("x", "broken"), status=500), away()])
def test_what_cannot_be_written_is_an_error(cluster: Leases, error: Exception) -> None:
    first = lease_of(cluster, "first")
    first.read()
    cluster.fails["create"] = error
    with pytest.raises(ClusterlinkError) as caught:
        first.acquire()
    assert caught.value is error
    assert not first.is_held


def test_what_cannot_be_removed_is_an_error(cluster: Leases) -> None:
    first = lease_of(cluster, "first")
    assert took(first)
    refusals: list[Any] = [forbidden("delete"), away()]
    for error in refusals:
        cluster.fails["delete"] = error
        with pytest.raises(ClusterlinkError) as caught:
            first.release()
        assert caught.value is error


NOW = datetime(2030, 6, 15, 12, 0, 0, tzinfo=timezone.utc)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(timezone.utc))  # noqa: DTZ001
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
    record = LeaseRecord.of(stored(renewed(new_lease("demo", "me", duration, taken), last)))
    now = last + timedelta(seconds=silent)
    assert (record.since, record.renewed, record.duration) == (taken, last, duration)
    assert record.age(now) == silent
    assert record.is_free(last + timedelta(seconds=duration)) is False
    assert record.is_free(now) is (silent > duration + 2)


def test_the_description_names_the_holder_and_since_when() -> None:
    record = LeaseRecord.of(stored(renewed(new_lease("demo", "ada@ops1", 30, NOW), later(50))))
    assert record.describe(later(54.4)) == "ada@ops1 since 2030-06-15 12:00:00 UTC, last renewed 4 s ago"
    assert record.describe(later(49)).endswith("last renewed 0 s ago"), "clocks may differ a little"


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
    record = LeaseRecord.of({"metadata": {"resourceVersion": "1"}, "spec": spec})
    assert record.is_free(NOW)
    assert record.describe(NOW) == spec.get("holderIdentity", "")


@given(st.from_regex(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,38}[A-Za-z0-9])?", fullmatch=True))
def test_every_fabric_has_a_lease_by_a_name_that_the_api_takes(fabric: str) -> None:
    assert dns_label_fault(lease_name(fabric)) == ""
    labels = new_lease(fabric, "me", 30, NOW)["metadata"]["labels"]
    assert labels == {
        "app.kubernetes.io/managed-by": "skyshift.clusterlink",
        "skyshift.clusterlink/fabric": fabric,
    }
