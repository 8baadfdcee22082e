# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks that are killed at random moments, and run again: the end must be the same each time.

    python -m tests.support.random_kills --kubeconfig FILE --context CONTEXT ... [--runs 30] [--seed N]
        --declare "ansible-playbook site.yml" --declare "ansible-playbook teardown.yml" ...

The declarations are brought about one after another, round and round. At first each run ends by itself, and which
objects the clusters hold then is noted. After that each is killed by SIGKILL, with all of its processes, at a random
moment of the time that it took, and run again until it ends. The clusters must then hold the objects noted, and one
more run must change nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from tests.support.holdings import holdings, kubectl_for

_CHANGED = re.compile(r"changed=[1-9]")


def main(arguments: Sequence[str] | None = None) -> int:
    """Kill and run again, as often as asked; the first difference ends it."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.random_kills", description=__doc__)
    parser.add_argument("--kubectl", default="kubectl")
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--context", action="append", required=True)
    parser.add_argument("--declare", action="append", required=True, metavar="COMMAND")
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    asked = parser.parse_args(arguments)
    print(f"seed {asked.seed}", flush=True)
    chance = random.Random(asked.seed)  # noqa: S311 - no secret
    clusters = {each: kubectl_for(asked.kubectl, asked.kubeconfig, each) for each in asked.context}

    def objects() -> list[str]:
        return [f"{context} {row}" for context, kubectl in clusters.items() for row in holdings(kubectl)]

    commands = [shlex.split(text) for text in asked.declare]
    took: list[float] = []
    wanted: list[list[str]] = []
    for command in commands:
        began = time.monotonic()
        _run(command)
        took.append(time.monotonic() - began)
        wanted.append(objects())
        print(f"{took[-1]:.0f} s, then {len(wanted[-1])} objects: {shlex.join(command[-2:])}", flush=True)
    killed = number = 0
    while killed < asked.runs:
        turn = number % len(commands)
        number += 1
        after = chance.uniform(0.5, took[turn])
        was_killed = _killed(commands[turn], after)
        killed += was_killed
        _run(commands[turn])
        differs = set(wanted[turn]) ^ set(objects())
        if differs:
            print(f"killed after {after:.1f} s and run again, these differ:", *sorted(differs), sep="\n")
            return 1
        again = _run(commands[turn])
        if _CHANGED.search(again):
            print(f"killed after {after:.1f} s and run again, one more run changed something:\n{again}")
            return 1
        how = f"killed after {after:.1f} s ({killed} of {asked.runs})" if was_killed else f"ended within {after:.1f} s"
        print(f"{how}, the same {len(wanted[turn])} objects, changed=0: {shlex.join(commands[turn][-2:])}", flush=True)
    print(f"{killed} runs were killed, and each run after that came to the same end")
    return 0


def _run(command: Sequence[str]) -> str:
    """Run to its end, which must be a good one; what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=_environment())
    if done.returncode:
        print(done.stdout, done.stderr, sep="\n")
        raise SystemExit(f"exit code {done.returncode}: {shlex.join(command)}")
    return done.stdout


def _killed(command: Sequence[str], after: float) -> bool:
    """Run, and kill it after some seconds, unless it has ended by then."""
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, env=_environment()
    )
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(after)
        return False
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return True


def _environment() -> dict[str, str]:
    return {**os.environ, "ANSIBLE_FORCE_COLOR": "false", "ANSIBLE_NOCOLOR": "true"}


if __name__ == "__main__":
    sys.exit(main())
