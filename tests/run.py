# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All tests in lanes, on two cores: what waits runs beside what computes, and what counts requests runs alone.

    python -m tests.run [--long]

Lane "code" has checks, unit tests and real API servers. Beside it, other lanes test gateways, each on kind clusters
that no other lane uses. When all have ended, lane "traffic" counts requests, one test at a time. Then "molecule" runs
the scenarios, which mostly wait, beside "style": the linters, sanity, and the oldest supported releases. What failed
is repeated at the end, and the last line counts all tests: N passed, N failed, N skipped.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from tests.support.clusters import E2E_KUBECONFIG, E2E_NAMES, Clusters, kind_clusters
from tests.support.environment import ansible_environment
from tests.support.paths import ROOT

RESULTS = ROOT / ".build" / "results"
SLOWEST = 20
# How much of a failure is repeated at the end: whoever reads the end of a log alone sees the cause.
FAILURES, FAILURE_LINES = 10, 25
WORKERS = "2"


@dataclass
class Lane:
    """One run of pytest.

    Attributes:
        name: For people.
        arguments: Of pytest.
        clusters: Which of the kind clusters it may use, by their numbers.
        code: Its exit code, once it has ended; 5 says that there was nothing to test.
        seconds: How long it took.
    """

    name: str
    arguments: Sequence[str]
    clusters: Sequence[int] = ()
    code: int = -1
    seconds: float = 0
    _process: subprocess.Popen[str] | None = None

    @property
    def report(self) -> Path:
        """Where pytest writes the results."""
        return RESULTS / f"{self.name}.xml"

    def run(self, kind: Clusters | None = None) -> None:
        """Run it to its end; each line that it prints begins with the lane's name.

        Args:
            kind: All kind clusters, when there are some.
        """
        began = time.monotonic()
        environment = {**ansible_environment(), "PYTHONUNBUFFERED": "1"}
        if kind:
            environment["CLUSTERLINK_TEST_KUBECONFIG"] = str(kind.kubeconfig)
            environment["CLUSTERLINK_TEST_CONTEXTS"] = ",".join(kind.contexts[number] for number in self.clusters)
        command = ["pytest", f"--junit-xml={self.report}", *self.arguments]
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            self._process = process
            for line in process.stdout or ():
                print(f"{self.name:>8} | {line}", end="", flush=True)
        self.code, self.seconds = process.returncode, time.monotonic() - began

    def stop(self) -> None:
        """End it, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()


@dataclass
class Summary:
    """The results of all lanes.

    Attributes:
        passed: How many tests passed.
        failed: How many failed, errors included.
        skipped: How many were skipped.
        times: Each test's seconds and name.
        failures: Of each test that failed, its name and what pytest said of it.
        faults: Lanes that ended without a result.
    """

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    times: list[tuple[float, str]] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def add(self, name: str, code: int, report: str) -> None:
        """Add a lane.

        Args:
            name: The lane's.
            code: Its exit code.
            report: What it wrote, in JUnit's XML; empty when it wrote nothing.
        """
        if code not in (0, 1, 5) or not report:
            self.faults.append(f"lane {name} ended with {code}{'' if report else ' and no results'}")
        for case in ET.fromstring(report or "<testsuites/>").iter("testcase"):  # noqa: S314 - our own
            test = f"{case.get('classname')}::{case.get('name')}"
            failures = [child.text or "" for child in case if child.tag in ("failure", "error")]
            skipped = case.find("skipped") is not None
            self.failed += bool(failures)
            self.skipped += skipped
            self.passed += not failures and not skipped
            self.times.append((float(case.get("time", 0)), test))
            if failures:
                self.failures.append((test, "\n".join(failures)))

    def lines(self) -> Iterator[str]:
        """The slowest tests, the failures, lanes without a result, and the counts, which are the last line."""
        yield f"The slowest {SLOWEST}:"
        for seconds, name in sorted(self.times, reverse=True)[:SLOWEST]:
            yield f"  {seconds:6.1f} s  {name}"
        for name, text in self.failures[:FAILURES]:
            yield f"FAILED {name}"
            yield from (f"  {line}" for line in text.splitlines()[-FAILURE_LINES:])
        yield from (f"FAILED {name}" for name, _text in self.failures[FAILURES:])
        yield from self.faults
        yield f"{self.passed} passed, {self.failed + len(self.faults)} failed, {self.skipped} skipped"


CODE = ("tests/checks", "tests/unit", "tests/integration")
STYLE = ("tests/lint", "tests/sanity", "tests/versions")
ONE_CLUSTER = (
    *(f"tests/e2e/test_{name}.py" for name in ("gateway", "gateway_rights", "gateway_operator", "probe")),
    "tests/e2e/shared_gateway",
)
REST = ("tests/e2e", *(f"--ignore={file}" for file in ONE_CLUSTER))


def lanes(long: bool) -> tuple[Lane, list[list[Lane]]]:
    """The lane that needs no clusters, and the groups of all others: one group after the other, its lanes side by side.

    The first group runs beside the lane without clusters.
    """
    which = "long" if long else "not long"
    parallel = ("-q", "-n", WORKERS, "--dist", "worksteal")
    code = Lane("code", ("-m", which, *parallel, *CODE))
    quiet = ("-m", f"{which} and not traffic", "-v")
    if long:
        beside = [Lane("fabrics", (*quiet, "tests/e2e"), (0, 1, 2))]
    else:
        beside = [Lane("gateway", (*quiet, *ONE_CLUSTER), (0,)), Lane("fabrics", (*quiet, *REST), (1, 2))]
    traffic = Lane("traffic", ("-m", f"{which} and traffic", "-v", "-rP", "tests/e2e"), (0, 1, 2))
    molecule = Lane("molecule", ("-m", which, "-v", "tests/molecule"), (0, 1, 2))
    style = Lane("style", ("-m", which, *parallel, *STYLE))
    return code, [beside, [traffic], [molecule, style]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all lanes; returns 0 when every test passed."""
    parser = argparse.ArgumentParser(prog="python -m tests.run", description=__doc__)
    parser.add_argument("--long", action="store_true", help="the tests that take minutes, instead of all others")
    asked = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    RESULTS.mkdir(parents=True, exist_ok=True)
    code, groups = lanes(asked.long)
    every = [code, *(lane for group in groups for lane in group)]
    for lane in every:
        lane.report.unlink(missing_ok=True)
    first = threading.Thread(target=code.run)
    first.start()
    try:
        with kind_clusters(E2E_NAMES, E2E_KUBECONFIG) as kind:
            for group in groups:
                threads = [threading.Thread(target=lane.run, args=(kind,)) for lane in group]
                for thread in threads:
                    thread.start()
                for thread in (first, *threads):
                    thread.join()
    except BaseException:
        for lane in every:
            lane.stop()
        raise
    summary = Summary()
    for lane in every:
        summary.add(lane.name, lane.code, lane.report.read_text(encoding="utf-8") if lane.report.exists() else "")
        print(f"lane {lane.name}: {lane.seconds:.0f} s")
    print(*summary.lines(), sep="\n", flush=True)
    return int(bool(summary.failed or summary.faults))


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
