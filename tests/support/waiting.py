# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for what is named, instead of for a time; what others do meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest

PATIENCE_SECONDS = 180
"""How long what is sure to come may take: far more than a process needs to start while a machine reads all from disk.
What comes in time costs none of it."""
_PAUSE_SECONDS = 0.1

Answer = TypeVar("Answer")


def eventually(look: Callable[[], Answer], seconds: float = PATIENCE_SECONDS) -> Answer:
    """Look until there is something, or until the time is over; returns what C(look) returned last.

    Args:
        look: Returns something true when it is there.
        seconds: The longest that it may take.
    """
    deadline = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() <= deadline:
        time.sleep(_PAUSE_SECONDS)
    return found


def wait_until(what: str, look: Callable[[], Answer], seconds: float = PATIENCE_SECONDS) -> Answer:
    """As C(eventually); a test that waits in vain fails with what it waited for."""
    if not (found := eventually(look, seconds)):
        pytest.fail(f"not within {seconds:.0f} s: {what}")
    return found


@contextmanager
def meanwhile(act: Callable[[], object], pause: float) -> Iterator[None]:
    """While the body runs, a thread acts again and again with C(pause) seconds between; it ends with the body."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(pause):
            act()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
