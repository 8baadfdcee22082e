# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run says of clusters that failed: the first host, another, and all of them. No gateway runs here."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.lock.lease import new_lease
from tests.support.fabrics import EAST, WEST, DeclaredFabric, Run

if TYPE_CHECKING:
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

UNREACHABLE = {
    host: {"clusterlink_host": f"https://127.0.0.1:{port}", "clusterlink_api_key": "x", "clusterlink_retry_timeout": 0}
    for port, host in enumerate((EAST, WEST), 1)
}


@pytest.fixture
def fabric(clusters: Clusters, namespace: str, tmp_path: Path) -> DeclaredFabric:
    fabric = DeclaredFabric(clusters, (EAST, WEST), tmp_path, namespace)
    fabric.variables["clusterlink_namespace"] = namespace
    fabric.environment["ANSIBLE_ANY_ERRORS_FATAL"] = "true"  # a user's setting, which no cluster is to fail for
    return fabric


def reported(run: Run) -> list[str]:
    """The clusters that the run, which fails, says are not up to date."""
    assert run.code == 2, run.output
    said = " ".join(run.output.split())
    return [host for host in (EAST, WEST) if f"{host} failed and is not up to date" in said]


@pytest.mark.parametrize("failing", [[EAST], [WEST], [EAST, WEST]], ids=" ".join)
def test_every_cluster_that_failed_is_reported_even_when_all_have(fabric: DeclaredFabric, failing: list[str]) -> None:
    fabric.hosts |= {host: UNREACHABLE[host] for host in failing}
    assert reported(fabric.play("site", "--check")) == failing  # a teardown would meet what other tests leave


@pytest.mark.parametrize("playbook", ["site", "link", "teardown"])
def test_what_fails_once_for_all_is_reported_for_every_cluster(
    fabric: DeclaredFabric, kubectl: Kubectl, namespace: str, playbook: str
) -> None:
    link = {"link_source": EAST, "link_target": WEST} if playbook == "link" else {}
    lease = json.dumps(new_lease(namespace, "another run", 60, datetime.now(timezone.utc)))
    kubectl("create", "-f", "-", stdin=lease, context=fabric.contexts[WEST])
    assert reported(fabric.play(playbook, clusterlink_lock_timeout=0, **link)) == [EAST, WEST]
