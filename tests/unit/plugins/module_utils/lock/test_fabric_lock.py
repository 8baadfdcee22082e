# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock of several runs in several clusters, none of them real."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError, Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.errors import ApiError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.lock import guard
from ansible_collections.skyshift.clusterlink.plugins.module_utils.lock.fabric_lock import FabricLock
from ansible_collections.skyshift.clusterlink.plugins.module_utils.lock.lease import FabricLease
from tests.unit.fakes import Time

from .leases import Leases, away, forbidden

NAMES = ("east", "west", "north")


class Fabric:
    """Clusters, and the locks of runs on some of them."""

    def __init__(self) -> None:
        self.clusters = {name: Leases() for name in NAMES}
        self.time = Time()
        self.said: list[str] = []

    def lock(self, holder: str, names: Iterable[str] = NAMES, timeout: float = 0) -> FabricLock:
        retries = self.time.policy(5)
        leases = {name: FabricLease(self.clusters[name], "demo", holder, 30, retries) for name in names}
        return FabricLock("demo", leases, self.time.policy(timeout))

    def acquired(self, holder: str, names: Iterable[str] = NAMES, timeout: float = 0) -> FabricLock:
        lock = self.lock(holder, names, timeout)
        lock.acquire(self.said.append)
        return lock

    def problems(self, holder: str, names: Iterable[str] = NAMES, timeout: float = 0) -> list[Problem]:
        with pytest.raises(ClusterlinkError) as caught:
            self.acquired(holder, names, timeout)
        return list(caught.value.problems)

    def holders(self) -> list[str]:
        return [cluster.hold() for cluster in self.clusters.values()]


@pytest.fixture
def fabric(monkeypatch: pytest.MonkeyPatch) -> Fabric:
    """Its clusters' clocks stand still, apart from what a test adds."""
    began = datetime.now(timezone.utc)
    now = property(lambda lease: began + timedelta(seconds=lease.cluster.clock or 0))
    monkeypatch.setattr(FabricLease, "now", now)
    return Fabric()


def test_it_takes_two_requests_in_each_cluster_and_is_given_back_with_two(fabric: Fabric) -> None:
    lock = fabric.acquired("ada")
    assert (lock.held, list(lock.acquired), fabric.said) == (list(NAMES), list(NAMES), [])
    again = fabric.lock("ada")
    assert again.release() == []
    assert fabric.holders() == ["", "", ""]
    for cluster in fabric.clusters.values():
        assert cluster.asked == ["get", "create", "get", "delete"]


def test_another_run_learns_who_has_it_where_and_since_when_and_gets_nothing(fabric: Fabric) -> None:
    fabric.acquired("ada@ops1 (run 1)", NAMES[:2])
    (problem,) = fabric.problems("bob@ops2 (run 2)")
    assert (problem.where, problem.what) == ("fabric demo", "another run works on it in east, west")
    assert problem.found.startswith("ada@ops1 (run 1) since 20")
    assert problem.found.endswith(" UTC, last renewed 0 s ago")
    assert problem.fix.endswith(
        "wait longer with clusterlink_lock_timeout (0 s now). "
        "If that run has died, its lock expires 30 s after its last renewal"
    )
    assert fabric.holders() == ["ada@ops1 (run 1)", "ada@ops1 (run 1)", ""]
    assert fabric.clusters["north"].asked == ["get"], "nothing is written where not all can be"


def test_each_of_several_holders_is_named(fabric: Fabric) -> None:
    fabric.acquired("ada", ["east"])
    fabric.acquired("bob", ["west"])
    problems = fabric.problems("eve")
    assert [(each.what[-4:], each.found[:3]) for each in problems] == [("east", "ada"), ("west", "bob")]


def test_who_was_faster_is_named_and_what_was_got_is_given_back(fabric: Fabric) -> None:
    def faster(verb: str) -> None:
        if verb == "create" and fabric.clusters["west"].hold() != "bob":
            fabric.clusters["west"].before = lambda _verb: None
            fabric.acquired("bob", ["west"])

    fabric.clusters["west"].before = faster
    (problem,) = fabric.problems("ada")
    assert (problem.what, problem.found[:3]) == ("another run works on it in west", "bob")
    assert fabric.holders() == ["", "bob", ""]


def test_who_waits_says_so_once_and_gets_it_when_it_is_given_back(fabric: Fabric) -> None:
    fabric.acquired("ada", ["west"])
    cluster = fabric.clusters["west"]

    def before(_verb: str) -> None:
        if fabric.time.now > 110 and cluster.hold() == "ada":
            cluster.lease = None

    cluster.before = before
    lock = fabric.acquired("bob", timeout=60)
    assert lock.held == list(NAMES)
    assert 10 < sum(fabric.time.slept) < 14
    (said,) = fabric.said
    assert said.startswith("Waiting up to 60 s. Fabric demo is locked in west by ada since ")


def test_waiting_ends_when_the_time_is_over(fabric: Fabric) -> None:
    fabric.acquired("ada", ["west"])
    west = fabric.clusters["west"]

    def renew(_verb: str) -> None:
        assert west.lease is not None
        west.lease["metadata"]["resourceVersion"] += "0"

    west.before = renew
    (problem,) = fabric.problems("bob", timeout=60)
    assert "(60 s now)" in problem.fix
    assert 55 < sum(fabric.time.slept) < 60
    assert fabric.holders() == ["", "ada", ""]


def test_it_counts_from_before_the_first_write(fabric: Fabric, monkeypatch: pytest.MonkeyPatch) -> None:
    began = guard.now()
    monkeypatch.setattr(guard, "now", lambda: began)

    def sleep(verb: str) -> None:
        if verb == "create":
            monkeypatch.setattr(guard, "now", lambda: began + 60)

    fabric.clusters["west"].before = sleep
    assert fabric.acquired("ada").since == began


