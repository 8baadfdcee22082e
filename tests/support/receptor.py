# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWX's mesh as two nodes on this machine: receptor as processes that end with the test, spoken to by receptorctl."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from tests.support.environment import ansible_environment
from tests.support.waiting import wait_until

PROGRAMS = ("receptor", "receptorctl")
"""An installation of AWX's mesh has both; the tests' own requirements bring neither."""

_WORK_TYPE = "ansible-runner"
_JOB_SECONDS = 240


def missing_programs() -> list[str]:
    """The programs of the mesh that are not on the PATH."""
    return [name for name in PROGRAMS if not shutil.which(name)]


class Mesh:
    """A control node, and a worker that may run C(ansible-runner worker) alone.

    Attributes:
        folder: Where all files of both nodes are.
        data: The private data directory of jobs on the worker, which each job removes when it ends, as AWX has it do.
        states: How each unit of work that was carried ended: C(Succeeded), C(Failed) or C(Canceled).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "awx_job"
        self.states: list[str] = []

    def carry(self, there: IO[bytes], back: IO[bytes], *, cancel_at: str | None = None) -> None:
        """Submit a job to the worker, follow its results, and release it, which deletes it on both nodes.

        Args:
            there: What C(ansible-runner transmit) says.
            back: Gets what C(ansible-runner worker) says.
            cancel_at: Cancel the job as soon as its results contain this.
        """
        where = f"--private-data-dir={self.data} --delete"
        submit = ("submit", _WORK_TYPE, "--node", "worker", "--payload", "-", "--param", f"params={where}")
        (unit,) = re.findall(r"^Unit ID: (\S+)", self._work(*submit, stdin=there), re.MULTILINE)
        try:
            self._follow(unit, back, cancel_at)
            self.states.append(self._status(unit)["StateName"])
        finally:
            self._work("release", unit)

    def files(self) -> dict[str, bytes]:
        """What lies on the disks of both nodes."""
        there = (path for path in self.folder.rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in there}

    def processes(self) -> list[str]:
        """The command lines of a job's processes on the worker: those that were told its private data directory."""
        return [command for _process, command in _processes_about(self.data)]

    def _follow(self, unit: str, back: IO[bytes], cancel_at: str | None) -> None:
        command = ["receptorctl", "--socket", self._socket, "work", "results", unit]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as results:
            expired = threading.Timer(_JOB_SECONDS, results.kill)
            expired.start()
            try:
                for line in results.stdout or ():
                    back.write(line)
                    if cancel_at and cancel_at.encode() in line:
                        self._work("cancel", unit)
                        results.kill()  # as AWX does: the results of a cancelled unit have no end
                        return
            finally:
                expired.cancel()
        assert not cancel_at, f"the job ended, or took {_JOB_SECONDS} s, before {cancel_at}"

    def _status(self, unit: str) -> Mapping[str, Any]:
        units: dict[str, dict[str, Any]] = json.loads(self._work("list", "--unit_id", unit))
        return units[unit]

    def _work(self, *arguments: str, stdin: IO[bytes] | None = None) -> str:
        return self.ask("work", *arguments, stdin=stdin)

    def ask(self, *arguments: str, stdin: IO[bytes] | None = None) -> str:
        """What receptorctl says about the control node."""
        command = ["receptorctl", "--socket", self._socket, *arguments]
        return subprocess.run(command, stdin=stdin, capture_output=True, check=True, timeout=60).stdout.decode()

    @property
    def _socket(self) -> str:
        return str(self.folder / "control.sock")


@contextmanager
def receptor_mesh() -> Iterator[Mesh]:
    """Two nodes that know each other, while the body runs; whatever they have started is ended with them."""
    # The path of a socket has at most 107 bytes, which pytest's folders exceed.
    with tempfile.TemporaryDirectory(prefix="receptor_") as name, ExitStack() as processes:
        folder = Path(name)
        processes.callback(_end_processes_about, folder)
        port = _free_port()
        _start(processes, folder, "control", "--tcp-listener", "bindaddr=127.0.0.1", f"port={port}")
        work = (f"worktype={_WORK_TYPE}", f"command={_WORK_TYPE}", "params=worker", "allowruntimeparams=true")
        peer = ("--tcp-peer", f"address=127.0.0.1:{port}")
        _start(processes, folder, "worker", *peer, "--work-command", *work)
        mesh = Mesh(folder)
        wait_until("the control node has its socket", (folder / "control.sock").exists)
        wait_until("the control node has a route to the worker", lambda: "worker" in _routes(mesh))
        yield mesh


def _routes(mesh: Mesh) -> Mapping[str, str]:
    routes: dict[str, str] = json.loads(mesh.ask("status", "--json"))["RoutingTable"] or {}
    return routes


def _start(processes: ExitStack, folder: Path, node: str, *arguments: str) -> None:
    """Start a node that the kernel kills when this process ends, however it does."""
    of_node = ("--node", f"id={node}", f"datadir={folder / 'nodes'}")
    service = ("--control-service", f"filename={folder / node}.sock")
    with (folder / f"{node}.log").open("wb") as log:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "receptor", *of_node, *service, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=ansible_environment(),
        )
    processes.callback(process.wait)
    processes.callback(process.kill)


def _processes_about(folder: Path) -> Iterator[tuple[int, str]]:
    """The processes whose command line or environment names a path in a folder, with their command lines."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            command, environment = ((place / part).read_bytes() for part in ("cmdline", "environ"))
        except OSError:  # it has ended, or is another user's
            continue
        if str(folder).encode() in command + environment:
            yield int(place.name), command.replace(b"\0", b" ").decode(errors="replace")


def _end_processes_about(folder: Path) -> None:
    for process, _command in _processes_about(folder):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
