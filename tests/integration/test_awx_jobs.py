# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric kept by AWX's jobs: without a disk that lasts, in check mode, in pieces, cancelled, and sent to a node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.awx_fabrics import HOSTS, Fabric, new_fabric
from tests.support.awx_jobs import Event, stream_job

if TYPE_CHECKING:
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.long]


@pytest.fixture(scope="module")
def fabric(clusters: Clusters, kubectl: Kubectl) -> Iterator[Fabric]:
    """As one job has left it."""
    with new_fabric(clusters, kubectl) as fabric:
        job = fabric.job()
        assert job.status == "successful", job.output
        assert all(job.changed.values())
        yield fabric


def test_a_job_finds_what_another_has_left_although_it_keeps_no_disk(fabric: Fabric) -> None:
    job = fabric.job()
    assert (job.status, job.changed) == ("successful", {}), job.output
    assert job.artifacts == {"fabric_run": {"changed": [], "failed": [], "waiting": []}}
    keys = {name for name in job.files if name.endswith("key.pem")}
    assert {f"inventory/pki/{fabric.name}/{each}key.pem" for each in ("", "east/", "west/")} == keys, "loaded again"
    assert "PRIVATE KEY" not in str(job.events)


def test_a_job_of_type_check_predicts_and_writes_nothing(clusters: Clusters, kubectl: Kubectl) -> None:
    with new_fabric(clusters, kubectl) as fabric:
        job = fabric.job(check=True)
        assert job.status == "successful", job.output
        assert job.artifacts["fabric_run"]["changed"] == sorted(job.changed) == sorted(HOSTS)
        assert not any(fabric.holds().values())


@pytest.mark.parametrize("playbook", ["site.yml", "playbooks/rotate_ca.yml"])
@pytest.mark.parametrize("host", HOSTS)
def test_a_slice_is_refused_because_it_would_take_the_other_hosts_for_gone(
    fabric: Fabric, host: str, playbook: str
) -> None:
    before = fabric.holds()
    job = fabric.job(playbook, host)
    assert job.status == "failed", job.output
    (other,) = set(HOSTS) - {host}
    assert f"Peer {other}: has left the inventory" in job.output
    assert fabric.holds() == before


def test_after_a_cancelled_job_the_next_one_completes_the_fabric(clusters: Clusters, kubectl: Kubectl) -> None:
    def installs(event: Event) -> bool:
        return "Install, update or remove the gateway" in str(event.get("event_data", {}).get("task"))

    with new_fabric(clusters, kubectl) as fabric:
        cancelled = fabric.job(cancel_at=installs)
        assert cancelled.status == "canceled", cancelled.output
        following = fabric.job()
        assert following.status == "successful", following.output
        again = fabric.job()
        assert (again.status, again.changed) == ("successful", {}), again.output


def test_a_job_runs_on_a_node_that_has_only_what_it_is_sent(fabric: Fabric) -> None:
    job = stream_job("site.yml", fabric.inventory(), fabric.credentials)
    assert (job.status, job.changed) == ("successful", {}), job.output
    assert not [name for name in job.files if name.endswith("key.pem")], "keys stay on the node, and go with it"
