# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait for objects to become ready, or to be gone, by watching them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing

from ..errors import ClusterlinkError, Problem
from .client import Cluster, Object
from .errors import HTTP_GONE, ApiError
from .kinds import KINDS, Ref
from .readiness import HINTS, Judge, still_there, unready
from .retry import PASSING
from .transport import ClusterUnreachableError

SETTLE = 1.0
"""Seconds after a change until conditions that carry no observedGeneration are believed.

ClusterLink looks at a changed object within milliseconds and corrects a condition that is no longer true.
"""

PEER_SETTLE = 6.5
"""Seconds after a change until the condition of a Peer is believed.

A gateway takes a changed Peer for as reachable as it was until a heartbeat fails, which takes up to 6 s where the
address does not answer at all (v0.4.1, pkg/controlplane/control/peer.go; two tries of 3 s in pkg/util/jsonapi).
"""


def settle_time(changed: Iterable[Ref]) -> float:
    """How many seconds after these objects were changed their conditions are believed."""
    return max((PEER_SETTLE if ref.kind == "Peer" else SETTLE for ref in changed), default=0.0)


_PAUSE = 0.5
"""Seconds between tries when the API server cannot be asked or does not serve the kind."""


class NotReadyError(ClusterlinkError):
    """The time is over and objects are not as they were waited for.

    Attributes:
        waiting: Why, by object.
        states: Every object that was waited for as last seen; None when it is not there.
    """

    def __init__(
        self, problems: Sequence[Problem], waiting: Mapping[Ref, str], states: Mapping[Ref, Object | None]
    ) -> None:
        super().__init__(problems)
        self.waiting = dict(waiting)
        self.states = dict(states)


def wait_ready(
    cluster: Cluster,
    refs: Iterable[Ref],
    timeout: float,
    *,
    known: Mapping[Ref, Object] | None = None,
    judge: Judge = unready,
) -> dict[Ref, Object | None]:
    """Wait until all objects are ready.

    Args:
        cluster: Where.
        refs: Which objects.
        timeout: Seconds for all of them together.
        known: States that were just read: what is ready there costs no request.
        judge: Decides; by default by kind, see C(readiness.unready).

    Returns:
        Every object as last seen.

    Raises:
        NotReadyError: The time is over; it says which object is not ready, and why.
        ApiError: The API server does not let us look.
    """
    wanted = list(dict.fromkeys(refs))
    states: dict[Ref, Object | None] = {ref: (known or {}).get(ref) for ref in wanted}
    waiting = _wait(cluster, states, timeout, judge)
    if waiting:
        problems = [
            Problem(str(ref), f"not ready within {timeout:.0f} s", reason, HINTS.get(ref.kind, ""))
            for ref, reason in waiting.items()
        ]
        raise NotReadyError(problems, waiting, states)
    return states


def wait_gone(cluster: Cluster, refs: Iterable[Ref], timeout: float) -> None:
    """Wait until all objects are gone.

    Args:
        cluster: Where.
        refs: Which objects.
        timeout: Seconds for all of them together.

    Raises:
        NotReadyError: The time is over; it says which object is still there, and what holds it.
        ApiError: The API server does not let us look.
    """
    # They were there a moment ago.
    states: dict[Ref, Object | None] = {ref: {"kind": ref.kind, "metadata": {"name": ref.name}} for ref in refs}
    waiting = _wait(cluster, states, timeout, still_there)
    if waiting:
        problems = [Problem(str(ref), f"not gone within {timeout:.0f} s", reason) for ref, reason in waiting.items()]
        raise NotReadyError(problems, waiting, states)


def _wait(cluster: Cluster, states: dict[Ref, Object | None], timeout: float, judge: Judge) -> dict[Ref, str]:
    """Keep C(states) up to date until they are as the judge wants them; why they are not, when the time is over.

    One group is waited for after another. That takes no longer than the slowest: meanwhile the others go on.
    """
    deadline = time.monotonic() + timeout
    for group in _groups(ref for ref, state in states.items() if judge(state)):
        _Watcher(cluster, group, judge, states).wait(deadline)
    return {ref: reason for ref, state in states.items() if (reason := judge(state))}


def _groups(refs: Iterable[Ref]) -> list[list[Ref]]:
    """What is watched together: the objects of one kind in one namespace; cluster-wide ones each by itself."""
    groups: dict[tuple[str, str, str], list[Ref]] = {}
    for ref in refs:
        alone = "" if KINDS[ref.kind].namespaced else ref.name
        groups.setdefault((ref.kind, ref.namespace, alone), []).append(ref)
    return list(groups.values())


class _Watcher:
    """Keeps the states of one group of objects up to date until all are ready."""

    def __init__(self, cluster: Cluster, refs: Sequence[Ref], judge: Judge, states: dict[Ref, Object | None]) -> None:
        self._cluster = cluster
        self._refs = refs
        self._judge = judge
        self._states = states
        self._kind, self._namespace = refs[0].kind, refs[0].namespace
        self._selector = f"metadata.name={refs[0].name}" if len(refs) == 1 else ""

    def wait(self, deadline: float) -> None:
        """Return when all are ready or the time is over."""
        while True:
            try:
                version = self._list()
                left = deadline - time.monotonic()
                if self._ready() or left <= 0:
                    return
                if version:
                    self._watch(version, left)
            except ClusterUnreachableError:
                # An API server that restarts, as a gateway's own node may, comes back.
                if time.monotonic() >= deadline:
                    raise
            except ApiError as error:
                if error.served and error.status != HTTP_GONE and error.status not in PASSING:
                    raise
                if error.status in PASSING and time.monotonic() >= deadline:
                    raise
            if self._ready():
                return
            time.sleep(max(0.0, min(_PAUSE, deadline - time.monotonic())))

    def _ready(self) -> bool:
        return not any(self._judge(self._states[ref]) for ref in self._refs)

    def _list(self) -> str:
        listing = self._cluster.list(self._kind, self._namespace, field_selector=self._selector)
        there = {Ref.of(obj): obj for obj in listing}
        self._states.update({ref: there.get(ref) for ref in self._refs})
        return listing.resource_version

    def _watch(self, version: str, left: float) -> None:
        events = self._cluster.watch(
            self._kind,
            self._namespace,
            resource_version=version,
            seconds=math.ceil(left),
            field_selector=self._selector,
        )
        with closing(events):
            for event in events:
                ref = Ref.of(event.object)
                if ref in self._states:
                    self._states[ref] = None if event.type == "DELETED" else event.object
                    if self._ready():
                        return
