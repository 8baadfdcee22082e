# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A playbook that is killed at every step, and run again each time.

The first run is killed by SIGKILL as its first task begins, with all of its processes, the second run as its second
task begins, and so on until a run ends before it is killed.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Sequence

from tests.support.environment import ansible_environment

MOST_RUNS = 80
_TASK = "TASK ["


def run_killed_at_every_step(command: Sequence[str], steps: str = "") -> int:
    """Run a playbook again and again until a run ends by itself, which must be a good end.

    Args:
        command: C(ansible-playbook) and its arguments.
        steps: What the name of a task must match to count; every task by default.

    Returns:
        How many runs were killed.

    Raises:
        AssertionError: The last run failed, or there was no last run.
    """
    for number in range(MOST_RUNS):
        status = _run(command, steps, number + 1)
        if status is not None:
            assert status == 0, f"after {number} killed runs, one ended with {status}"
            print(f"killed {number} times, then it ended by itself", flush=True)
            return number
    raise AssertionError(f"it did not end in {MOST_RUNS} runs")


def _run(command: Sequence[str], steps: str, last: int) -> int | None:
    """Run until the matching task of this number, from 1; the exit code, or None when it was killed."""
    environment = ansible_environment(ANSIBLE_FORCE_COLOR="false")
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    assert process.stdout is not None
    lines: list[str] = []
    seen = 0
    for line in process.stdout:
        lines.append(line)
        seen += line.startswith(_TASK) and bool(re.search(steps, line))
        if seen == last:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()
            print("killed at", line.strip(" *\n"), flush=True)
            return None
    status = process.wait()
    print("".join(lines[-60:] if status else lines[-8:]), flush=True)
    return status
