# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that takes a run's lock, keeps it alive as long as the run, and removes it when that ends, in whatever way.

It is forked from a worker of Ansible, so it needs no arguments, and what it knows, credentials among it, is in its
memory alone. It belongs to no terminal and holds nothing of the run open. It does all that needs a connection itself:
a process whose threads have used OpenSSL must not be forked, as one of its locks may be held for ever in the child.

The run is its main process and the workers of that. One that lives on after the main process was killed would go on
writing beside the next run, so it is ended first. Workers are known by the end of a pipe that all processes of the run
have: this file is imported by the main process, as all that actions use, before it forks a worker that needs it.
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

from ..errors import ClusterlinkError, Problem
from .fabric_lock import Lock
from .lease import FabricLease

MAIN = os.getpid()
"""The run's main process."""
_READ_END, _WRITE_END = os.pipe()
"""The write end is open as long as a process of the run lives. Programs that are started do not inherit it."""

NAME = "fabric-lock"
"""The keeper's name in lists of processes."""
_TURN = 1000
"""Milliseconds after which a keeper that has lost all its Leases is noticed."""
_ENDING = 10_000
"""Milliseconds that killed workers may take to end."""


def hold(lock: Lock, say: Callable[[str], None]) -> None:
    """Have the lock taken, and kept until the run ends.

    Args:
        lock: What to take. That it has been taken, and where not, is told to it.
        say: Told when there is something to wait for.

    Raises:
        ClusterlinkError: It was not, and why.
    """
    reading, writing = os.pipe()
    try:
        child = os.fork()
    except OSError as error:
        os.close(reading)
        os.close(writing)
        raise _no_keeper(str(error.strerror)) from error
    if child == 0:
        _fork_again(lock, writing)
    os.close(writing)
    os.waitpid(child, 0)
    with open(reading, encoding="utf-8") as lines:
        for line in lines:
            told = json.loads(line)
            if "words" in told:
                say(told["words"])
            elif "problems" in told:
                raise _error(told["problems"])
            else:
                lock.mine = told["mine"]
                lock.away = {host: _error(problems) for host, problems in told["away"].items()}
                return
    raise _no_keeper("it ended before it had the lock")


def _no_keeper(found: str) -> ClusterlinkError:
    return ClusterlinkError(Problem("the fabric's lock", "there is no process to take and keep it", found))


def _error(problems: Sequence[dict[str, str]]) -> ClusterlinkError:
    return ClusterlinkError([Problem(**problem) for problem in problems])


def _told(error: ClusterlinkError) -> list[dict[str, str]]:
    return [problem.as_dict() for problem in error.problems]


def _fork_again(lock: Lock, writing: int) -> NoReturn:
    """So that nobody has to wait for the keeper, and it has no terminal. Nothing of Ansible's code above goes on."""
    try:
        os.setsid()
        if os.fork() == 0:
            _detach(writing)
            ends = _run_ends()
            if _acquire(lock, writing, ends):
                _keep(list(lock.taken.values()), ends)
    finally:
        os._exit(0)


def _detach(writing: int) -> None:
    """Let go of all that was inherited: signals for the run, pipes that others wait for."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends with the run
    gc.freeze()  # what the worker left is never collected, so that its files are not closed under new numbers
    null = os.open(os.devnull, os.O_RDWR)
    for name in os.listdir("/dev/fd"):
        if int(name) not in (null, writing, _READ_END):
            os.dup2(null, int(name))
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(NAME, encoding="ascii")


def _acquire(lock: Lock, writing: int, ends: select.poll) -> bool:
    """Take the lock and report; whether there is anything to keep."""

    def report(**told: Any) -> None:
        os.write(writing, f"{json.dumps(told)}\n".encode())

    def sleep(seconds: float) -> None:
        if ends.poll(seconds * 1000):
            os._exit(0)  # who waits has nothing that would have to be given back

    lock.policy = replace(lock.policy, sleep=sleep)
    try:
        lock.acquire(lambda words: report(words=words))
        report(mine=lock.mine, away={host: _told(error) for host, error in lock.away.items()})
    except ClusterlinkError as error:
        report(problems=_told(error))
        return False
    except BrokenPipeError:  # whoever asked has been killed
        lock.release()
        return False
    finally:
        os.close(writing)
    return bool(lock.taken)


def _keep(leases: Sequence[FabricLease], ends: select.poll) -> None:
    over = threading.Event()
    # A thread for each, so that a cluster which does not answer does not hold up the others.
    threads = [threading.Thread(target=_keep_one, args=(lease, over), daemon=True) for lease in leases]
    for thread in threads:
        thread.start()
    if _outlives(threads, ends):
        _end_workers()
    over.set()
    for thread in threads:
        thread.join()


def _keep_one(lease: FabricLease, over: threading.Event) -> None:
    """Renew a Lease until the run is over, and remove it; or until it is lost, or was given back by the run."""
    while not over.wait(lease.duration / 3):
        with contextlib.suppress(ClusterlinkError):  # tried again at the next turn
            if not lease.renew():
                return
    with contextlib.suppress(ClusterlinkError):
        lease.release()


def _outlives(threads: Sequence[threading.Thread], ends: select.poll) -> bool:
    """Wait for the run's end; False when there is nothing left to keep before that."""
    while not ends.poll(_TURN):
        if not any(thread.is_alive() for thread in threads):
            return False
    return True


def _run_ends() -> select.poll:
    """Tells when the main process has ended; elsewhere than on Linux, when all of the run has."""
    ends = select.poll()
    ends.register(_READ_END, 0)  # which tells when the other end is closed
    if hasattr(os, "pidfd_open"):
        try:
            ends.register(os.pidfd_open(MAIN), select.POLLIN)
        except ProcessLookupError:
            ends.register(os.open(os.devnull, os.O_RDONLY), select.POLLIN)  # which is always ready
    return ends


def _end_workers() -> None:
    """Kill what is left of a run whose main process was, and wait for its end."""
    pipe = select.poll()
    pipe.register(_READ_END, 0)
    if pipe.poll(0):
        return
    ours = f"pipe:[{os.fstat(_READ_END).st_ino}]"
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            # Other keepers of the run have the read end.
            if os.readlink(entry) == ours and entry.lstat().st_mode & stat.S_IWUSR:
                os.kill(int(entry.parts[2]), signal.SIGKILL)
    pipe.poll(_ENDING)
