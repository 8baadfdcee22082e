# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks as AWX runs them: by ansible-runner, in a private data directory that nothing outlives."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import ansible_runner

from tests.support.environment import ansible_environment
from tests.support.paths import ROOT

Event = Mapping[str, Any]
Inventory = Mapping[str, Any]

_IDENT = "1"


@dataclass(frozen=True)
class Job:
    """What came of a job.

    Attributes:
        status: C(successful), C(failed) or C(canceled), as AWX shows it.
        events: All that AWX would store.
        files: The names of the files that it left in its private data directory.
    """

    status: str
    events: Sequence[Event]
    files: frozenset[str]

    @property
    def output(self) -> str:
        """What AWX shows as the job's output, on one line."""
        return " ".join(" ".join(str(event.get("stdout", "")) for event in self.events).split())

    @property
    def changed(self) -> dict[str, int]:
        """How many tasks changed something, by host."""
        counts: dict[str, int] = self._last.get("changed", {})
        return counts

    @property
    def artifacts(self) -> dict[str, Any]:
        """What set_stats gave to the following nodes of a workflow."""
        data: dict[str, Any] = self._last.get("artifact_data", {})
        return data

    @property
    def _last(self) -> Mapping[str, Any]:
        ends = [event["event_data"] for event in self.events if event["event"] == "playbook_on_stats"]
        return ends[-1] if ends else {}


def run_job(
    playbook: str,
    inventory: Inventory,
    variables: Mapping[str, Any],
    *,
    check: bool = False,
    cancel_at: Callable[[Event], bool] | None = None,
) -> Job:
    """Run one job to its end.

    Args:
        playbook: Its path in the project.
        inventory: As the inventory script of AWX prints it: groups, with hosts, children and vars, and C(_meta).
        variables: Extra variables.
        check: Whether its job type is check.
        cancel_at: Cancel the job at the first event for which this returns true.
    """
    seen: list[Event] = []

    def keep(event: Event) -> bool:
        seen.append(event)
        return True  # ansible-runner stores it, too

    with private_data(inventory, variables) as folder:
        runner = ansible_runner.run(
            private_data_dir=str(folder),
            playbook=playbook,
            ident=_IDENT,
            cmdline="--check --diff" if check else None,
            quiet=True,
            event_handler=keep,
            cancel_callback=lambda: bool(cancel_at and any(map(cancel_at, seen))),
        )
        return _job(str(runner.status), folder)


Carry = Callable[[IO[bytes], IO[bytes]], None]
"""Has a worker read a job from the first stream; what the worker sends back goes to the second."""


def stream_job(
    playbook: str,
    inventory: Inventory,
    variables: Mapping[str, Any],
    *,
    check: bool = False,
    carry: Carry | None = None,
) -> Job:
    """Run one job by transmit, worker and process, as AWX does through its mesh; each end has its own directory.

    Args:
        playbook: Its path in the project.
        inventory: As C(run_job) takes it.
        variables: Extra variables.
        check: Whether its job type is check.
        carry: The way to the worker and back; without it, pipes.
    """
    with private_data(inventory, variables) as folder, tempfile.TemporaryFile() as back:
        transmit = ["ansible-runner", "transmit", str(folder), "-p", playbook, "-i", _IDENT]
        if check:
            transmit += ["--cmdline", "--check --diff"]
        with subprocess.Popen(transmit, stdout=subprocess.PIPE, env=ansible_environment()) as sending:
            assert sending.stdout
            (carry or _pipe)(sending.stdout, back)
        shutil.rmtree(folder / "artifacts", ignore_errors=True)
        back.seek(0)
        process = ["ansible-runner", "process", str(folder), "-i", _IDENT]
        subprocess.run(process, stdin=back, env=ansible_environment(), check=False, capture_output=True)
        status = folder / "artifacts" / _IDENT / "status"
        # Without an end of the results there is no status, and AWX itself says what became of the job that it cancels.
        return _job(status.read_text(encoding="utf-8") if status.exists() else "canceled", folder)


def _pipe(there: IO[bytes], back: IO[bytes]) -> None:
    with tempfile.TemporaryDirectory() as node:
        worker = ["ansible-runner", "worker", "--private-data-dir", f"{node}/data"]
        subprocess.run(worker, stdin=there, stdout=back, env=ansible_environment(), check=False)


@contextmanager
def private_data(inventory: Inventory, variables: Mapping[str, Any]) -> Iterator[Path]:
    """A private data directory as AWX prepares it; nothing of it is left afterwards."""
    with tempfile.TemporaryDirectory(prefix="awx_") as name:
        folder = Path(name)
        for part in ("env", "inventory", "project"):
            (folder / part).mkdir()
        for part in ("ansible.cfg", "site.yml"):
            shutil.copy(ROOT / part, folder / "project")
        shutil.copytree(ROOT / "playbooks", folder / "project" / "playbooks")
        script = folder / "inventory" / "hosts"
        script.write_text(f"#!/usr/bin/env python3\nprint({json.dumps(inventory)!r})\n", encoding="utf-8")
        script.chmod(0o700)
        environment = {
            "ANSIBLE_CONFIG": "",  # that of the project, since jobs run there
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv" / "collections"),
            "ANSIBLE_FORCE_COLOR": "0",
            "ANSIBLE_NOCOLOR": "1",
            "AWX_PRIVATE_DATA_DIR": name,
            "PATH": ansible_environment()["PATH"],
        }
        given = {"awx_job_id": 1, "awx_job_launch_type": "manual", **variables}
        for part, content in (("envvars", environment), ("extravars", given)):
            (folder / "env" / part).write_text(json.dumps(content), encoding="utf-8")
        yield folder


def _job(status: str, folder: Path) -> Job:
    stored = folder / "artifacts" / _IDENT / "job_events"
    events = [json.loads(path.read_text(encoding="utf-8")) for path in stored.glob("*-*.json")]
    events.sort(key=lambda event: int(event["counter"]))
    files = frozenset(os.path.relpath(path, folder) for path in folder.rglob("*") if path.is_file())
    return Job(status, events, files)
