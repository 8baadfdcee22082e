# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The summary of all lanes: each test is counted once, failures are named, a lane without results is one."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import run
from tests.run import FAILURE_LINES, FAILURES, ONE_CLUSTER, TWO_CLUSTERS, Lane, Summary, chosen, clusters_of, lanes
from tests.support.clusters import Clusters
from tests.support.paths import ROOT
from tests.support.waiting import PATIENCE_SECONDS

REPORT = """\
<testsuites><testsuite>
  <testcase classname="tests.unit.a" name="quick" time="0.5"/>
  <testcase classname="tests.unit.a" name="wrong" time="2.0"><failure/></testcase>
  <testcase classname="tests.unit.b" name="broken" time="9.0"><error/><failure/></testcase>
  <testcase classname="tests.unit.b" name="left" time="0.0"><skipped/></testcase>
</testsuite></testsuites>
"""


def test_every_test_is_counted_once_and_the_slowest_comes_first() -> None:
    summary = Summary()
    summary.add("code", 1, REPORT)
    _title, slowest, *_others, counts = summary.lines()
    assert slowest.split() == ["9.0", "s", "tests.unit.b::broken"]
    assert counts == "1 passed, 2 failed, 1 skipped"


def test_the_last_lines_name_each_failure_and_end_with_its_cause() -> None:
    cause = "\n".join(f"line {number}" for number in range(FAILURE_LINES + 1))
    cases = "".join(
        f'<testcase classname="tests.unit.a" name="n{number}"><failure>{cause}</failure></testcase>'
        for number in range(FAILURES + 1)
    )
    summary = Summary()
    summary.add("code", 1, f"<testsuites>{cases}</testsuites>")
    lines = list(summary.lines())
    end = lines[lines.index("FAILED tests.unit.a::n0") :]
    assert [line for line in end if line.startswith("FAILED")] == [
        f"FAILED tests.unit.a::n{number}" for number in range(FAILURES + 1)
    ]
    assert end[1] == "  line 1"
    assert end[FAILURE_LINES] == f"  line {FAILURE_LINES}"


def test_a_lane_without_results_fails_and_one_without_tests_does_not() -> None:
    summary = Summary()
    summary.add("code", 5, "<testsuites/>")
    assert not summary.faults
    summary.add("traffic", -9, "")
    *_lines, fault, counts = summary.lines()
    assert fault == "lane traffic ended with -9 and no results"
    assert counts == "0 passed, 1 failed, 0 skipped"


def test_lanes_that_run_side_by_side_share_no_cluster() -> None:
    for long in (False, True):
        for group in lanes(long)[1]:
            used = [name for lane in group for name in lane.clusters]
            assert len(used) == len(set(used))


@pytest.mark.parametrize("long", [False, True])
def test_each_file_of_gateways_belongs_to_one_lane(long: bool) -> None:
    by_name = {lane.name: lane for group in lanes(long)[1] for lane in group}
    fabrics, small = by_name["fabrics"], [by_name[name] for name in ("gateway", "pairs") if name in by_name]
    named = [argument for lane in small for argument in lane.arguments if argument.startswith("tests/e2e/")]
    left = {argument.removeprefix("--ignore=") for argument in fabrics.arguments if argument.startswith("--ignore=")}
    assert "tests/e2e" in fabrics.arguments
    assert (len(named), set(named)) == (len(left), left)


def test_lanes_can_be_chosen_and_bring_their_clusters_alone() -> None:
    code, groups = lanes(long=True)
    assert chosen([[code], *groups], []) == [[code], *groups]
    group, last = chosen([[code], *groups], ["style", "pairs"])
    assert ([lane.name for lane in group], [lane.name for lane in last]) == (["pairs"], ["style"])
    assert (len(clusters_of(group)), clusters_of(last)) == (2, [])


def test_a_lane_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(ValueError, match="no lane pairs; there are code, gateway, fabrics"):
        chosen([[lanes(long=False)[0]], *lanes(long=False)[1]], ["pairs"])


def test_clusters_stand_still_while_no_lane_uses_them(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    still = threading.Event()

    @contextmanager
    def kind_clusters(_names: Sequence[str], kubeconfig: Path, **_options: Any) -> Iterator[Clusters]:
        yield Clusters(kubeconfig, ())

    @contextmanager
    def paused(context: str) -> Iterator[None]:
        seen.append(f"still {context}")
        still.set()
        yield
        seen.append(f"awake {context}")

    def run_lane(lane: Lane, _kind: Clusters | None = None) -> None:
        if lane.name == "longest":
            assert still.wait(PATIENCE_SECONDS), "the other lane's cluster stands still meanwhile"
        seen.append(lane.name)
        lane.code = 0

    monkeypatch.setattr(run, "kind_clusters", kind_clusters)
    monkeypatch.setattr(run, "paused", paused)
    monkeypatch.setattr(run, "wait_until_awake", lambda _kind, contexts: seen.append(f"as before {contexts}"))
    monkeypatch.setattr(run.Lane, "run", run_lane)
    first = [Lane("longest", (), ("a",)), Lane("short", (), ("b",))]
    run.run_lanes([], [first, [Lane("later", (), ("b", "c"))], [Lane("last", (), ("b",))]])
    assert seen[:2] == ["short", "still kind-b"]
    assert set(seen[2:6]) == {"longest", "still kind-a", "awake kind-b", "as before ['kind-b']"}
    assert seen[6:] == ["later", "still kind-c", "last", "still kind-b", "awake kind-a", "awake kind-c", "awake kind-b"]


def test_files_that_a_lane_names_are_there() -> None:
    assert not [name for name in (*ONE_CLUSTER, *TWO_CLUSTERS) if not (ROOT / name).exists()]
