# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that keeps a run's Leases alive as long as the run, and removes them when it ends, in whatever way.

It is forked from a worker of Ansible, so it needs no arguments, and what it knows, credentials among it, is in its
memory alone. It belongs to no terminal and holds nothing of the run open.

The run is its main process and the workers of that. One that lives on after the main process was killed would go on
writing beside the next run, so it is ended first. Workers are known by the end of a pipe that all processes of the run
have: this file is imported by the main process, as all that actions use, before it forks a worker that needs it.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import stat
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError, Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.lease import FabricLease

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


def keep(leases: Sequence[FabricLease]) -> None:
    """Start the keeper of Leases that this run has taken.

    Raises:
        ClusterlinkError: There can be no more processes.
    """
    for lease in leases:
        lease.cluster.close()  # no connection is shared by two processes
    try:
        child = os.fork()
    except OSError as error:
        raise _no_keeper(error.strerror or str(error)) from error
    if child == 0:
        _fork_again(leases)
    _pid, status = os.waitpid(child, 0)
    if status:
        raise _no_keeper("a process that cannot be forked")


def _no_keeper(found: str) -> ClusterlinkError:
    return ClusterlinkError(Problem("the fabric's lock", "the process that keeps it cannot be started", found))


def _fork_again(leases: Sequence[FabricLease]) -> NoReturn:
    """So that nobody has to wait for the keeper, and it has no terminal. Nothing of Ansible's code above goes on."""
    status = 1
    try:
        os.setsid()
        if os.fork() == 0:
            _detach()
            _run(leases)
        status = 0
    finally:
        os._exit(status)


def _detach() -> None:
    """Let go of all that was inherited: signals for the run, pipes that others wait for."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends with the run
    gc.freeze()  # what the worker left is never collected, so that its files are not closed under new numbers
    null = os.open(os.devnull, os.O_RDWR)
    for name in os.listdir("/dev/fd"):
        if int(name) not in (null, _READ_END):
            os.dup2(null, int(name))
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(NAME, encoding="ascii")


def _run(leases: Sequence[FabricLease]) -> None:
    over = threading.Event()
    # A thread for each, so that a cluster which does not answer does not hold up the others.
    threads = [threading.Thread(target=_keep_one, args=(lease, over), daemon=True) for lease in leases]
    for thread in threads:
        thread.start()
    if _outlives(threads):
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


def _outlives(threads: Sequence[threading.Thread]) -> bool:
    """Wait for the run's end; False when there is nothing left to keep before that."""
    ends = select.poll()
    ends.register(_READ_END, 0)  # which tells when the other end is closed
    if hasattr(os, "pidfd_open"):  # elsewhere than on Linux, the last worker is waited for
        try:
            ends.register(os.pidfd_open(MAIN), select.POLLIN)
        except ProcessLookupError:
            return True
    while not ends.poll(_TURN):
        if not any(thread.is_alive() for thread in threads):
            return False
    return True


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
