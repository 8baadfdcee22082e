# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's memory: the largest resident size of any of its processes while site.yml runs."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from tests.bench.timing import OURS, ROOT

LIMIT = 100.0


def resident(pid: int) -> float:
    """The resident size of a process in MB, 0 when it has ended."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1000
    except OSError:
        return 0.0
    return 0.0


def children(pid: int) -> list[int]:
    """The processes that a process has started and that are alive."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def main() -> bool:
    """Print the largest sizes; returns whether the limit is kept."""
    controller, fork = 0.0, 0.0
    with subprocess.Popen(
        [str(OURS), "site.yml"], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as process:
        while process.poll() is None:
            controller = max(controller, resident(process.pid))
            fork = max([fork, *(resident(child) for child in children(process.pid))])
            time.sleep(0.01)
    kept = process.returncode == 0 and 0 < fork <= LIMIT
    verdict = "" if kept else "  NOT KEPT"
    print(f"Memory: {fork:.0f} MB a fork (limit {LIMIT:.0f}), {controller:.0f} MB the parent{verdict}")
    return kept
