# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a wait says while it lasts, to whoever listens: a task that is silent for two minutes looks as if it hung."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from ..common.kinds import Ref

INTERVAL = 10.0
"""Seconds between two messages, and before the first."""

Tell = Callable[[str], None]
"""Takes what a wait waits for, such as C(Deployment a/b: 0 of 1 pods are up to date)."""
_listeners: list[Tell] = []


@contextmanager
def progress_to(tell: Tell) -> Iterator[None]:
    """Let waits of this process tell their progress, until the end of the block."""
    _listeners.append(tell)
    try:
        yield
    finally:
        _listeners.remove(tell)


class Progress:
    """One wait's messages."""

    def __init__(self) -> None:
        self._next = time.monotonic() + INTERVAL

    @staticmethod
    def window(left: float) -> float:
        """Seconds for which one watch may last: as long as there is time, or until the next message."""
        return min(left, INTERVAL) if _listeners else left

    def tell(self, waiting: Callable[[], Mapping[Ref, str]]) -> None:
        """Say what is waited for, if it is time.

        Args:
            waiting: Gives the reason for each object that is waited for.
        """
        now = time.monotonic()
        if not _listeners or now < self._next:
            return
        self._next = now + INTERVAL
        reasons = waiting()
        if not reasons:
            return
        ref, reason = next(iter(reasons.items()))
        more = f", and for {len(reasons) - 1} more" if len(reasons) > 1 else ""
        for tell in _listeners:
            tell(f"{ref}: {reason}{more}")
