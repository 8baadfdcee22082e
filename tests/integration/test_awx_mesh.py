# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs that a real mesh of two receptor nodes carries from the control node to the worker, and their results back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.support.awx_fabrics import HOSTS, Fabric, new_fabric
from tests.support.awx_jobs import Event, stream_job
from tests.support.receptor import Mesh, missing_programs, receptor_mesh
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.long,
    pytest.mark.skipif(bool(missing_programs()), reason=f"not on the PATH: {' and '.join(missing_programs())}"),
]

SETTLED: dict[str, dict[str, list[str]]] = {"fabric_run": {"changed": [], "failed": [], "waiting": []}}


@pytest.fixture(scope="module")
def mesh() -> Iterator[Mesh]:
    with receptor_mesh() as mesh:
        yield mesh


@pytest.fixture
def fabric(clusters: Clusters, kubectl: Kubectl) -> Iterator[Fabric]:
    with new_fabric(clusters, kubectl) as fabric:
        yield fabric


def test_a_fabric_by_jobs_that_leave_nothing_on_the_worker(mesh: Mesh, fabric: Fabric) -> None:
    send = partial(stream_job, "site.yml", fabric.inventory(), fabric.credentials, carry=mesh.carry)
    mesh.states.clear()

    predicted = send(check=True)
    assert predicted.status == "successful", predicted.output
    assert predicted.artifacts["fabric_run"]["changed"] == sorted(predicted.changed) == sorted(HOSTS)
    assert not any(fabric.holds().values()), "check mode writes nothing"

    first = send()
    assert first.status == "successful", first.output
    assert first.artifacts["fabric_run"]["changed"] == sorted(first.changed) == sorted(HOSTS)
    assert_nothing_stays(mesh)

    again = send()
    assert (again.status, again.changed, again.artifacts) == ("successful", {}, SETTLED), again.output
    assert_complete(again.events)
    assert_nothing_stays(mesh)
    assert mesh.states == ["Succeeded"] * 3


def test_the_next_job_completes_what_a_cancelled_one_has_begun(mesh: Mesh, fabric: Fabric) -> None:
    send = partial(stream_job, "site.yml", fabric.inventory(), fabric.credentials)
    mesh.states.clear()

    cancelled = send(carry=partial(mesh.carry, cancel_at="Install, update or remove the gateway"))
    assert (cancelled.status, mesh.states) == ("canceled", ["Canceled"])
    assert "Create or check the fabric's CA" in cancelled.output
    wait_until("no process of the cancelled job is left", lambda: not mesh.processes())
    begun = fabric.holds()
    assert begun["east secrets,leases"], "it had saved the folder, with the CA's key, before it changed a cluster"

    following = send(carry=mesh.carry)
    assert following.status == "successful", following.output
    again = send(carry=mesh.carry)
    assert (again.status, again.changed, again.artifacts) == ("successful", {}, SETTLED), again.output
    assert_nothing_stays(mesh)


def assert_complete(events: Sequence[Event]) -> None:
    """Every event has arrived, and none has a key."""
    counters = [event["counter"] for event in events]
    assert counters == list(range(1, len(counters) + 1))
    assert "PRIVATE KEY" not in str(events)


def assert_nothing_stays(mesh: Mesh) -> None:
    """Both nodes have their logs alone."""
    assert not mesh.processes()
    assert set(mesh.files()) == {"control.log", "worker.log", "control.sock.lock", "worker.sock.lock"}
    assert not any(b"PRIVATE KEY" in content for content in mesh.files().values())
