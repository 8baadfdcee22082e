# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Lease in a cluster that is not real, wanted by two runs."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError, Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.errors import ApiError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.lock.lease import FabricLease, NotALockError

from .leases import Leases, away, forbidden


@pytest.fixture
def cluster() -> Leases:
    return Leases()


def lease_of(cluster: Leases, holder: str, duration: int = 30) -> FabricLease:
    return FabricLease(cluster, "demo", holder, duration)


def took(lease: FabricLease) -> bool:
    lease.look()
    return lease.take()


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
    second.look()
    assert took(first)
    assert not second.take()
    hold = second.look()
    assert hold is not None
    assert (hold.holder, hold.is_free(second.now), second.is_mine) == ("first", False, False)
    second.release()
    assert cluster.hold() == "first"


def test_a_dead_holders_is_taken_over_and_it_notices(cluster: Leases) -> None:
    first, second = lease_of(cluster, "first"), lease_of(cluster, "second")
    assert took(first)
    cluster.clock = 33
    hold = second.look()
    assert hold is not None
    assert hold.is_free(second.now)
    assert second.take()
    assert not first.renew()
    first.release()
    assert cluster.hold() == "second"


def test_a_renewal_between_look_and_take_keeps_it(cluster: Leases) -> None:
    first, second = lease_of(cluster, "first"), lease_of(cluster, "second")
    assert took(first)
    cluster.clock = 33
    second.look()
    assert first.renew()
    assert not second.take()
    assert cluster.hold() == "first"


def test_times_are_the_servers(cluster: Leases) -> None:
    cluster.clock = 86400
    first, second = lease_of(cluster, "first"), lease_of(cluster, "second")
    assert took(first)
    hold = second.look()
    assert hold is not None
    assert not hold.is_free(second.now)
    assert abs(hold.silent(second.now)) < 5


@pytest.mark.parametrize("before", [None, "dead"])
def test_a_write_whose_answer_was_lost_is_found_out(cluster: Leases, before: str | None) -> None:
    if before:
        assert took(lease_of(cluster, before))
        cluster.clock = 33
    first = lease_of(cluster, "first")
    first.look()
    cluster.loses = 1
    assert first.take()
    assert first.renew()
    first.release()
    assert cluster.lease is None


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
    again.look()
    again.release()
    assert not kept.renew(), "it is not there"
    assert took(kept)
    again.look()
    again.release()
    assert took(again)
    assert not kept.renew(), "it is another one"
    assert cluster.lease is not None


def test_another_systems_lease_is_no_lock(cluster: Leases) -> None:
    entries = [{"manager": "somebody"}]
    cluster.lease = {"metadata": {"uid": "a", "resourceVersion": "1", "managedFields": entries}, "spec": {}}
    with pytest.raises(NotALockError, match=r"is not a lock of this collection \(found: made by somebody\)"):
        lease_of(cluster, "first").look()


@pytest.mark.parametrize("error", [forbidden("create"), ApiError(Problem("x", "broken"), status=500), away()])
def test_what_cannot_be_written_is_an_error(cluster: Leases, error: Exception) -> None:
    first = lease_of(cluster, "first")
    first.look()
    cluster.fails["create"] = error
    with pytest.raises(ClusterlinkError) as caught:
        first.take()
    assert caught.value is error
    assert not first.is_mine


def test_what_cannot_be_removed_is_an_error(cluster: Leases) -> None:
    first = lease_of(cluster, "first")
    assert took(first)
    refusals: list[Any] = [forbidden("delete"), away()]
    for error in refusals:
        cluster.fails["delete"] = error
        with pytest.raises(ClusterlinkError) as caught:
            first.release()
        assert caught.value is error
