# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common import progress
from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube import wait
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.client import Event, Listing
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.errors import ApiError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.readiness import unready
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.transport import ClusterUnreachableError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.wait import NotReadyError, wait_gone, wait_ready

Object = dict[str, Any]
PEER = Ref("Peer", "p", "a")


def peer(status: str = "", name: str = "p") -> Object:
    obj: Object = {"kind": "Peer", "metadata": {"name": name, "namespace": "a"}}
    if status:
        obj["status"] = {"conditions": [{"type": "PeerReachable", "status": status, "reason": "Heartbeat"}]}
    return obj


def _unless_raised(answer: list[Event] | Exception) -> list[Event]:
    if isinstance(answer, Exception):
        raise answer
    return answer


@dataclass
class Script:
    """A cluster that answers each list and each watch with what comes next; exceptions are raised."""

    lists: list[list[Object] | Exception]
    watches: list[list[Event] | Exception] = field(default_factory=list)
    asked: list[tuple[str, ...]] = field(default_factory=list)
    served: bool = True

    def list(self, kind: str, namespace: str, field_selector: str) -> Listing:
        self.asked.append(("list", kind, namespace, field_selector))
        answer = self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]
        if isinstance(answer, Exception):
            raise answer
        return Listing(answer, served=self.served, resource_version="7" if self.served else "")

    def watch(
        self, kind: str, namespace: str, *, resource_version: str, seconds: int, field_selector: str
    ) -> Generator[Event]:
        self.asked.append(("watch", kind, namespace, field_selector))
        assert resource_version == "7"
        assert seconds >= 1
        yield from _unless_raised(self.watches.pop(0)) if self.watches else []


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait, "_PAUSE", 0.01)


def test_what_is_known_to_be_ready_is_not_asked_for() -> None:
    cluster = Script([[]])
    assert wait_ready(cluster, [PEER], 5, known={PEER: peer("True")}) == {PEER: peer("True")}
    assert cluster.asked == []


def test_what_nobody_has_looked_at_is_not_taken_for_missing() -> None:
    cluster = Script([[peer("True")]], [[Event("MODIFIED", peer("False"))]])
    states = wait_ready(cluster, [PEER], 60, judge=lambda obj: "" if unready(obj) else "it is still ready")
    assert states == {PEER: peer("False")}


def test_wait_ends_with_the_event_that_makes_it_ready() -> None:
    events = [Event("MODIFIED", peer("True", "other")), Event("MODIFIED", peer("True"))]
    cluster = Script([[peer()]], [events])
    started = time.monotonic()
    assert wait_ready(cluster, [PEER], 60)[PEER] == peer("True")
    assert time.monotonic() - started < 30
    assert cluster.asked == [("list", "Peer", "a", "metadata.name=p"), ("watch", "Peer", "a", "metadata.name=p")]


def test_objects_of_one_kind_and_namespace_are_watched_together() -> None:
    cluster = Script([[peer("True"), peer("True", "q")]])
    wait_ready(cluster, [PEER, Ref("Peer", "q", "a")], 5)
    assert cluster.asked == [("list", "Peer", "a", "")]


@pytest.mark.parametrize(
    "broken",
    [
        ApiError(Problem("x", "too old"), status=410),
        ClusterUnreachableError(Problem("x", "away")),
    ],
)
def test_broken_watch_is_restarted_from_a_fresh_list(broken: Exception) -> None:
    cluster = Script([[peer()], [peer("True")]], [broken])
    assert wait_ready(cluster, [PEER], 60)[PEER] == peer("True")


def test_time_over_tells_each_object_and_the_last_that_it_said() -> None:
    cluster = Script([[peer("False")]])
    with pytest.raises(NotReadyError) as raised:
        wait_ready(cluster, [PEER, Ref("Export", "e", "a")], 0.05)
    assert raised.value.waiting == {
        PEER: "PeerReachable is False (Heartbeat)",
        Ref("Export", "e", "a"): "it does not exist",
    }
    assert raised.value.states[PEER] == peer("False")
    assert raised.value.problems[0].where == "Peer a/p"
    assert "gateway" in raised.value.problems[0].fix


def test_kind_that_is_not_served_yet_is_waited_for_without_a_watch() -> None:
    cluster = Script([[]], served=False)
    with pytest.raises(NotReadyError, match="it does not exist"):
        wait_ready(cluster, [PEER], 0.05)
    assert all(asked[0] == "list" for asked in cluster.asked)


def test_missing_permission_ends_the_wait_at_once() -> None:
    cluster = Script([ApiError(Problem("x", "denied"), status=403)])
    with pytest.raises(ApiError, match="denied"):
        wait_ready(cluster, [PEER], 60)


def test_cluster_that_stays_unreachable_is_reported_when_the_time_is_over() -> None:
    cluster = Script([ClusterUnreachableError(Problem("https://api", "away"))])
    with pytest.raises(ClusterUnreachableError):
        wait_ready(cluster, [PEER], 0.05)


def test_own_judge_decides() -> None:
    cluster = Script([[peer()]])
    judge: Callable[[Any], str] = lambda obj: "" if obj else "missing"  # noqa: E731
    assert wait_ready(cluster, [PEER], 5, judge=judge)[PEER] == peer()


def test_removed_object_is_waited_for_until_it_is_gone() -> None:
    cluster = Script([[peer()]], [[Event("DELETED", peer())]])
    wait_gone(cluster, [PEER], 60)
    held = peer()
    held["metadata"]["finalizers"] = ["somebody/s"]
    with pytest.raises(NotReadyError, match=r"Peer a/p: not gone within 0 s .*held by somebody/s"):
        wait_gone(Script([[held]]), [PEER], 0.05)


def test_object_is_gone_when_its_kind_is() -> None:
    wait_gone(Script([[]], served=False), [PEER], 5)


def test_a_wait_says_what_it_waits_for_while_somebody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "INTERVAL", 0.001)
    said: list[str] = []
    lists: list[list[Object] | Exception] = [[peer("False")], [peer("False")], [peer("True"), peer("True", "q")]]
    with progress.progress_to(said.append):
        wait_ready(Script(lists), [PEER, Ref("Peer", "q", "a")], 5)
    assert said
    assert said[0].startswith("Peer a/p: PeerReachable is False")
    assert said[0].endswith(", and for 1 more")
    heard = len(said)
    wait_ready(Script([[peer("False")], [peer("True")]]), [PEER], 5)
    assert len(said) == heard


def test_a_short_wait_says_nothing() -> None:
    said: list[str] = []
    with progress.progress_to(said.append):
        wait_ready(Script([[peer("False")], [peer("True")]]), [PEER], 5)
    assert said == []


def test_a_watch_ends_in_time_for_the_next_message() -> None:
    assert progress.Progress.window(60) == 60
    with progress.progress_to(print):
        assert [progress.Progress.window(left) for left in (60, 3)] == [progress.INTERVAL, 3]
