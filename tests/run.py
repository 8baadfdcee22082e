# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All tests in lanes, on two cores: what waits runs beside what computes, and what counts requests runs alone.

    python -m tests.run [--long] [--lane NAME]...

Lane "code" has checks, unit tests, playbooks without a cluster, and real API servers. Beside it, other lanes test
gateways, each on kind clusters that no other lane uses. When all have ended, lane "traffic" counts requests, one test
at a time. Then "molecule" runs the scenarios, which mostly wait, beside "style": the linters, sanity, and the oldest
supported releases. Clusters that no lane uses stand still. A failure is shown at once and repeated at the end, and the
last line counts all tests: N passed, N failed, N skipped.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from tests.support.clusters import E2E_KUBECONFIG, E2E_NAMES, Clusters, kind_clusters, paused, wait_until_awake
from tests.support.environment import ansible_environment
from tests.support.paths import ROOT

RESULTS = ROOT / ".build" / "results"
SLOWEST = 20
# How much of a failure is repeated at the end: whoever reads the end of a log alone sees the cause.
FAILURES, FAILURE_LINES = 10, 25
WORKERS, CODE_WORKERS = 2, 3
"""Of lanes that run tests side by side; those of "code" wait for a third of their time."""
RUNNING = -1000
"""What stands for an exit code until there is one."""


@dataclass
class Lane:
    """One run of pytest.

    Attributes:
        name: For people.
        arguments: Of pytest.
        clusters: The names of the kind clusters that it may use.
        code: Its exit code, once it has ended; 5 says that there was nothing to test.
        seconds: How long it took.
    """

    name: str
    arguments: Sequence[str]
    clusters: Sequence[str] = ()
    code: int = RUNNING
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
        if kind and self.clusters:
            environment["CLUSTERLINK_TEST_KUBECONFIG"] = str(kind.kubeconfig)
            environment["CLUSTERLINK_TEST_CONTEXTS"] = ",".join(map(context_of, self.clusters))
        command = ["pytest", "--instafail", f"--junit-xml={self.report}", *self.arguments]
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
        skipped: How many were skipped.
        times: Each test's seconds and name.
        failures: Of each test that failed, errors included, its name and what pytest said of it.
        faults: Lanes that ended without a result.
    """

    passed: int = 0
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
        yield f"{self.passed} passed, {len(self.failures) + len(self.faults)} failed, {self.skipped} skipped"


CODE = ("tests/checks", "tests/unit", "tests/playbooks", "tests/integration")
# The two longest at the ends, since each of two workers begins with half of them.
STYLE = ("tests/sanity", "tests/lint", "tests/versions")
ONE_CLUSTER = (
    *(
        f"tests/e2e/test_{name}.py"
        for name in ("gateway", "gateway_rights", "gateway_operator", "lab_registry", "probe")
    ),
    "tests/e2e/shared_gateway",
)
TWO_CLUSTERS = tuple(
    f"tests/e2e/test_{name}.py" for name in ("faults", "links", "namespaces", "network_policies", "versions")
)
"""What has a lane of its own in the long run: half of what is left, by its time."""


def context_of(cluster: str) -> str:
    """The context of a kind cluster."""
    return f"kind-{cluster}"


def lanes(long: bool) -> tuple[Lane, list[list[Lane]]]:
    """The lane that needs no clusters, and the groups of all others: one group after the other, its lanes side by side.

    The first group runs beside the lane without clusters. In the long run, lanes of gateways that could be beside each
    other follow each other: more at once than the cores carry would be no faster, and what waits for a time would fail.
    """
    which = "long" if long else "not long"

    def parallel(name: str, workers: int, *files: str) -> Lane:
        return Lane(name, ("-m", which, "-q", "-n", str(workers), "--dist", "worksteal", *files))

    def beside(name: str, clusters: Sequence[str], *files: str) -> Lane:
        return Lane(name, ("-m", f"{which} and not traffic", "-v", *files), clusters)

    code = parallel("code", CODE_WORKERS, *CODE)
    gateway = beside("gateway", E2E_NAMES[:1], *ONE_CLUSTER)
    elsewhere = (*ONE_CLUSTER, *(TWO_CLUSTERS if long else ()))
    others = E2E_NAMES if long else E2E_NAMES[1:]
    fabrics = beside("fabrics", others, "tests/e2e", *(f"--ignore={file}" for file in elsewhere))
    pairs = beside("pairs", E2E_NAMES[1:], *TWO_CLUSTERS)
    first = [[fabrics], [gateway, pairs]] if long else [[gateway, fabrics]]
    traffic = Lane("traffic", ("-m", f"{which} and traffic", "-v", "-rP", "tests/e2e"), E2E_NAMES)
    molecule = Lane("molecule", ("-m", which, "-v", "tests/molecule"), E2E_NAMES)
    style = parallel("style", WORKERS, *STYLE)
    return code, [*first, [traffic], [molecule, style]]


def chosen(groups: Sequence[Sequence[Lane]], names: Sequence[str]) -> list[list[Lane]]:
    """The groups with the lanes of these names alone, all without a name.

    Raises:
        ValueError: There is no lane of a name.
    """
    known = [lane.name for group in groups for lane in group]
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"there is no lane {', '.join(unknown)}; there are {', '.join(known)}")
    left = [[lane for lane in group if not names or lane.name in names] for group in groups]
    return [group for group in left if group]


def clusters_of(group: Sequence[Lane]) -> list[str]:
    """The names of the clusters that lanes use."""
    return sorted({name for lane in group for name in lane.clusters})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all lanes; returns 0 when every test passed."""
    parser = argparse.ArgumentParser(prog="python -m tests.run", description=__doc__)
    parser.add_argument("--long", action="store_true", help="the tests that take minutes, instead of all others")
    parser.add_argument(
        "--lane",
        action="append",
        default=[],
        metavar="NAME",
        help="this lane alone, with the clusters that it needs; may be repeated",
    )
    asked = parser.parse_args(arguments)
    code, groups = lanes(asked.long)
    try:
        first, *others = chosen([[code], *groups], asked.lane)
    except ValueError as error:
        parser.error(str(error))
    # Lane "code" begins before there are clusters; the first group joins it.
    early, groups = ([code], others) if first == [code] else ([], [first, *others])
    signal.signal(signal.SIGTERM, _interrupt)
    RESULTS.mkdir(parents=True, exist_ok=True)
    every = [*early, *(lane for group in groups for lane in group)]
    for lane in every:
        lane.report.unlink(missing_ok=True)
    try:
        run_lanes(early, groups)
    except BaseException:
        for lane in every:
            lane.stop()
        raise
    summary = Summary()
    for lane in every:
        summary.add(lane.name, lane.code, lane.report.read_text(encoding="utf-8") if lane.report.exists() else "")
        print(f"lane {lane.name}: {lane.seconds:.0f} s")
    print(*summary.lines(), sep="\n", flush=True)
    return int(bool(summary.failures or summary.faults))


