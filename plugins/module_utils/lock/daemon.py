# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lease daemon: a process that acquires a run's lock, renews it as long as the run lasts, and releases it after.

It is forked from a worker of Ansible. So it needs no arguments, and its credentials are in its memory alone. It has no
terminal and keeps nothing of the run open. It makes all connections itself: a process whose threads have used OpenSSL
must not be forked, as the child may inherit one of its locks in the locked state.

The run is its main process and that one's workers. A worker that outlives a killed main process would write while the
next run does, so the daemon kills it before it releases the lock. It recognises workers by the write end of a pipe that
all processes of the run have: Ansible's main process imports this file, with all actions, before it forks a worker.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import stat
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from ..common.progress import tell_nobody
from ..errors import ClusterlinkError, Problem
from . import guard
from .fabric_lock import FabricLock
from .lease import FabricLease

MAIN = os.getpid()
"""The run's main process."""
_READ_END, _WRITE_END = os.pipe()
"""The write end is open as long as a process of the run lives. Other programs that it starts do not inherit it."""

NAME = "fabric-lock"
"""The daemon's name in lists of processes."""
_REPEATS = 30
"""How often a failing renewal is repeated within the Lease's duration."""
_POLL = 1000
"""Milliseconds between checks whether the daemon has lost all its Leases."""
_KILL_TIMEOUT = 10_000
"""Milliseconds that killed workers may take to end."""


def acquire_in_daemon(lock: FabricLock, notify: Callable[[str], None]) -> None:
    """Start a daemon that acquires the lock and keeps it until the run ends.

    Args:
        lock: The lock. Its C(held) and C(skipped) are set from the daemon's result.
        notify: Called with what the run waits for, when it has to wait.

    Raises:
        ClusterlinkError: The lock is not acquired, and why.
    """
    reading, writing = os.pipe()
    try:
        child = os.fork()
    except OSError as error:
        os.close(reading)
        os.close(writing)
        raise _no_daemon(str(error.strerror)) from error
    if child == 0:
        _fork_again(lock, writing)
    os.close(writing)
    os.waitpid(child, 0)
    with open(reading, encoding="utf-8") as lines:
        for line in lines:
            if not line.endswith("\n"):  # killed as it wrote
                break
            report = json.loads(line)
            if "waiting" in report:
                notify(report["waiting"])
            elif "problems" in report:
                raise _error(report["problems"])
            else:
                lock.held = report["held"]
                lock.skipped = {host: _error(problems) for host, problems in report["skipped"].items()}
                return
    raise _no_daemon("it ended before it had the lock")


def _no_daemon(found: str) -> ClusterlinkError:
    return ClusterlinkError(Problem("the fabric's lock", "there is no process to acquire and renew it", found))


def _error(problems: Sequence[dict[str, str]]) -> ClusterlinkError:
    return ClusterlinkError([Problem(**problem) for problem in problems])


def _as_data(error: ClusterlinkError) -> list[dict[str, str]]:
    return [problem.as_dict() for problem in error.problems]


def _fork_again(lock: FabricLock, writing: int) -> NoReturn:
    """The second fork detaches the daemon from parent and terminal; no code of Ansible's runs after it."""
    try:
        os.setsid()
        if os.fork() == 0:
            _detach(writing)
            run_end = _run_end()
            if _acquire(lock, writing, run_end):
                _renew_until(run_end, list(lock.acquired.values()))
    finally:
        os._exit(0)


def _detach(writing: int) -> None:
    """Drop everything inherited: signals for the run, who listens to it, and pipes that others wait for."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the daemon ends with the run
    tell_nobody()
    gc.freeze()  # the worker's objects are never collected, so that its files are not closed under new numbers
    null = os.open(os.devnull, os.O_RDWR)
    for name in os.listdir("/dev/fd"):
        if int(name) not in (null, writing, _READ_END, guard.descriptor()):
            os.dup2(null, int(name))
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(NAME, encoding="ascii")


def _acquire(lock: FabricLock, writing: int, run_end: select.poll) -> bool:
    """Acquire the lock and report; whether there are Leases to renew."""

    def report(**values: Any) -> None:
        os.write(writing, f"{json.dumps(values)}\n".encode())

    def sleep(seconds: float) -> None:
        if run_end.poll(seconds * 1000):
            os._exit(0)  # a run that waits holds nothing that it would have to release

    lock.policy = replace(lock.policy, sleep=sleep)
    try:
        lock.acquire(lambda text: report(waiting=text))
        for lease in lock.acquired.values():
            guard.renewed(lease.server, lock.since + lease.duration, patience=lease.duration)
        report(held=lock.held, skipped={host: _as_data(error) for host, error in lock.skipped.items()})
    except ClusterlinkError as error:
        report(problems=_as_data(error))
        return False
    except BrokenPipeError:  # the worker has been killed
        lock.release()
        return False
    finally:
        os.close(writing)
    return bool(lock.acquired)


def _renew_until(run_end: select.poll, leases: Sequence[FabricLease]) -> None:
    over = threading.Event()
    # A thread for each, so that a cluster that does not respond does not delay the others.
    threads = [threading.Thread(target=_renew, args=(lease, over), daemon=True) for lease in leases]
    for thread in threads:
        thread.start()
    if _outlives(threads, run_end):
        _kill_workers()
    over.set()
    for thread in threads:
        thread.join()


def _renew(lease: FabricLease, over: threading.Event) -> None:
    """Renew a Lease until the run is over, then delete it; or until it is lost, or released by the run.

    A renewal that fails is soon repeated. When the Lease expires before one succeeds, the guard holds the run's writes
    back, and stops them if none does within another duration: as long as a pause and an attempt may take.
    """
    pause = lease.duration / 3
    while not over.wait(pause):
        begun = guard.now()
        try:
            if not lease.renew():
                guard.lost(lease.server, "another run has it")
                return
        except Exception as error:  # noqa: BLE001 - whatever it is, it must be tried again
            known = isinstance(error, ClusterlinkError)
            guard.not_renewed(lease.server, str(error) if known else type(error).__name__)
            pause = lease.duration / _REPEATS
        else:
            guard.renewed(lease.server, begun + lease.duration, patience=lease.duration)
            pause = lease.duration / 3
    with contextlib.suppress(ClusterlinkError):
        lease.release()


def _outlives(threads: Sequence[threading.Thread], run_end: select.poll) -> bool:
    """Wait for the run's end; False when all Leases are lost before that."""
    while not run_end.poll(_POLL):
        if not any(thread.is_alive() for thread in threads):
            return False
    return True


def _run_end() -> select.poll:
    """A poll object that is ready when the main process has ended; elsewhere than on Linux, when the whole run has."""
    run_end = select.poll()
    run_end.register(_READ_END, 0)  # ready when the other end is closed
    if hasattr(os, "pidfd_open"):
        try:
            run_end.register(os.pidfd_open(MAIN), select.POLLIN)
        except ProcessLookupError:
            run_end.register(os.open(os.devnull, os.O_RDONLY), select.POLLIN)  # always ready
    return run_end


def _kill_workers() -> None:
    """Kill the workers of a run whose main process was killed, and wait for their end."""
    pipe = select.poll()
    pipe.register(_READ_END, 0)
    if pipe.poll(0):
        return
    ours = f"pipe:[{os.fstat(_READ_END).st_ino}]"
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            # Other daemons of the run have the read end.
            if os.readlink(entry) == ours and entry.lstat().st_mode & stat.S_IWUSR:
                os.kill(int(entry.parts[2]), signal.SIGKILL)
    pipe.poll(_KILL_TIMEOUT)
