# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A playbook that is killed at every step, and run again each time.

    python -m tests.support.killed [--steps REGEX] -- ansible-playbook PLAYBOOK...

The first run is killed by SIGKILL as its first task begins, with all of its processes, the second run as its second
task begins, and so on until a run ends before it is killed. Its exit code is the result. With ``--steps``, only tasks
count whose name matches.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence

MOST_RUNS = 80
_TASK = "TASK ["


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command until it ends by itself."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.killed", description=__doc__)
    parser.add_argument("--steps", default="", help="what the name of a task must match to count")
    parser.add_argument("command", nargs="+")
    asked = parser.parse_args(arguments)
    for number in range(MOST_RUNS):
        status = _run(asked.command, asked.steps, number + 1)
        if status is not None:
            print(f"killed {number} times, then it ended by itself", flush=True)
            return status
    print(f"it did not end in {MOST_RUNS} runs")
    return 1


def _run(command: Sequence[str], steps: str, last: int) -> int | None:
    """Run until the matching task of this number, from 1; the exit code, or None when it was killed."""
    environment = {**os.environ, "ANSIBLE_FORCE_COLOR": "false", "ANSIBLE_NOCOLOR": "true"}
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


if __name__ == "__main__":
    sys.exit(main())
