# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which writes a run is refused for want of its lock."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

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
