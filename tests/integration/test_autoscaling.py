# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who owns a Deployment's number of pods, as a real API server decides it: the gateway's options, or an autoscaler."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.gateways import Fabric

if TYPE_CHECKING:
    from tests.support.ansible import Ansible
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

SPACE = "gateway-autoscaling"
HERE = f"--namespace={SPACE}"
SCALING = {"min": 2, "max": 6}


@pytest.fixture
def east(kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The arguments that every gateway needs; what is made of them goes."""
    peer = Fabric(tmp_path_factory.mktemp("fabric")).peer("east")
    yield {**peer, "namespace": SPACE, "ingress_type": "none", "wait": False}
    kubectl.remove_namespace(SPACE)
    role = f"clusterlink:{SPACE}:cl-controlplane"
    kubectl("delete", "clusterrole,clusterrolebinding", role, "--ignore-not-found")
    kubectl.remove_definitions()


def test_autoscaler_sets_the_number_of_pods_as_long_as_there_is_one(
    run_module: Ansible, kubectl: Kubectl, east: dict[str, Any]
) -> None:
    def install(**options: Any) -> tuple[bool, int]:
        """Whether it changed something, and how many data plane pods there are to be."""
        result = run_module("gateway", {**east, **options})
        assert not result.get("failed"), result.get("msg")
        found = kubectl.json("get", "deployment", "cl-dataplane", HERE)
        return result["changed"], found["spec"]["replicas"]

    def scale(number: int) -> None:
        patch = f'{{"spec": {{"replicas": {number}}}}}'
        kubectl(
            *("patch", "deployment", "cl-dataplane", HERE, "--subresource=scale", "--type=merge", f"--patch={patch}"),
            "--field-manager=kube-controller-manager",
        )

    assert install(dataplane_replicas=3) == (True, 3)
    assert install(dataplane_autoscaling=SCALING) == (True, 3)
    assert install(dataplane_autoscaling=SCALING) == (False, 3)
    scale(5)
    assert install(dataplane_autoscaling=SCALING) == (False, 5)
    assert install(dataplane_autoscaling=SCALING, image_tag="patched") == (True, 5)
    state = run_module("gateway_info", {"namespace": SPACE})
    assert state["options"]["dataplane_autoscaling"] == {"min": 2, "max": 6, "cpu": 80}
    assert install(dataplane_replicas=3) == (True, 3)
    assert kubectl("get", "horizontalpodautoscaler", HERE, "--output=name") == ""
    assert install(dataplane_replicas=3) == (False, 3)
