# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which writes a run is refused for want of its lock."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.lock import guard

if TYPE_CHECKING:
    from tests.unit.fakes import Api

EAST, WEST = "https://east", "https://west"
PEER = {"apiVersion": "clusterlink.net/v1alpha1", "kind": "Peer", "metadata": {"name": "p", "namespace": "a"}}


@pytest.fixture(autouse=True)
def _alone_and_outside_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Time passes for nobody, unless a test says so; no lock is left."""
    began = guard.now()
    monkeypatch.setattr(guard, "now", lambda: began)
    yield
    guard.released((EAST, WEST))


def refusal(server: str = EAST, path: str = "/api/v1/namespaces", later: float = 0.0) -> str:
    try:
        guard.require_lock(server, path, lambda: guard.now() + later)
    except ClusterlinkError as error:
        return str(error)
    return ""


def renewed(seconds: float, patience: float = 0.0) -> None:
    guard.renewed(EAST, guard.now() + seconds, patience)


def test_a_cluster_that_was_never_locked_is_free() -> None:
    assert not refusal()
    guard.lost(WEST, "another run has it")
    assert not refusal()


def test_a_lock_lasts_until_its_time() -> None:
    renewed(30)
    assert not refusal(later=29)
    assert "it expired 2 s ago, and was not renewed)" in refusal(later=32)
    guard.not_renewed(EAST, "east is unreachable")
    assert not refusal(later=29)
    assert "it expired 2 s ago, and was not renewed, because east is unreachable)" in refusal(later=32)
    renewed(60)
    assert not refusal(later=32)


def test_a_write_waits_for_a_renewal_that_is_late_and_no_longer_than_that_may_take() -> None:
    renewed(-2, patience=60)
    late = threading.Timer(0.2, renewed, (30, 60))
    late.start()
    assert not refusal()
    late.join()
    renewed(-2, patience=0.2)
    began = time.monotonic()
    assert "it expired 2 s ago, and was not renewed)" in refusal()
    assert time.monotonic() - began >= 0.2
    renewed(-2, patience=60)
    late = threading.Timer(0.2, guard.lost, (EAST, "another run has it"))
    late.start()
    assert "another run has it" in refusal()
    late.join()


def test_a_run_that_slept_as_it_waited_goes_on_waiting_for_the_renewal_that_follows() -> None:
    """A machine sleeps at any moment: also between two looks at a lock that has expired."""
    renewed(-2, patience=10)
    asked, slept = [guard.now()], 60
    late = threading.Timer(0.2, renewed, (slept + 30, 10))
    late.start()
    guard.require_lock(EAST, "/api/v1/namespaces", lambda: asked.pop() if asked else guard.now() + slept)
    late.join()


def is_killed_at_line(line: int, change: Callable[[], None]) -> bool:
    """Whether a process is killed before it has run that many lines of the guard's; else it has made the change."""
    child = os.fork()
    if not child:
        left = line

        def trace(frame: FrameType, event: str, _argument: Any) -> Any:
            nonlocal left
            left -= event == "line" and frame.f_code.co_filename == guard.__file__
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return trace

        try:
            sys.settrace(trace)
            change()
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    assert status in (0, signal.SIGKILL)
    return status != 0


@pytest.mark.parametrize(
    ("before", "change"),
    [
        pytest.param(lambda: None, lambda: renewed(60), id="the-first"),
        pytest.param(lambda: renewed(-2), lambda: guard.not_renewed(EAST, "it is unreachable"), id="longer"),
        pytest.param(lambda: renewed(-2), lambda: guard.lost(EAST, "gone"), id="shorter"),
        pytest.param(lambda: guard.lost(EAST, "another run has it"), lambda: renewed(60), id="again"),
        pytest.param(lambda: guard.lost(EAST, "another run has it"), lambda: guard.released([EAST]), id="the-last"),
    ],
)
def test_who_is_killed_at_any_moment_leaves_what_was_or_what_is(
    monkeypatch: pytest.MonkeyPatch, before: Callable[[], None], change: Callable[[], None]
) -> None:
    """As the lease daemon is, when memory is short: every process of the run goes on reading what it noted."""
    seen: list[str] = []
    killed = True
    while killed:
        with os.fdopen(guard._anonymous_file()) as file, monkeypatch.context() as patch:
            patch.setattr(guard, "_FILE", file.fileno())
            before()
            was = refusal()
            killed = is_killed_at_line(len(seen), change)
            seen.append(refusal())
            renewed(60)
            assert not refusal()
    assert len(seen) > 10
    assert set(seen) == {was, seen[-1]}


def test_a_lock_that_is_lost_may_be_acquired_again_and_released() -> None:
    guard.lost(EAST, "another run has it")
    assert "does not have the fabric's lock (found: another run has it)" in refusal()
    assert not refusal(path="/apis/coordination.k8s.io/v1/namespaces/default/leases/x")
    renewed(30)
    assert not refusal()
    guard.lost(EAST, "another run has it")
    guard.released([EAST])
    assert not refusal()


def test_without_the_lock_a_client_reads_and_tries_but_sends_no_write(api: Api) -> None:
    cluster = api.cluster()
    guard.lost(cluster.server, "another run has it")
    try:
        api.will(404)
        assert cluster.get("Peer", "p", "a") is None
        with pytest.raises(ClusterlinkError, match="does not have the fabric's lock"):
            cluster.create(PEER)
        assert [asked.method for asked in api.asked] == ["GET"]
    finally:
        guard.released([cluster.server])
