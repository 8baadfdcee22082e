# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric kept by AWX's jobs: without a disk that lasts, in check mode, in pieces, cancelled, and sent to a node."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.awx_jobs import Event, Job, run_job, stream_job
from tests.support.nodeless import reported_ready

if TYPE_CHECKING:
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.long]

HOSTS = ("east", "west")


class Fabric:
    """A fabric of two clusters that are linked, its folder in a Secret of the first."""

    def __init__(self, clusters: Clusters, kubectl: Kubectl, name: str) -> None:
        self.name = name
        self._kubectl = kubectl
        self._contexts = dict(zip(HOSTS, clusters.contexts, strict=False))
        # What the credentials of a job template would inject.
        self.credentials = {
            "clusterlink_kubeconfig": str(clusters.kubeconfig),
            "clusterlink_store_kubeconfig": str(clusters.kubeconfig),
            "clusterlink_store_context": clusters.contexts[0],
            "clusterlink_store_namespace": "default",
        }
        self._variables = {
            "clusterlink_fabric": name,
            "clusterlink_namespace": name,
            "clusterlink_link_mode": "mesh",
            "clusterlink_ingress_type": "none",
            "clusterlink_gateway_host": "192.0.2.1",
            "clusterlink_gateway_port": 443,
            "clusterlink_wait_timeout": 120,
            "clusterlink_lock_duration": 5,
        }

    def inventory(self, *hosts: str) -> dict[str, Any]:
        """What AWX's inventory script prints: of all hosts, or of those of a slice."""
        hostvars = {host: {"clusterlink_context": self._contexts[host]} for host in hosts or HOSTS}
        clusters = {"hosts": list(hostvars), "vars": self._variables}
        return {"all": {"children": ["clusters"]}, "clusters": clusters, "_meta": {"hostvars": hostvars}}

    def job(self, playbook: str = "site.yml", *hosts: str, **how: Any) -> Job:
        """A job on all hosts, or on those of a slice."""
        return run_job(playbook, self.inventory(*hosts), self.credentials, **how)

    def holds(self) -> dict[str, list[str]]:
        """The fabric's gateways, Peers, folder and locks in all clusters, with their versions."""
        places = {"deployments": self.name, "peers.clusterlink.net": self.name, "secrets,leases": "default"}
        form = "--output=jsonpath={range .items[*]}{.metadata.name} {.metadata.generation} {.metadata.uid}{'\\n'}{end}"
        held = {}
        for host, context in self._contexts.items():
            for kind, space in places.items():
                lines = self._kubectl("get", kind, "-n", space, form, context=context, check=False).splitlines()
                lines = [line for line in lines if "doesn't have a resource type" not in line]
                held[f"{host} {kind}"] = sorted(line for line in lines if space == self.name or self.name in line)
        return held

    def remove(self) -> None:
        for context in self._contexts.values():
            self._kubectl("delete", "namespace", self.name, "--wait=false", "--ignore-not-found", context=context)


@contextmanager
def made(clusters: Clusters, kubectl: Kubectl) -> Iterator[Fabric]:
    fabric = Fabric(clusters, kubectl, f"test-{uuid.uuid4().hex[:8]}")
    try:
        with reported_ready(clusters, fabric.name):
            yield fabric
    finally:
        fabric.remove()


@pytest.fixture(scope="module")
def fabric(clusters: Clusters, kubectl: Kubectl) -> Iterator[Fabric]:
    """As one job has left it."""
    with made(clusters, kubectl) as fabric:
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
    with made(clusters, kubectl) as fabric:
        job = fabric.job(check=True)
        assert job.status == "successful", job.output
        assert job.artifacts["fabric_run"]["changed"] == sorted(job.changed) == sorted(HOSTS)
        assert not any(fabric.holds().values())


@pytest.mark.parametrize("host", HOSTS)
def test_a_slice_is_refused_because_it_would_take_the_other_hosts_for_gone(fabric: Fabric, host: str) -> None:
    before = fabric.holds()
    job = fabric.job("site.yml", host)
    assert job.status == "failed", job.output
    (other,) = set(HOSTS) - {host}
    assert f"Peer {other}: has left the inventory" in job.output
    assert fabric.holds() == before


def test_after_a_cancelled_job_the_next_one_completes_the_fabric(clusters: Clusters, kubectl: Kubectl) -> None:
    def installs(event: Event) -> bool:
        return "Install, update or remove the gateway" in str(event.get("event_data", {}).get("task"))

    with made(clusters, kubectl) as fabric:
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
