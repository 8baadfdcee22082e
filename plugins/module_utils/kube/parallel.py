# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several requests to one cluster side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ..errors import ClusterlinkError, Problem
from .transport import ClusterUnreachableError

T = TypeVar("T")
R = TypeVar("R")

_PARALLEL = 6
"""Requests at a time: enough to hide a distant API server's latency, few enough not to be throttled."""


def attempt(work: Callable[[T], R], items: Sequence[T]) -> list[R | ClusterlinkError]:
    """The work's result for each item, in their order, or the error that it raised.

    Raises:
        ClusterUnreachableError: The cluster cannot be talked to; what was not begun by then is not.
    """

    def outcome(item: T) -> R | ClusterlinkError:
        try:
            return work(item)
        except ClusterUnreachableError:
            raise
        except ClusterlinkError as error:
            return error

    if len(items) <= 1:  # no thread for a single thing
        return [outcome(item) for item in items]
    with ThreadPoolExecutor(min(_PARALLEL, len(items))) as pool:
        futures = [pool.submit(outcome, item) for item in items]
        try:
            return [future.result() for future in futures]
        except ClusterUnreachableError:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def gather(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """The work's result for each item, in their order.

    Raises:
        ClusterlinkError: With the problems of all items that failed.
        ClusterUnreachableError: As C(attempt).
    """
    results = attempt(work, items)
    raise_all(problem for result in results if isinstance(result, ClusterlinkError) for problem in result.problems)
    return [result for result in results if not isinstance(result, ClusterlinkError)]


def raise_all(problems: Iterable[Problem]) -> None:
    """Raise a ClusterlinkError with the problems, each once, if there are any."""
    unique = list(dict.fromkeys(problems))
    if unique:
        raise ClusterlinkError(unique)
