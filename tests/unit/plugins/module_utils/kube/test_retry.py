# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.retry import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    TRANSIENT,
    RetryPolicy,
    may_be_processed,
    may_repeat,
)


class Simulated:
    """A policy whose clock is moved on by pauses, and by how long each try takes."""

    def __init__(self, limit: float, seed: int) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.bounds: list[float] = []
        self._chance = random.Random(seed)  # noqa: S311  # nothing is secret here
        self.policy = RetryPolicy(limit, clock=lambda: self.now, sleep=self._sleep, uniform=self._uniform)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def _uniform(self, low: float, high: float) -> float:
        assert low == 0.0
        self.bounds.append(high)
        return self._chance.uniform(low, high)


@given(
    limit=st.floats(0, 120),
    seed=st.integers(),
    durations=st.lists(st.floats(0, 30), min_size=1, max_size=60),
    asked=st.lists(st.floats(0, 10), min_size=60, max_size=60),
)
def test_no_try_begins_after_the_limit_nor_sooner_than_the_server_asks(
    limit: float, seed: int, durations: list[float], asked: list[float]
) -> None:
    simulated = Simulated(limit, seed)
    attempts = simulated.policy.start()
    for number, (duration, at_least) in enumerate(zip(durations, asked, strict=False), start=1):
        assert attempts.count == number
        assert number == 1 or simulated.now < limit
        simulated.now += duration
        slept = len(simulated.slept)
        if not attempts.wait(at_least):
            assert len(simulated.slept) == slept  # not even a last pause
            assert attempts.count == number
            return
        assert at_least <= simulated.slept[-1] <= at_least + LONGEST_PAUSE


@given(seed=st.integers())
def test_bounds_double_up_to_the_longest_pause(seed: int) -> None:
    simulated = Simulated(1e9, seed)
    attempts = simulated.policy.start()
    for _turn in range(200):
        assert attempts.wait()
    assert simulated.bounds[0] == FIRST_PAUSE
    for one, other in zip(simulated.bounds, simulated.bounds[1:], strict=False):
        assert other == min(LONGEST_PAUSE, 2 * one)


def test_clients_that_fail_together_do_not_come_back_together() -> None:
    pauses = set()
    for seed in range(100):
        simulated = Simulated(60, seed)
        simulated.policy.start().wait()
        pauses.add(simulated.slept[0])
    assert len(pauses) == 100
    assert min(pauses) < 0.1 * FIRST_PAUSE
    assert max(pauses) > 0.9 * FIRST_PAUSE


def test_thirty_percent_of_failures_are_outlasted_by_the_default_limit() -> None:
    chance = random.Random(5)  # noqa: S311  # nothing is secret here
    given_up = 0
    for seed in range(20_000):
        simulated = Simulated(RetryPolicy().limit, seed)
        attempts = simulated.policy.start()
        while chance.random() < 0.3:
            simulated.now += 0.05
            if not attempts.wait():
                given_up += 1
                break
    assert given_up == 0


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_what_is_the_same_twice_may_be_repeated(method: str) -> None:
    assert may_repeat(method, may_be_processed=True)


@pytest.mark.parametrize(("status", "repeated"), [(429, True), *((status, False) for status in TRANSIENT - {429})])
def test_making_something_is_repeated_only_when_it_surely_was_not_done(status: int, repeated: bool) -> None:
    assert may_repeat("POST", may_be_processed=may_be_processed(status)) is repeated


def test_an_error_says_how_often_and_how_long_it_was_tried() -> None:
    simulated = Simulated(60, 1)
    attempts = simulated.policy.start()
    assert attempts.summary == ""
    simulated.now += 12
    assert attempts.summary == " (after 12 s)"
    attempts.wait()
    assert attempts.summary == " (2 attempts in 12 s)"


@pytest.mark.parametrize(
    ("policy", "seconds"),
    [
        (RetryPolicy(20), 10),
        (RetryPolicy(7), 7),
        (RetryPolicy(1), 5),
        (RetryPolicy(0), 10),
        (RetryPolicy(20, attempt=2), 2),
    ],
)
def test_a_short_limit_makes_an_attempt_short_too(policy: RetryPolicy, seconds: float) -> None:
    assert policy.attempt_time(10) == seconds
