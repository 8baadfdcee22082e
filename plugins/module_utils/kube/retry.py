# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long, and how often, a request that failed in passing is tried again.

Pauses grow twofold up to a bound, and each is drawn at random from nothing to that ("full jitter"), so that many
clients which failed together do not come back together. No try begins after the limit.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

DEFAULT_LIMIT = 20.0
"""Seconds from the first try after which there is no further one, whatever Retry-After says."""
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 3.0
"""Bounds of a pause, in seconds, beside what the server asks for."""

PASSING = frozenset({429, 500, 502, 503, 504})
"""HTTP statuses of a server that is overloaded, restarts, or waits for another in vain."""
_NOT_DONE = frozenset({429})
"""Those by which it surely did nothing (Kubernetes answers 429 before it begins)."""

_REPEATABLE = frozenset({"GET", "PATCH", "DELETE"})
"""Methods by which twice is as good as once: every PATCH here is a server-side apply or sets values."""


def may_repeat(method: str, *, may_be_done: bool) -> bool:
    """Whether a request may be sent again.

    Args:
        method: Its HTTP method. A POST makes something, and would make it twice.
        may_be_done: Whether the server may have done it, as when only its answer was lost.
    """
    return method in _REPEATABLE or not may_be_done


def may_be_done(status: int) -> bool:
    """Whether a server that answers with this status may have done what was asked."""
    return status not in _NOT_DONE


@dataclass(frozen=True)
class Patience:
    """How failed requests are tried again.

    Attributes:
        limit: Seconds; 0 for a single try.
        clock: Gives seconds that only grow.
        sleep: Waits for so many seconds.
        uniform: Gives a random number between two.
    """

    limit: float = DEFAULT_LIMIT
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    uniform: Callable[[float, float], float] = random.uniform

    def begin(self) -> Tries:
        """The tries of one request, of which the first begins now."""
        return Tries(self)


class Tries:
    """The tries of one request.

    Attributes:
        count: How many there have been, the one that goes on included.
    """

    def __init__(self, patience: Patience) -> None:
        self.count = 1
        self._patience = patience
        self._started = patience.clock()

    def again(self, at_least: float = 0.0) -> bool:
        """Wait for another try; False, without waiting, when it would come too late.

        Args:
            at_least: Seconds that the server asks for (Retry-After).
        """
        bound = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self.count - 1, 16))
        pause = at_least + self._patience.uniform(0.0, bound)
        if self._patience.clock() - self._started + pause >= self._patience.limit:
            return False
        self._patience.sleep(pause)
        self.count += 1
        return True

    @property
    def said(self) -> str:
        """How often and how long it was tried, for an error: C( (5 tries in 20 s)); nothing after a single try."""
        if self.count == 1:
            return ""
        return f" ({self.count} tries in {self._patience.clock() - self._started:.0f} s)"
