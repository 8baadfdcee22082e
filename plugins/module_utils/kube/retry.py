# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long, and how often, a request that fails for a transient reason is retried.

Each pause is random, from nothing to a bound that doubles ("full jitter"), so that many clients which failed together
do not come back together. No attempt begins after the limit.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

DEFAULT_LIMIT = 20.0
"""Seconds from the first attempt after which there is no further one, regardless of Retry-After."""
FIRST_PAUSE = 0.2
SHORTEST_ATTEMPT = 5.0
"""Seconds that an attempt may take at least, however short the limit is."""
LONGEST_PAUSE = 3.0
"""Bounds of a pause, in seconds, beside what the server asks for."""

TRANSIENT = frozenset({429, 500, 502, 503, 504})
"""HTTP statuses of a server that is overloaded, restarts, or gets no response from another."""
_NOT_PROCESSED = frozenset({429})
"""Statuses by which the server did nothing (Kubernetes answers 429 before it begins)."""

_IDEMPOTENT = frozenset({"GET", "PATCH", "DELETE"})
"""Methods that have the same effect when they are repeated: every PATCH here is a server-side apply or sets values."""


def may_repeat(method: str, *, may_be_processed: bool) -> bool:
    """Whether a request may be sent again.

    Args:
        method: Its HTTP method. A repeated POST would create a second object.
        may_be_processed: Whether the server may have processed it, as when only its response is lost.
    """
    return method in _IDEMPOTENT or not may_be_processed


def may_be_processed(status: int) -> bool:
    """Whether a server that responds with this status may have processed the request."""
    return status not in _NOT_PROCESSED


@dataclass(frozen=True)
class RetryPolicy:
    """How failed requests are retried.

    Attributes:
        limit: Seconds; 0 for a single attempt.
        attempt: Seconds that one attempt may take to connect, and then to respond; 0 for the limits of C(transport).
        clock: Gives monotonic seconds.
        sleep: Waits for so many seconds.
        uniform: Gives a random number between two.
    """

    limit: float = DEFAULT_LIMIT
    attempt: float = 0.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    uniform: Callable[[float, float], float] = random.uniform

    def attempt_time(self, longest: float) -> float:
        """Seconds for which one attempt waits for a response that may be lost: C(longest), or less with a short limit.

        Without a limit to keep (0, a single attempt), it waits for as long as it may.
        """
        if self.attempt:
            return self.attempt
        return min(longest, max(self.limit, SHORTEST_ATTEMPT)) if self.limit else longest

    def start(self) -> Attempts:
        """The attempts of one request; the first begins now."""
        return Attempts(self)


class Attempts:
    """The attempts of one request.

    Attributes:
        count: How many there have been, with the current one.
    """

    def __init__(self, policy: RetryPolicy) -> None:
        self.count = 1
        self._policy = policy
        self._started = policy.clock()

    def wait(self, at_least: float = 0.0) -> bool:
        """Wait for another attempt; False, without waiting, when it would begin after the limit.

        Args:
            at_least: Seconds that the server asks for (Retry-After).
        """
        bound = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self.count - 1, 16))
        pause = at_least + self._policy.uniform(0.0, bound)
        if self._policy.clock() - self._started + pause >= self._policy.limit:
            return False
        self._policy.sleep(pause)
        self.count += 1
        return True

    @property
    def summary(self) -> str:
        """The attempts and their time, for an error: C( (5 attempts in 20 s)); empty after a single short one."""
        seconds = round(self._policy.clock() - self._started)
        if self.count == 1:  # one that has used up the time explains why there was no other
            return f" (after {seconds} s)" if seconds else ""
        return f" ({self.count} attempts in {seconds} s)"
