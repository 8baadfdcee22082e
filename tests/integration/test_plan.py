# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbook plan against clusters: what site would change, as text, JSON and Markdown, and the exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.test_report import UNREACHABLE
from tests.support.fabrics import EAST, WEST, DeclaredFabric

if TYPE_CHECKING:
    from tests.support.clusters import Clusters

pytestmark = [pytest.mark.cluster, pytest.mark.long]


@pytest.fixture
def fabric(clusters: Clusters, namespace: str, tmp_path: Path) -> DeclaredFabric:
    fabric = DeclaredFabric(clusters, (EAST, WEST), tmp_path, namespace)
    fabric.variables |= {"clusterlink_namespace": namespace, "clusterlink_link_mode": "mesh"}
    return fabric


def planned(fabric: DeclaredFabric, folder: Path, **options: Any) -> tuple[int, str, dict[str, Any], str]:
    """The exit code, the output, and both files."""
    data, page = folder / "plan.json", folder / "plan.md"
    run = fabric.play("plan", plan_online=True, plan_json=str(data), plan_markdown=str(page), **options)
    said = " ".join(run.output.split())
    return run.code, said, json.loads(data.read_text(encoding="utf-8")), page.read_text(encoding="utf-8")


@pytest.mark.parametrize("fails", [True, False])
def test_what_would_change_is_shown_and_fails_the_run_where_that_is_wanted(
    fabric: DeclaredFabric, tmp_path: Path, fails: bool
) -> None:
    code, said, data, page = planned(fabric, tmp_path, plan_fail_on_change=fails)
    assert (code, data["changed"]) == (2 if fails else 0, True), said
    for host in (EAST, WEST):
        (line,) = (each for each in data["summary"] if each.startswith(f"{host}: "))
        assert "gateway" in line
        assert line in said
        assert line in page
    assert not fabric.pki.exists(), "nothing is written"


def test_a_cluster_that_cannot_be_compared_is_a_row_and_fails_the_run(fabric: DeclaredFabric, tmp_path: Path) -> None:
    fabric.hosts[EAST] = UNREACHABLE[EAST]
    code, said, data, page = planned(fabric, tmp_path)
    assert code == 2
    assert f"{EAST} cannot be compared; the table says why" in said
    assert "the API server is unreachable" in data["clusters"][EAST]["error"]
    assert EAST in page
    assert any(each.startswith(f"{WEST}: ") for each in data["summary"])
