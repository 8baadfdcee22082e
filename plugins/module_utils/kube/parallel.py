# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several requests to one cluster side by side."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from ..common.types import Object
from ..errors import ClusterlinkError, raise_all
from .client import Cluster
from .transport import ClusterUnreachableError

T = TypeVar("T")
R = TypeVar("R")

_PARALLEL = 6
"""Requests at a time: enough to hide a distant API server's latency, few enough not to be throttled."""
_HEAD_START = 0.01
"""Seconds after which one more thread joins in: an API server nearby has answered many requests by then, and each
connection that is not opened spares both sides milliseconds of cryptography."""


def attempt(work: Callable[[T], R], items: Sequence[T]) -> list[R | ClusterlinkError]:
    """The work's result for each item, in their order, or the error that it raised.

    Raises:
        ClusterUnreachableError: The cluster is unreachable; work that has not begun does not begin.
    """
    unreachable: list[ClusterUnreachableError] = []

    def outcome(item: T) -> R | ClusterlinkError:
        if unreachable:  # else each thread whose request has timed out would wait for the next one's
            raise unreachable[0]
        try:
            return work(item)
        except ClusterUnreachableError as error:
            unreachable.append(error)
            raise
        except ClusterlinkError as error:
            return error

    if len(items) <= 1:  # a single item needs no thread
        return [outcome(item) for item in items]
    return _in_threads(outcome, items)


def _in_threads(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """The work's result for each item, in their order, from as many threads as its duration asks for."""
    results: dict[int, R] = {}
    waiting = deque(enumerate(items))

    def drain() -> None:
        while waiting:
            try:
                number, item = waiting.popleft()
            except IndexError:  # another thread was faster
                return
            results[number] = work(item)

    with ThreadPoolExecutor(_PARALLEL) as pool:
        threads = [pool.submit(drain)]
        while len(threads) < _PARALLEL:
            wait(threads, timeout=_HEAD_START)
            if not waiting:
                break
            threads.append(pool.submit(drain))
    for thread in threads:
        thread.result()
    return [results[number] for number in range(len(items))]


def gather(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """The work's result for each item, in their order.

    Raises:
        ClusterlinkError: With the problems of all items that failed.
        ClusterUnreachableError: As C(attempt).
    """
    results = attempt(work, items)
    raise_all(problem for result in results if isinstance(result, ClusterlinkError) for problem in result.problems)
    return [result for result in results if not isinstance(result, ClusterlinkError)]


class Query(NamedTuple):
    """A request for one object, or without a name for all objects of a kind.

    Attributes:
        kind: A key of C(common.kinds.KINDS).
        name: The object; empty for all.
        namespace: Its namespace; empty for a cluster-wide kind, and for all namespaces.
        label_selector: Which of all objects, as the API takes it.
    """

    kind: str
    name: str = ""
    namespace: str = ""
    label_selector: str = ""


NOTHING: Mapping[Query, Sequence[Object]] = MappingProxyType({})
"""Nothing is known."""


def read(
    cluster: Cluster, queries: Sequence[Query], known: Mapping[Query, Sequence[Object]] = NOTHING
) -> list[Sequence[Object]]:
    """The objects of each query, in the order of the queries; none where the object or the kind does not exist.

    Args:
        cluster: Where.
        queries: What is asked.
        known: What the caller has just read. It is not read again.

    Raises:
        ClusterlinkError: With all queries that the API server refuses.
    """

    def answer(query: Query) -> Sequence[Object]:
        if not query.name:
            return cluster.list(query.kind, query.namespace, label_selector=query.label_selector)
        obj = cluster.get(query.kind, query.name, query.namespace)
        return [] if obj is None else [obj]

    unread = [query for query in queries if query not in known]
    found = {**known, **dict(zip(unread, gather(answer, unread), strict=True))}
    return [found[query] for query in queries]
