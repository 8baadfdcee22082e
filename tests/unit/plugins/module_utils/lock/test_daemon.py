# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lease daemon of a lock whose Leases are files, and real processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.retry import RetryPolicy
from ansible_collections.skyshift.clusterlink.plugins.module_utils.lock import daemon, guard
from ansible_collections.skyshift.clusterlink.plugins.module_utils.lock.fabric_lock import FabricLock
from tests.support.waiting import PATIENCE_SECONDS, eventually

ROOT = Path(__file__).resolve().parents[5]

Start = Callable[[str], subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a run in small, and ends it if need be."""
    runs = []

    def begin(how: str) -> subprocess.Popen[str]:
        run = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("small_run.py"), tmp_path, how],
            env={**os.environ, "PYTHONPATH": str(ROOT / ".venv" / "collections")},
            stdout=subprocess.PIPE,
            text=True,
        )
        runs.append(run)
        return run

    yield begin
    for run in runs:
        run.kill()
        run.wait()
        if run.stdout:
            run.stdout.close()


def leases(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.lease"))


def daemon_of(folder: Path) -> int:
    """The daemon's process, when it has renewed both Leases."""

    def renewed() -> bool:
        return len(leases(folder)) == 2 and all(lease.stat().st_size for lease in leases(folder))

    assert eventually(renewed)
    (process,) = {int(line) for lease in leases(folder) for line in lease.read_text().split()}
    return process


def state(process: int) -> str:
    """Its state, as the kernel writes it."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]


def lives(process: int) -> bool:
    """Whether it runs; one that ended and was not waited for does not, nor one that has closed all files as it ends."""
    try:
        return state(process) != "Z" and any(Path(f"/proc/{process}/fd").iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return False


def held(process: int) -> set[str]:
    """What it has open."""
    files = set()
    for entry in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            files.add(os.readlink(entry))
    return files


def told(folder: Path) -> list[str]:
    """The worker's process, and what it was told."""
    assert eventually((folder / "told").exists)
    return (folder / "told").read_text().splitlines()


def test_leases_are_renewed_as_long_as_the_run_lasts_and_are_gone_after_it(tmp_path: Path, start: Start) -> None:
    run = start("end")
    process = daemon_of(tmp_path)
    run.communicate(timeout=PATIENCE_SECONDS)
    assert run.returncode == 0
    assert eventually(lambda: not leases(tmp_path))
    assert eventually(lambda: not lives(process))
    assert told(tmp_path)[1:] == ["east west without https://north: is away."]


def test_the_daemon_stands_apart_from_the_run(tmp_path: Path, start: Start) -> None:
    run = start("stay")
    process = daemon_of(tmp_path)
    told(tmp_path)
    assert Path(f"/proc/{process}/comm").read_text() == "fabric-lock\n"
    assert os.getsid(process) not in (os.getsid(run.pid), process), "no terminal, and none to be had"
    files = held(process) - {str(lease) for lease in leases(tmp_path)}  # open for the moment of a renewal
    others = {each for each in files if not each.startswith(("anon_inode:", "pipe:")) and "(deleted)" not in each}
    assert others == {"/dev/null"}
    assert len([each for each in files if "(deleted)" in each]) == 1, "the guard's"
    assert len({each for each in files if each.startswith("pipe:")}) == 1, "none of the run's output"
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(process, number)
    before = leases(tmp_path)[0].stat().st_size
    assert eventually(lambda: leases(tmp_path)[0].stat().st_size > before)


def test_a_killed_run_gives_its_leases_back_at_once_and_its_workers_end_before(tmp_path: Path, start: Start) -> None:
    run = start("stay")
    process = daemon_of(tmp_path)
    worker = int(told(tmp_path)[0])
    assert lives(worker)
    run.kill()
    run.wait()
    assert eventually(lambda: not leases(tmp_path))
    assert not lives(worker)
    assert eventually(lambda: not lives(process))


def test_a_daemon_that_has_lost_everything_ends_and_the_run_goes_on(tmp_path: Path, start: Start) -> None:
    run = start("stay")
    process = daemon_of(tmp_path)
    leases(tmp_path)[0].unlink()
    time.sleep(0.3)
    assert lives(process), "one is left"
    leases(tmp_path)[0].unlink()
    assert eventually(lambda: not lives(process))
    assert run.poll() is None


def refused(folder: Path) -> str:
    """Why the worker writes no more."""
    assert eventually((folder / "refused").exists)
    return (folder / "refused").read_text()


def test_a_worker_whose_lease_another_run_took_writes_no_more(tmp_path: Path, start: Start) -> None:
    start("writes")
    daemon_of(tmp_path)
    assert not (tmp_path / "refused").exists()
    (tmp_path / "east.lease").unlink()
    assert "https://east: this run does not have the fabric's lock (found: another run has it)" in refused(tmp_path)


def test_a_worker_whose_daemon_was_killed_writes_no_more_when_the_lease_has_expired(
    tmp_path: Path, start: Start
) -> None:
    start("writes")
    os.kill(daemon_of(tmp_path), signal.SIGKILL)
    assert "ago, and was not renewed)" in refused(tmp_path)


def test_a_machine_that_slept_for_longer_than_the_lease_goes_on_with_the_lock_that_nobody_took(
    tmp_path: Path, start: Start
) -> None:
    """What woke first writes nothing before the daemon has renewed."""
    start("sleeps")
    process = daemon_of(tmp_path)
    worker = int(told(tmp_path)[0])
    assert eventually((tmp_path / "written").exists)
    for each in (worker, process):
        os.kill(each, signal.SIGSTOP)
    assert eventually(lambda: state(worker) == state(process) == "T")
    written, renewed = (tmp_path / "written").stat().st_size, leases(tmp_path)[0].stat().st_size
    time.sleep(3.3)
    os.kill(worker, signal.SIGCONT)
    time.sleep(0.5)
    assert not (tmp_path / "refused").exists()
    assert (tmp_path / "written").stat().st_size <= written + 1, "one may have been permitted already"
    assert leases(tmp_path)[0].stat().st_size == renewed
    os.kill(process, signal.SIGCONT)
    assert eventually(lambda: (tmp_path / "written").stat().st_size > written + 1)
    assert leases(tmp_path)[0].stat().st_size > renewed
    assert not (tmp_path / "refused").exists()


class FailingOnce:
    """A Lease whose first renewal fails as nobody foresaw; before the second, what the guard says is kept."""

    server, duration, said = "https://failing", 0.03, ""

    def __init__(self, over: threading.Event) -> None:
        self._over = over
        self._failed = False

    def renew(self) -> bool:
        if not self._failed:
            self._failed = True
            raise KeyError("spec")
        with pytest.raises(ClusterlinkError) as refusal:
            guard.require_lock(self.server, "/api/v1/namespaces")
        self.said = str(refusal.value)
        self._over.set()
        return True

    def release(self) -> None:
        guard.released([self.server])


def test_a_renewal_that_fails_in_an_unforeseen_way_is_tried_again_and_named() -> None:
    over = threading.Event()
    lease = FailingOnce(over)
    guard.renewed(lease.server, guard.now())
    daemon._renew(lease, over)
    assert "was not renewed, because KeyError)" in lease.said


class RenewedOnce:
    """A Lease whose first renewal is its last."""

    server, duration = "https://renewed", 0.03

    def __init__(self, over: threading.Event) -> None:
        self._over = over

    def renew(self) -> bool:
        self._over.set()
        return True

    def release(self) -> None:
        """It stays."""


def test_a_machine_that_slept_before_it_noted_a_renewal_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon waits for the file in which it notes that, as long as a stopped worker has it."""
    began, change, slept = guard.now(), guard._changed, [0.0]

    @contextlib.contextmanager
    def late() -> Iterator[guard.Locks]:
        slept[0] += 60
        with change() as locks:
            yield locks

    monkeypatch.setattr(guard, "now", lambda: began + slept[0])
    monkeypatch.setattr(guard, "_changed", late)
    over = threading.Event()
    daemon._renew(RenewedOnce(over), over)
    with pytest.raises(ClusterlinkError, match="it expired 60 s ago"):
        guard.require_lock(RenewedOnce.server, "/api/v1/namespaces", guard.now)
    guard.released([RenewedOnce.server])


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("refused", "east: fabric demo: another run works on it (found: ada). Wait."),
        ("broken", "there is no process to acquire and renew it (found: it ended before it had the lock)"),
    ],
)
def test_what_is_in_the_way_is_reported(tmp_path: Path, start: Start, how: str, words: str) -> None:
    assert start(how).wait(PATIENCE_SECONDS) == 0
    assert words in "\n".join(told(tmp_path)[1:])
    assert leases(tmp_path) == []


def test_a_daemon_that_is_killed_as_it_reports_has_no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long report is written in parts."""

    def killed(_lock: FabricLock, writing: int) -> NoReturn:
        os.write(writing, b'{"waiting": "Waiting for ada"}\n{"held": ["east", "we')
        os._exit(0)

    monkeypatch.setattr(daemon, "_fork_again", killed)
    waits: list[str] = []
    with pytest.raises(ClusterlinkError, match=r"it ended before it had the lock"):
        daemon.acquire_in_daemon(FabricLock("demo", {}, RetryPolicy()), waits.append)
    assert waits == ["Waiting for ada"]


def test_who_waits_does_not_outlive_its_run(tmp_path: Path, start: Start) -> None:
    run = start("waiting")
    assert eventually((tmp_path / "daemon").exists)
    process = int((tmp_path / "daemon").read_text())
    run.kill()
    run.wait()
    assert eventually(lambda: not lives(process))
    assert told(tmp_path)[1] == "Waiting for ada"
