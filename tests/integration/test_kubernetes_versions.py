# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""API servers of the oldest and the newest Kubernetes that can be had as Go modules, instead of the lab's.

The tests whose outcome an API server decides run on them once more, as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.test_gateway_admission import PLACED
from tests.support.ansible import Ansible, Call
from tests.support.bed import bed
from tests.support.clusters import Clusters
from tests.support.gateways import CONTROLPLANE, DATAPLANE, Fabric, bring
from tests.support.kubectl import Kubectl

if TYPE_CHECKING:
    from tests.support.gate import Gate

pytestmark = [pytest.mark.cluster, pytest.mark.long]

SPACE = "gateway-versions"
VERSIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "oldest": ("29", {"exec": {"command": ["sleep", "7"]}}),
    "newest": ("37", {"sleep": {"seconds": 7}}),
}
"""The minor version, and how pods wait for 7 seconds before they end."""

DECIDED = tuple(
    f"tests/integration/test_{name}.py"
    for name in ("fabric_apply", "single_objects", "deletion", "lock", "autoscaling", "gateway_admission")
)
"""Apply, prune, conflicts, discovery, deletion in order, the lock, autoscalers, webhooks and quotas."""


@dataclass(frozen=True)
class Servers:
    """Two API servers of one version."""

    clusters: Clusters
    minor: str
    pre_stop: dict[str, Any]


@pytest.fixture(scope="module", params=VERSIONS)
def servers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with bed(2, tmp_path_factory.mktemp("bed"), request.param) as clusters:
        yield Servers(clusters, *VERSIONS[request.param])


def test_a_gateway_with_its_options_is_predicted_made_and_kept(servers: Servers, tmp_path: Path) -> None:
    kubectl, run_module = Kubectl(servers.clusters), Ansible(servers.clusters, tmp_path)
    assert json.loads(kubectl("get", "--raw=/version"))["minor"] == servers.minor
    options = {
        **Fabric(tmp_path / "fabric").peer("east"),
        **PLACED,
        "namespace": SPACE,
        "ingress_type": "none",
        "wait": False,
        "network_policy": True,
        "controlplane_replicas": 2,
        "dataplane_autoscaling": {"min": 2, "max": 4},
        "controlplane_drain_seconds": 7,
    }

    bring(run_module, options)
    bring(run_module, {**options, "dataplane_autoscaling": None, "dataplane": "go", "dataplane_drain_seconds": 7})

    for name in (CONTROLPLANE, DATAPLANE):
        deployment = kubectl.json("get", "deployment", name, "--namespace", SPACE)
        [container] = deployment["spec"]["template"]["spec"]["containers"]
        assert container["lifecycle"]["preStop"] == servers.pre_stop
    absent = {"state": "absent", "namespace": SPACE}
    predicted, removed, again = run_module.each(
        *(Call("gateway", absent, check=check) for check in (True, False, False))
    )
    assert predicted["deleted"] == removed["deleted"]
    assert (removed["changed"], again["changed"]) == (True, False)


def test_what_an_api_server_decides_is_decided_alike(servers: Servers, gate: Gate) -> None:
    named = {
        "CLUSTERLINK_TEST_KUBECONFIG": str(servers.clusters.kubeconfig),
        "CLUSTERLINK_TEST_CONTEXTS": ",".join(servers.clusters.contexts),
    }
    printed = gate("pytest", "-q", "-p", "no:cacheprovider", "-m", "not long", *DECIDED, env=named, timeout=1800)
    assert " passed" in printed
    assert " skipped" not in printed
