# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every kind of test shares: a tool run as one test; kubectl, Ansible and a namespace where there are clusters."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.crds import crds as crd_objects
from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.kinds import CLUSTERLINK_KINDS
from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import register
from tests.support.ansible import Ansible
from tests.support.clusters import Clusters
from tests.support.examples import examples
from tests.support.gate import Gate
from tests.support.kubectl import Kubectl
from tests.support.objects import crd_names

register(CLUSTERLINK_KINDS)  # as outcome does for every module: no test depends on what another has imported

# A busy machine is no failure.
patient = examples(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("tests", patient)
settings.load_profile("tests")


@pytest.fixture
def gate(request: pytest.FixtureRequest, capfd: pytest.CaptureFixture[str]) -> Gate:
    """A runner whose log carries the test's name."""
    return Gate(request.node.name.replace("/", "_"), capfd)


@pytest.fixture(scope="session")
def context(clusters: Clusters) -> str:
    """The context of the cluster for tests that need one."""
    return clusters.contexts[0]


@pytest.fixture(scope="session")
def kubectl(clusters: Clusters) -> Kubectl:
    """kubectl on the test clusters."""
    return Kubectl(clusters)


@pytest.fixture
def run_module(clusters: Clusters, tmp_path: Path) -> Ansible:
    """Runs modules, directly where it can."""
    return Ansible(clusters, tmp_path)


@pytest.fixture
def play_module(clusters: Clusters, tmp_path: Path) -> Ansible:
    """Runs modules as tasks of real playbooks, whose output counts."""
    return Ansible(clusters, tmp_path, playbook=True)


@pytest.fixture
def crds(kubectl: Kubectl) -> None:
    """ClusterLink's kinds in the first cluster."""
    kubectl.apply(*crd_objects())
    kubectl("wait", "--for=condition=Established", "--timeout=30s", *(f"crd/{name}" for name in crd_names()))


@pytest.fixture
def no_crds(kubectl: Kubectl) -> None:
    """A first cluster that does not know ClusterLink's kinds."""
    kubectl.remove_definitions()


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[str]:
    """A namespace for one test in the first cluster."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")
