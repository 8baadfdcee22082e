# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upgrades and restarts of gateways with two replicas while requests run in both directions; all are counted.

One version of ClusterLink can be had, so the same images under another tag stand in for another version's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.clusters import Clusters, on_node
from tests.support.fabrics import FullMesh, populated

if TYPE_CHECKING:
    from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.traffic, pytest.mark.long]

ONE, TWO = "test-one", "test-two"
SYSTEM = "--namespace=clusterlink-system"
STAND_IN = "v0.4.1-stand-in"
ANOTHER: dict[str, Any] = {
    "clusterlink_image_tag": STAND_IN,
    "clusterlink_dataplane": "go",
    "clusterlink_dataplane_replicas": 3,
    "clusterlink_dataplane_resources": {"requests": {"cpu": "5m"}},
    "upgrade_canary": TWO,
}
RATE: dict[str, Any] = {"rate": 6, "lead": 3}
MOST = 3
"""Requests that a busy machine may cost, of some two thousand."""


@pytest.fixture(scope="module")
def mesh(clusters: Clusters, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FullMesh]:
    mesh = FullMesh(clusters, kubectl, (ONE, TWO), tmp_path_factory.mktemp("fabric"))
    mesh.variables |= {"clusterlink_controlplane_replicas": 2, "clusterlink_dataplane_replicas": 2}
    for context in mesh.contexts.values():
        for component in ("cl-controlplane", "cl-dataplane", "cl-go-dataplane"):
            image = f"ghcr.io/clusterlink-net/{component}"
            tag = ("ctr", "--namespace=k8s.io", "images", "tag", "--force", f"{image}:v0.4.1", f"{image}:{STAND_IN}")
            on_node(context, *tag)
    with populated(mesh, kubectl):
        mesh.must("site")
        yield mesh


def words(output: str) -> str:
    """An output without its line breaks."""
    return re.sub(r"\s+", " ", output)


def test_a_restart_by_hand_control_planes_first_loses_hardly_a_request(mesh: FullMesh, kubectl: Kubectl) -> None:
    with mesh.counted(**RATE) as count:
        for part in ("deployment/cl-controlplane", "deployment/cl-dataplane"):
            for context in mesh.contexts.values():
                kubectl("rollout", "restart", part, SYSTEM, context=context)
            for context in mesh.contexts.values():
                kubectl("rollout", "status", part, SYSTEM, "--timeout=180s", context=context)
        for context in mesh.contexts.values():  # the old control planes drain
            wait_until_none_ends(kubectl, context)
    assert count.failed <= MOST


def wait_until_none_ends(kubectl: Kubectl, context: str) -> None:
    pods = kubectl.json("get", "pods", SYSTEM, context=context)["items"]
    ending = [f"pod/{pod['metadata']['name']}" for pod in pods if "deletionTimestamp" in pod["metadata"]]
    if ending:
        kubectl("wait", "--for=delete", "--timeout=180s", SYSTEM, *ending, context=context)


def test_an_unsupported_version_is_refused(mesh: FullMesh) -> None:
    refused = mesh.play("upgrade", clusterlink_version="v9.9.9")
    assert refused.code != 0
    assert "v9.9.9" in refused.output


def test_check_mode_shows_the_steps(mesh: FullMesh) -> None:
    assert f"{TWO} (canary)" in words(mesh.must("upgrade", "--check", **ANOTHER).output)


def test_an_upgrade_goes_peer_by_peer_and_loses_hardly_a_request(mesh: FullMesh) -> None:
    with mesh.counted(**RATE) as count:
        upgraded = mesh.must("upgrade", **ANOTHER)
    assert count.failed <= MOST
    _before, *plays = upgraded.output.split("PLAY [Upgrade one peer after the other]")
    assert list(dict.fromkeys(re.findall(rf"changed: \[({ONE}|{TWO})", "".join(plays)))) == [TWO, ONE]


def test_an_upgrade_to_missing_images_is_rolled_back_and_loses_hardly_a_request(mesh: FullMesh) -> None:
    nowhere = {**ANOTHER, "clusterlink_image_tag": "nowhere", "clusterlink_wait_timeout": 25}
    with mesh.counted(**RATE) as count:
        stopped = words(mesh.must("upgrade", code=2, **nowhere).output)
    assert count.failed <= MOST
    assert f"The upgrade stops at {TWO}" in stopped
    assert "ImagePull" in stopped
    assert "All links, exports, imports and answers are as before" in stopped
    still = mesh.must("upgrade", "--check", **ANOTHER).output
    assert len([line for line in still.splitlines() if "- nothing" in line]) == len((ONE, TWO))


def test_an_upgrade_that_cuts_links_is_rolled_back_and_the_counter_sees_it(mesh: FullMesh) -> None:
    cutting = {**ANOTHER, "clusterlink_ingress_port": 32321, "clusterlink_probe_timeout": 5}
    with mesh.counted(**RATE) as count:
        stopped = words(mesh.must("upgrade", code=2, **cutting).output)
    assert count.failed >= 1
    assert re.search(rf"{ONE}. (Peer {TWO} was reachable|{mesh.namespace}/web-{TWO})", stopped), stopped
    assert "All links, exports, imports and answers are as before" in stopped


def test_site_goes_back_to_the_inventory_and_loses_hardly_a_request(mesh: FullMesh) -> None:
    with mesh.counted(**RATE) as count:
        mesh.must("site")
    assert count.failed <= MOST
