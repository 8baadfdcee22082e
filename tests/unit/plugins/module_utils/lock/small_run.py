# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run in small: a main process whose worker has a lock kept, as Ansible's does.

    python small_run.py FOLDER HOW

Each Lease is a file in the folder, which its renewals make longer and its removal removes. HOW is what becomes of it
all: C(end) of the run by itself; C(stay) of both processes until they are killed; C(refused), the lock; C(waiting) for
it, for ever; C(broken), the daemon; C(writes) of the worker, until it is refused, which is what the file C(refused)
says; C(sleeps), the same with Leases that last longer. The worker writes what it is told into the file C(told), and a
byte into the file C(written) with each write that is permitted.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.progress import Progress, progress_to
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError, Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.retry import RetryPolicy
from ansible_collections.skyshift.clusterlink.plugins.module_utils.lock import daemon, guard

LONG = 300
"""Seconds that no test waits for: it kills the run before."""


class FileLease:
    """Stands for a Lease."""

    def __init__(self, path: Path, duration: float) -> None:
        self.duration = duration
        self.path = path
        self.server = f"https://{path.stem}"

    def renew(self) -> bool:
        assert Progress.window(60) == 60, "nobody listens to a daemon"
        try:
            file = os.open(self.path, os.O_WRONLY | os.O_APPEND)  # a Lease that is gone is not made again
        except FileNotFoundError:
            return False
        os.write(file, f"{os.getpid()}\n".encode())
        os.close(file)
        return True

    def release(self) -> None:
        self.path.unlink(missing_ok=True)


class FileLock:
    """Stands for a lock."""

    def __init__(self, folder: Path, how: str) -> None:
        self.policy = RetryPolicy()
        self.acquired: dict[str, FileLease] = {}
        self.since = 0.0
        self.held: list[str] = []
        self.skipped: dict[str, ClusterlinkError] = {}
        self._folder = folder
        self._how = how

    def acquire(self, notify: Callable[[str], None]) -> None:
        if self._how == "refused":
            raise ClusterlinkError([Problem("fabric demo", "another run works on it", "ada", "Wait", "east")])
        if self._how == "broken":
            raise RuntimeError
        if self._how == "waiting":
            say(self._folder / "daemon", str(os.getpid()))
            notify("Waiting for ada")
            while True:
                self.policy.sleep(60)
        self.held = ["east", "west"]
        duration = 3 if self._how == "sleeps" else 0.15
        self.since = guard.now()
        self.acquired = {name: FileLease(self._folder / f"{name}.lease", duration) for name in self.held}
        self.skipped = {"north": ClusterlinkError(Problem("https://north", "is away"))}
        for lease in self.acquired.values():
            lease.path.touch()

    def release(self) -> list[str]:
        for lease in self.acquired.values():
            lease.release()
        return []


def say(file: Path, text: str) -> None:
    """Write a file that is there with all its text or not at all."""
    unfinished = file.with_suffix(".unfinished")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.rename(file)


def work(folder: Path, how: str) -> None:
    """As a worker does."""
    os.setsid()
    lock = FileLock(folder, how)
    told: list[str] = []
    try:
        with progress_to(told.append):
            daemon.acquire_in_daemon(lock, told.append)
        told.append(f"{' '.join(lock.held)} without {lock.skipped['north']}")
    except ClusterlinkError as error:
        told.append(str(error))
    say(folder / "told", "\n".join([str(os.getpid()), *told]))
    if how == "stay":
        time.sleep(LONG)
    if how in ("writes", "sleeps"):
        write_until_refused(folder)


def write_until_refused(folder: Path) -> None:
    for _write in range(100 * LONG):
        try:
            guard.require_lock("https://east", "/api/v1/namespaces")
        except ClusterlinkError as error:
            say(folder / "refused", str(error))
            return
        with (folder / "written").open("a", encoding="ascii") as file:
            file.write(".")
        time.sleep(0.01)


def main(folder: Path, how: str) -> None:
    """As the main process does."""
    worker = os.fork()
    if worker == 0:
        try:
            work(folder, how)
        except BaseException:  # noqa: BLE001 - whatever it is, a test that then waits in vain shows it
            traceback.print_exc()
        finally:
            os._exit(0)
    if how in ("stay", "writes", "sleeps"):
        time.sleep(LONG)
    os.waitpid(worker, 0)
    if how == "end":
        time.sleep(0.5)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