def test_a_dead_runs_lock_is_taken_at_once(fabric: Fabric) -> None:
    fabric.acquired("ada")
    for cluster in fabric.clusters.values():
        cluster.clock = 33
    assert fabric.acquired("bob").held == list(NAMES)


@pytest.mark.parametrize("clock", [-86400, None])
def test_silence_that_was_watched_counts_where_the_clock_is_wrong(fabric: Fabric, clock: int | None) -> None:
    fabric.acquired("ada", ["west"])
    fabric.clusters["west"].clock = clock
    lock = fabric.acquired("bob", timeout=60)
    assert lock.held == list(NAMES)
    assert 30 < sum(fabric.time.slept) < 34


def test_a_run_that_has_it_goes_on_and_takes_only_what_it_has_not(fabric: Fabric) -> None:
    fabric.acquired("ada", NAMES[:2])
    lock = fabric.acquired("ada")
    assert sorted(lock.held) == sorted(NAMES)
    assert list(lock.acquired) == ["north"]
    assert fabric.clusters["east"].asked == ["get", "create", "get"]


def test_a_run_whose_daemon_has_died_acquires_it_again(fabric: Fabric) -> None:
    fabric.acquired("ada")
    fabric.clusters["east"].clock = 33
    assert list(fabric.acquired("ada").acquired) == ["east"]


@pytest.mark.parametrize("verb", ["get", "create"])
@pytest.mark.parametrize(
    "error",
    [away(), ApiError(Problem("https://here", "no credentials"), status=403), ApiError(Problem("x", ""), status=401)],
)
def test_a_cluster_that_is_unreachable_is_left_out(fabric: Fabric, verb: str, error: ClusterlinkError) -> None:
    fabric.clusters["west"].fails[verb] = error
    lock = fabric.acquired("ada")
    assert (lock.held, lock.skipped) == (["east", "north"], {"west": error})
    assert list(lock.acquired) == lock.held
    assert fabric.holders() == ["ada", "", "ada"]


@pytest.mark.parametrize("verb", ["get", "create"])
def test_a_cluster_that_permits_no_lock_is_left_out_with_the_reason(fabric: Fabric, verb: str) -> None:
    fabric.clusters["west"].fails[verb] = forbidden(verb)
    lock = fabric.acquired("ada")
    (problem,) = lock.skipped["west"].problems
    assert (problem.host, problem.what) == ("west", f"the user ada is not permitted to {verb} leases")
    assert problem.fix == (
        "Grant it; a lock needs the permission to get, create, update and delete leases.coordination.k8s.io in "
        "namespace default. Or set clusterlink_lock to false, to run without a lock there"
    )
    assert (lock.held, list(lock.acquired)) == (["east", "north"], ["east", "north"])


@pytest.mark.parametrize("verb", ["get", "create"])
def test_that_no_cluster_permits_a_lock_is_an_error(fabric: Fabric, verb: str) -> None:
    for host in ("east", "west"):
        fabric.clusters[host].fails[verb] = forbidden(verb)
    fabric.clusters["north"].fails[verb] = away()
    assert [problem.host for problem in fabric.problems("ada")] == ["east", "west"]
    assert fabric.holders() == ["", "", ""]


def test_somebody_elses_lease_is_an_error(fabric: Fabric) -> None:
    fabric.clusters["west"].lease = {"metadata": {"uid": "a", "resourceVersion": "1"}, "spec": {}}
    (problem,) = fabric.problems("ada")
    assert (problem.host, problem.what) == ("west", "is not a lock of this collection")


def test_what_was_lost_is_reported_at_the_end(fabric: Fabric) -> None:
    fabric.acquired("ada")
    fabric.clusters["east"].lease = None
    fabric.clusters["west"].clock = 33
    fabric.acquired("bob", ["west"])
    (reported,) = fabric.lock("ada").release()
    assert reported.startswith("This run has lost the lock of fabric demo in west to bob since 20")
    assert reported.endswith(", last renewed 0 s ago.")
    assert fabric.holders() == ["", "bob", ""]


def test_looking_writes_nothing(fabric: Fabric) -> None:
    fabric.acquired("ada", ["east"])
    lock = fabric.lock("bob")
    (reported,) = lock.describe(lock.read_others())
    assert reported.startswith("Fabric demo is locked in east by ada since 20")
    assert fabric.clusters["west"].asked == ["get"]


SOME = st.sets(st.sampled_from(NAMES), min_size=1)


@given(SOME, SOME, st.integers(0, 8), st.booleans())
def test_of_two_runs_at_once_at_most_one_has_anything(
    ones: set[str], others: set[str], moment: int, gives_back: bool
) -> None:
    """The second comes at any moment of the first, and may be gone again before the first goes on."""
    fabric = Fabric()
    count = itertools.count()
    got: dict[str, FabricLock] = {}

    def other(_verb: str) -> None:
        if next(count) == moment:
            try:
                got["bob"] = fabric.acquired("bob", others)
            except ClusterlinkError:
                return
            if gives_back:
                got.pop("bob").release()

    for cluster in fabric.clusters.values():
        cluster.before = other
    with contextlib.suppress(ClusterlinkError):
        got["ada"] = fabric.acquired("ada", ones)
    for cluster in fabric.clusters.values():
        cluster.before = lambda _verb: None
    assert len(got) < 2 or not ones & others
    for holder, names in (("ada", ones), ("bob", others)):
        has = {name for name, cluster in fabric.clusters.items() if cluster.hold() == holder}
        assert has == (names if holder in got else set())
    for lock in got.values():
        assert lock.release() == []
    assert fabric.holders() == ["", "", ""]
