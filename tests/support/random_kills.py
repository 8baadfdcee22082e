# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks that are killed at random moments, and run again: the end must be the same each time."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.support.environment import ansible_environment
from tests.support.fabrics import in_each
from tests.support.holdings import holdings
from tests.support.playbooks import run_playbook

_CHANGED = re.compile(r"changed=[1-9]")


def kill_and_run_again(
    declarations: Mapping[str, Sequence[str]],
    clusters: Mapping[str, Callable[..., str]],
    runs: int,
    chance: random.Random,
) -> None:
    """Kill and run again, as often as asked; each round prints what became of it.

    The declarations are applied one after another, round and round. At first each run ends by itself, and which objects
    the clusters hold then is noted. After that each is killed by SIGKILL at a random moment of the time that it took,
    and run again until it ends. The clusters must then hold the objects noted, and one more run must change nothing.
    As for a user, a worker of the killed run lives on where it has a session of its own (ansible-core 2.20 and later).

    Args:
        declarations: By a name for people, the command that applies it.
        clusters: By context, what runs kubectl there.
        runs: How many have to be killed.
        chance: Chooses the moments.

    Raises:
        AssertionError: The objects differ, or the run after changes something.
    """

    def objects() -> list[str]:
        lists = in_each(clusters, lambda context: holdings(clusters[context]))
        objects = [f"{context} {row}" for context, rows in zip(clusters, lists, strict=True) for row in rows]
        return [each for each in objects if " Lease default " not in each]  # a run's lock goes a moment after it

    took: dict[str, float] = {}
    wanted: dict[str, list[str]] = {}
    for name, command in declarations.items():
        began = time.monotonic()  # of a process like those that are killed, which starts later than a fork
        subprocess.run(command, check=True, capture_output=True, env=ansible_environment())
        took[name] = time.monotonic() - began
        wanted[name] = objects()
        print(f"{name}: {took[name]:.0f} s, then {len(wanted[name])} objects")
    killed = 0
    while killed < runs:
        for name, command in declarations.items():
            after = chance.uniform(0.5, took[name])
            workers = _killed(command, after)
            was_killed = workers is not None
            killed += was_killed
            _run(command)
            _end(workers or ())
            how = f"{name}, {'killed' if was_killed else 'ended'} after {after:.1f} s"
            differs = set(wanted[name]) ^ set(objects())
            assert not differs, "\n".join([f"{how} and run again, these differ:", *sorted(differs)])
            again = _run(command)
            assert not _CHANGED.search(again), f"{how} and run again, one more run changed something:\n{again}"
            print(f"{how}: the same {len(wanted[name])} objects, changed=0")
    print(f"{killed} runs were killed, and each run after that came to the same end")


def _run(command: Sequence[str]) -> str:
    """Run to its end, which must be a good one; what it printed."""
    _program, *arguments = command
    done = run_playbook(*arguments)
    assert done.code == 0, f"exit code {done.code}: {shlex.join(command)}\n{done.output}"
    return done.output


def _killed(command: Sequence[str], after: float) -> list[int] | None:
    """Run, and kill it after some seconds: file descriptors of the workers that it had; None when it had ended."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=ansible_environment(ANSIBLE_FORCE_COLOR="false"),
    )
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(after)
        return None
    workers = []
    for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split():
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            workers.append(os.pidfd_open(int(pid)))
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return workers


def _end(workers: Sequence[int]) -> None:
    """End what is left of a killed run: at its exit, a worker may wait for ever for an answer of the killed process."""
    for worker in workers:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(worker, signal.SIGKILL)
        os.close(worker)
