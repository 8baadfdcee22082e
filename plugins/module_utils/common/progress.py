# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a wait says while it lasts, to whoever listens: a task that is silent for two minutes looks as if it hung."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from .kinds import Ref

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


def tell_nobody() -> None:
    """Drop the listeners that a forked process has from its parent, which cannot hear it."""
    _listeners.clear()


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
        self._say(lambda: _sentence(waiting()))

    def pause(self, seconds: float, what: str) -> None:
        """Sleep between two looks at what is waited for, and say what it is, if it is time."""
        self.say(what)
        time.sleep(seconds)

    def say(self, what: str) -> None:
        """Say what is waited for, if it is time."""
        self._say(lambda: what)

    def _say(self, what: Callable[[], str]) -> None:
        now = time.monotonic()
        if not _listeners or now < self._next:
            return
        self._next = now + INTERVAL
        if text := what():
            for tell in _listeners:
                tell(text)


def _sentence(reasons: Mapping[Ref, str]) -> str:
    more = f", and for {len(reasons) - 1} more" if len(reasons) > 1 else ""
    return next((f"{ref}: {reason}{more}" for ref, reason in reasons.items()), "")
