# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait until objects are ready or gone, by watching them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing

from ..common.kinds import KINDS, Ref
from ..common.progress import Progress
from ..common.types import Object
from ..errors import ClusterlinkError, Problem
from .client import Cluster
from .errors import HTTP_GONE, ApiError
from .readiness import Judge, still_there, unready
from .retry import TRANSIENT
from .transport import ClusterUnreachableError

_PAUSE = 0.5
"""Seconds between attempts when the API server is unreachable or does not serve the kind."""


def settle_time(changed: Iterable[Ref]) -> float:
    """Seconds after these objects were changed until their conditions are trusted."""
    return max((KINDS[ref.kind].settle for ref in changed), default=0.0)


class NotReadyError(ClusterlinkError):
    """Objects are not in the desired state when the time is over.

    Attributes:
        waiting: The reason, by object.
        states: The last observed state of every object; None when it does not exist.
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
        cluster: The cluster.
        refs: The objects.
        timeout: Seconds for all of them together.
        known: States that were just read: objects that are ready there cost no request.
        judge: Decides what ready means; by default by kind, see C(readiness.unready).

    Returns:
        The last observed state of every object.

    Raises:
        NotReadyError: The time is over; the error names each object that is not ready, and the reason.
        ApiError: The API server refuses to list or watch them.
    """
    wanted = list(dict.fromkeys(refs))
    told = known or {}
    states: dict[Ref, Object | None] = {ref: told.get(ref) for ref in wanted}
    waiting = _wait(cluster, states, timeout, judge, unseen=frozenset(wanted).difference(told))
    if waiting:
        problems = [
            Problem(str(ref), f"not ready within {timeout:.0f} s", reason, KINDS[ref.kind].not_ready_fix)
            for ref, reason in waiting.items()
        ]
        raise NotReadyError(problems, waiting, states)
    return states


def wait_gone(cluster: Cluster, refs: Iterable[Ref], timeout: float) -> None:
    """Wait until all objects are gone.

    Args:
        cluster: The cluster.
        refs: The objects.
        timeout: Seconds for all of them together.

    Raises:
        NotReadyError: The time is over; the error names each object that still exists, and its finalizers.
        ApiError: The API server refuses to list or watch them.
    """
    # They existed a moment ago.
    states: dict[Ref, Object | None] = {ref: {"kind": ref.kind, "metadata": {"name": ref.name}} for ref in refs}
    waiting = _wait(cluster, states, timeout, still_there)
    if waiting:
        problems = [Problem(str(ref), f"not gone within {timeout:.0f} s", reason) for ref, reason in waiting.items()]
        raise NotReadyError(problems, waiting, states)


def _wait(
    cluster: Cluster,
    states: dict[Ref, Object | None],
    timeout: float,
    judge: Judge,
    unseen: frozenset[Ref] = frozenset(),
) -> dict[Ref, str]:
    """Keep C(states) up to date until the judge accepts all of them; the reasons for the others when the time is over.

    Those that nobody has looked at are looked at, even where the judge accepts an object that does not exist.
    It waits for one group after another. That takes no longer than the slowest, since the others progress meanwhile.
    """
    deadline, progress = time.monotonic() + timeout, Progress()

    def waiting() -> dict[Ref, str]:
        return {ref: reason for ref, state in states.items() if (reason := judge(state))}

    missing = waiting()
    for group in _groups(ref for ref in states if ref in unseen or ref in missing):
        _Watcher(cluster, group, judge, states, lambda: progress.tell(waiting)).wait(deadline)
    return waiting()


def _groups(refs: Iterable[Ref]) -> list[list[Ref]]:
    """Groups that are watched together: the objects of one kind in one namespace; cluster-wide ones one by one."""
    groups: dict[tuple[str, str, str], list[Ref]] = {}
    for ref in refs:
        alone = "" if KINDS[ref.kind].namespaced else ref.name
        groups.setdefault((ref.kind, ref.namespace, alone), []).append(ref)
    return list(groups.values())


class _Watcher:
    """Keeps the states of one group of objects up to date until all are ready."""

    def __init__(
        self,
        cluster: Cluster,
        refs: Sequence[Ref],
        judge: Judge,
        states: dict[Ref, Object | None],
        tell: Callable[[], None],
    ) -> None:
        """Watch the objects.

        Args:
            cluster: The cluster.
            refs: The objects.
            judge: Decides what ready means.
            states: The states to keep up to date.
            tell: Called whenever something is heard; says what is waited for, if it is time.
        """
        self._cluster = cluster
        self._tell = tell
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
                # An API server that restarts comes back.
                if time.monotonic() >= deadline:
                    raise
            except ApiError as error:
                if error.served and error.status != HTTP_GONE and error.status not in TRANSIENT:
                    raise
                if error.status in TRANSIENT and time.monotonic() >= deadline:
                    raise
            if self._ready():
                return
            self._tell()
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
            seconds=math.ceil(Progress.window(left)),
            field_selector=self._selector,
        )
        with closing(events):
            for event in events:
                ref = Ref.of(event.object)
                if ref in self._states:
                    self._states[ref] = None if event.type == "DELETED" else event.object
                    if self._ready():
                        return
                self._tell()
