# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to one cluster side by side: none begins once the cluster is known to be unreachable."""

from __future__ import annotations

import threading

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError, Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube import parallel
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.transport import ClusterUnreachableError
from tests.support.waiting import PATIENCE_SECONDS


def test_requests_that_time_out_together_are_the_last() -> None:
    together = threading.Barrier(parallel._PARALLEL, timeout=PATIENCE_SECONDS)
    begun: list[int] = []

    def time_out(item: int) -> None:
        begun.append(item)
        together.wait()
        raise ClusterUnreachableError(Problem("https://east", "the API server is unreachable"))

    with pytest.raises(ClusterUnreachableError):
        parallel.gather(time_out, range(4 * parallel._PARALLEL))
    assert sorted(begun) == [*range(parallel._PARALLEL)]


def test_other_errors_stop_no_request_and_are_raised_together() -> None:
    def refuse(item: int) -> int:
        if item % 5 == 0:
            raise ClusterlinkError(Problem(f"object {item}", "is refused"))
        return item

    assert [item for item in parallel.attempt(refuse, range(20)) if isinstance(item, int)] == [
        item for item in range(20) if item % 5
    ]
    with pytest.raises(ClusterlinkError) as caught:
        parallel.gather(refuse, range(20))
    assert [problem.where for problem in caught.value.problems] == [f"object {item}" for item in range(0, 20, 5)]


def test_a_server_that_answers_at_once_is_asked_over_one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "_HEAD_START", 30)
    threads = set(parallel.gather(lambda _item: threading.get_ident(), range(4 * parallel._PARALLEL)))
    assert len(threads) == 1


def test_a_distant_server_is_asked_for_all_that_may_be_asked_at_a_time() -> None:
    together = threading.Barrier(parallel._PARALLEL, timeout=PATIENCE_SECONDS)

    def wait_for_others(item: int) -> int:
        together.wait()
        return item

    assert parallel.gather(wait_for_others, range(2 * parallel._PARALLEL)) == [*range(2 * parallel._PARALLEL)]
