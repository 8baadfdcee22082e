# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric that AWX's jobs keep: what their credentials and inventory would be, and what they leave in the clusters."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.awx_jobs import Job, run_job
from tests.support.clusters import Clusters
from tests.support.kubectl import Kubectl
from tests.support.nodeless import reported_ready

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
            "clusterlink_lock_duration": 20,  # a busy machine can renew it, and the next job waits no longer
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
        """Remove its gateways from all clusters."""
        for context in self._contexts.values():
            self._kubectl("delete", "namespace", self.name, "--wait=false", "--ignore-not-found", context=context)


@contextmanager
def new_fabric(clusters: Clusters, kubectl: Kubectl) -> Iterator[Fabric]:
    """A fabric that no job has worked on yet; its gateways are removed at the end."""
    fabric = Fabric(clusters, kubectl, f"test-{uuid.uuid4().hex[:8]}")
    try:
        with reported_ready(clusters, fabric.name):
            yield fabric
    finally:
        fabric.remove()
