# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Timing whole commands in turn, and saying how they compare."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAB_CACHE = Path(os.environ.get("LAB_CACHE") or Path.home() / ".cache" / "clusterlink-lab")
LAB_KUBECONFIG = ROOT / ".lab" / "kubeconfig"
WORK = ROOT / ".build" / "bench"
OURS = Path(sys.executable).parent / "ansible-playbook"


def seconds(command: Sequence[str | Path], cwd: str | Path = ROOT, **environment: str) -> float:
    """How long the command takes; it must succeed.

    Args:
        command: The program and its arguments.
        cwd: Where it runs.
        environment: Variables besides this process's own.

    Raises:
        RuntimeError: It failed; its output is in the message.
    """
    start = time.perf_counter()
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    elapsed = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
    return elapsed


def report(name: str, ours: Sequence[float], theirs: Sequence[float], limit: float) -> bool:
    """Print the ratio of the medians beside its limit; returns whether it is kept."""
    ratio = statistics.median(ours) / statistics.median(theirs)
    kept = ratio <= limit
    print(
        f"{name}: {ratio:.2f} times (limit {limit}; medians {statistics.median(ours):.2f} s and "
        f"{statistics.median(theirs):.2f} s, of {len(ours)} and {len(theirs)} runs){'' if kept else '  NOT KEPT'}",
        flush=True,
    )
    return kept
