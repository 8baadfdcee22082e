# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tool that is run as one test."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.paths import PROGRAMS, ROOT

LOGS = ROOT / ".build" / "logs"


class Gate:
    """Runs a command of the virtual environment and fails the test with the command's whole output when it fails."""

    def __init__(self, name: str, capture: pytest.CaptureFixture[str]) -> None:
        self._name = name
        self._capture = capture

    def __call__(
        self,
        *command: str,
        cwd: Path = ROOT,
        env: Mapping[str, str] | None = None,
        timeout: int = 600,
        live: bool = False,
    ) -> str:
        """Run the command and return what it printed, standard output and error together.

        Args:
            command: The program, looked up in the virtual environment first, and its arguments.
            cwd: Where it runs.
            env: Variables that it gets besides the test run's own.
            timeout: Seconds after which it is ended, and the test fails.
            live: Show its output while it runs, for commands that take minutes. All output goes to .build/logs too.
        """
        LOGS.mkdir(parents=True, exist_ok=True)
        log = LOGS / f"{self._name}.log"
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**environment(), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # so that it can be ended with whatever it has started
        )
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(timeout, expire)
        timer.start()
        try:
            output = self._follow(process, log, live)
        finally:
            timer.cancel()
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        if expired.is_set():
            pytest.fail(f"{' '.join(command)}: not done after {timeout} s\n{'' if live else output}", pytrace=False)
        if process.returncode != 0:
            pytest.fail(f"{' '.join(command)}: exit code {process.returncode}\n{'' if live else output}", pytrace=False)
        return output

    def _follow(self, process: subprocess.Popen[str], log: Path, live: bool) -> str:
        """Copy the process's output to its log, and to the terminal when it is live, until it ends."""
        lines = []
        with log.open("w", encoding="utf-8") as file, self._capture.disabled():
            if live:
                print(flush=True)
            for line in process.stdout or ():
                lines.append(line)
                file.write(line)
                if live:
                    print(line, end="", flush=True)
        process.wait()
        return "".join(lines)


def environment() -> dict[str, str]:
    """The test run's environment with the virtual environment's programs first and without colour."""
    return {
        **os.environ,
        "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "NO_COLOR": "1",
        "ANSIBLE_NOCOLOR": "1",
    }
