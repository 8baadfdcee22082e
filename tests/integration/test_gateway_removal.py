# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway is removed while something of it still runs: no pod has to run for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from kubernetes import client, config

from tests.support.gateways import CONTROLPLANE, Fabric
from tests.support.waiting import meanwhile, wait_until

if TYPE_CHECKING:
    from tests.support.ansible import Ansible
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

SPACE = "gateway-removal"
PAUSE_SECONDS = 0.005


@pytest.fixture(autouse=True)
def _nothing_is_left(kubectl: Kubectl) -> Iterator[None]:
    yield
    kubectl.remove_namespace(SPACE)
    kubectl.remove_definitions()


@contextmanager
def lease_kept(clusters: Clusters, token: str) -> Iterator[None]:
    """While the body runs, a control plane's service account creates its Lease whenever it is gone."""
    configuration = client.Configuration()
    config.load_kube_config(str(clusters.kubeconfig), clusters.contexts[0], configuration)
    configuration.refresh_api_key_hook = None  # it reads the environment, which other threads change
    configuration.api_key = {"authorization": f"Bearer {token}"}
    body = client.V1Lease(metadata=client.V1ObjectMeta(name=CONTROLPLANE))

    with client.ApiClient(configuration) as connection:
        leases = client.CoordinationV1Api(connection)

        def create() -> None:
            with suppress(client.ApiException):  # it exists, or may not be created any more
                leases.create_namespaced_lease(SPACE, body)

        with meanwhile(create, PAUSE_SECONDS):
            yield


@pytest.mark.usefixtures("no_crds")
def test_a_control_plane_whose_pod_was_removed_by_force_does_not_hold_its_lease(
    run_module: Ansible, kubectl: Kubectl, clusters: Clusters, fabric_of_one: dict[str, str]
) -> None:
    """An API server forgets a pod that is deleted by force, or with its node, while its containers run on."""
    kubectl("create", "namespace", SPACE)
    installed = run_module("gateway", {**fabric_of_one, "wait": False})
    assert not installed.get("failed"), installed["msg"]
    token = kubectl("create", "token", CONTROLPLANE, "-n", SPACE).strip()
    lease = ("get", "lease", CONTROLPLANE, "-n", SPACE, "--ignore-not-found", "-o", "name")

    with lease_kept(clusters, token):
        wait_until("the control plane has its Lease", lambda: bool(kubectl(*lease).strip()))
        removed = run_module("gateway", {"state": "absent", "namespace": SPACE, "wait_timeout": 20})

    assert not removed.get("failed"), removed["msg"]
    assert not kubectl(*lease)


@pytest.fixture
def fabric_of_one(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The arguments of a gateway."""
    return {**Fabric(tmp_path_factory.mktemp("fabric")).peer("east"), "namespace": SPACE, "ingress_type": "none"}