def run_lanes(early: Sequence[Lane], groups: Sequence[Sequence[Lane]]) -> None:
    """Run lanes without clusters at once, and one group after the other when the clusters of all are there."""
    first = [threading.Thread(target=lane.run) for lane in early]
    for thread in first:
        thread.start()
    names = clusters_of([lane for group in groups for lane in group])
    wanted = kind_clusters(names, E2E_KUBECONFIG, others=E2E_NAMES) if names else nullcontext()
    with wanted as kind, Resting() as resting:
        for number, group in enumerate(groups, 1):
            later = clusters_of([lane for each in groups[number:] for lane in each])
            resting.wake(clusters_of(group), kind)
            beside = [*early, *group]
            threads = [
                threading.Thread(target=run_and_rest, args=(lane, kind, later, beside, resting)) for lane in group
            ]
            for thread in threads:
                thread.start()
            for thread in (*first, *threads):
                thread.join()
    for thread in first:
        thread.join()


class Resting:
    """Clusters that stand still while no lane uses them: each costs a tenth of two cores."""

    def __init__(self) -> None:
        self._still: dict[str, ExitStack] = {}

    def __enter__(self) -> Resting:
        return self

    def __exit__(self, *_error: object) -> None:
        self.wake(list(self._still), None)

    def rest(self, names: Iterable[str]) -> None:
        """Let clusters stand still."""
        for name in names:
            self._still[name] = ExitStack()
            self._still[name].enter_context(paused(context_of(name)))

    def wake(self, names: Iterable[str], kind: Clusters | None) -> None:
        """Let those of these clusters go on that stand still; with their access, wait until they are as before."""
        woken = [name for name in names if name in self._still]
        for name in woken:
            self._still.pop(name).close()
        if woken and kind:
            wait_until_awake(kind, [context_of(name) for name in woken])


def run_and_rest(
    lane: Lane, kind: Clusters | None, later: Sequence[str], beside: Sequence[Lane], resting: Resting
) -> None:
    """Run a lane; after it, its clusters stand still, unless a later lane uses them at once."""
    lane.run(kind)
    running = any(other.code == RUNNING for other in beside)
    resting.rest(name for name in lane.clusters if running or name not in later)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
