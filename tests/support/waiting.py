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

_PAUSE_SECONDS = 0.2

Answer = TypeVar("Answer")


def wait_until(what: str, look: Callable[[], Answer], seconds: float = 30) -> Answer:
    """Look until there is something; returns what C(look) returned.

    Args:
        what: What is waited for; a test that waits in vain fails with it.
        look: Returns something true when it is there.
        seconds: The longest that it may take.
    """
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s: {what}")
        time.sleep(_PAUSE_SECONDS)
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
