# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stops a run from writing to a cluster whose lock it has lost, cannot renew in time, or never got.

The lease daemon says until when each lock lasts; every process of the run asks before it writes. They share a file in
memory, which Ansible's main process opens as it imports this file with the actions, before it forks a worker. Times are
those of one clock of the machine, which all processes share. A module in a process of its own does not ask.

A lock that has expired is not lost yet: a machine that slept, or stood still, wakes with an expired Lease that perhaps
nobody took. Only a renewal tells, since it names the version that it replaces. So a write waits for the daemon's next.
"""

from __future__ import annotations

import fcntl
import json
import os
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..common.progress import Progress
from ..errors import ClusterlinkError, Problem
from ..kube.transport import guard_writes


def _anonymous_file() -> int:
    descriptor, path = tempfile.mkstemp(prefix="clusterlink-")
    os.unlink(path)
    return descriptor


_FILE = _anonymous_file()
"""Its descriptor; it is closed with the process."""
_PLACE = struct.Struct("=QQ")
"""What the file begins with: where its content starts, and its length. A single write changes it, so that a process
that is killed leaves either what was or what is."""
_THREADS = threading.Lock()
_LEASES = "/coordination.k8s.io/"
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Goes on while the machine sleeps, as Leases do; Linux' monotonic clock does not, elsewhere it does."""
_PAUSE = 0.1
"""Seconds between two looks at a lock that has expired."""

Locks = dict[str, dict[str, Any]]
"""By API server: C(until), the time at which the lock expires, C(patience), the seconds in which the daemon then renews
it if that is possible, and C(failure), why it was not renewed since; or C(reason), why there is none."""


def descriptor() -> int:
    """The file's descriptor, which the daemon keeps open."""
    return _FILE


def now() -> float:
    """Seconds of the clock that all processes share."""
    return time.clock_gettime(_CLOCK)


def renewed(server: str, until: float, patience: float = 0.0) -> None:
    """The lock of a cluster lasts until a time; not for a time from now, since the machine may have slept before this.

    Args:
        server: The API server's URL.
        until: When it expires, as C(now).
        patience: Seconds for which a write after that waits for a renewal.
    """
    with _changed() as locks:
        locks[server] = {"until": until, "patience": patience}


def not_renewed(server: str, reason: str) -> None:
    """A renewal failed, and why; the lock lasts as long as it did."""
    with _changed() as locks:
        locks.get(server, {})["failure"] = reason


def lost(server: str, reason: str) -> None:
    """The run has no lock of a cluster, and why, as a sentence without a full stop."""
    with _changed() as locks:
        locks[server] = {"reason": reason}


def released(servers: Iterable[str]) -> None:
    """The run needs no lock of these clusters any more."""
    with _changed() as locks:
        for server in servers:
            locks.pop(server, None)


def require_lock(server: str, path: str, clock: Callable[[], float] = now) -> None:
    """Refuse a write to a cluster that this run must not change; a cluster that it never locked is free.

    A lock that has expired may be renewed yet: this waits for it.

    Args:
        server: The API server's URL.
        path: The request's path; Leases are written to get a lock back.
        clock: Gives seconds, as C(now).

    Raises:
        ClusterlinkError: The lock is lost, or has expired and is not renewed.
    """
    if _LEASES in path:
        return
    waited, progress = 0.0, Progress()
    while reason := _refusal(found := _found(server), clock()):
        # Counted awake: the daemon can only renew when the machine does not sleep either.
        if waited >= found.get("patience", 0.0):
            fix = "Nothing more is written there. Run the playbook again when no other run works on the fabric"
            raise ClusterlinkError(Problem(server, "this run does not have the fabric's lock", reason, fix))
        progress.pause(_PAUSE, f"{server}: the fabric's lock is not renewed yet: {reason}")
        waited += _PAUSE


def _found(server: str) -> dict[str, Any]:
    """What is known of a cluster's lock; nothing when it was never locked."""
    if not os.fstat(descriptor()).st_size:
        return {}
    # One thread at a time: a process's lock of a file is gone when any of its threads gives it up.
    with _THREADS, _locked(fcntl.LOCK_SH):
        return _read().get(server, {})


def _refusal(found: Mapping[str, Any], clock: float) -> str:
    """Why nothing may be written; empty when it may."""
    late = clock - found.get("until", clock)
    if late <= 0:
        return str(found.get("reason", ""))
    failure = found.get("failure", "")
    return f"it expired {late:.0f} s ago, and was not renewed{failure and f', because {failure}'}"


@contextmanager
def _changed() -> Iterator[Locks]:
    with _THREADS, _locked(fcntl.LOCK_EX):
        locks = _read()
        yield locks
        _write(locks)


@contextmanager
def _locked(how: int) -> Iterator[None]:
    fcntl.lockf(descriptor(), how)
    try:
        yield
    finally:
        fcntl.lockf(descriptor(), fcntl.LOCK_UN)


def _read() -> Locks:
    start, length = _place()
    locks: Locks = json.loads(os.pread(descriptor(), length, start) or b"{}")
    return locks


def _write(locks: Locks) -> None:
    content = json.dumps(locks).encode()
    start, length = _place()
    elsewhere = _PLACE.size if len(content) <= start - _PLACE.size else start + length
    os.pwrite(descriptor(), content, elsewhere)
    os.pwrite(descriptor(), _PLACE.pack(elsewhere, len(content)), 0)


def _place() -> tuple[int, int]:
    """Where the content starts, and its length."""
    found = os.pread(descriptor(), _PLACE.size, 0)
    start, length = _PLACE.unpack(found) if found else (0, 0)
    return max(start, _PLACE.size), length


guard_writes(require_lock)
