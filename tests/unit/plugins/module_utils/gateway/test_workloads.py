# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.manifests import gateway_objects
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.options import gateway_spec
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.components import ComponentCertificates
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.peer_material import PeerMaterial


@pytest.mark.parametrize(("controlplane", "dataplane"), [(1, 1), (2, 1), (1, 3), (2, 2)])
def test_who_drains_nodes_may_take_one_of_several_pods_and_keeps_none_for_a_single_one(
    controlplane: int, dataplane: int
) -> None:
    replicas = {"cl-controlplane": controlplane, "cl-dataplane": dataplane}
    spec = gateway_spec(
        {"peer": "east", "namespace": "links", "controlplane_replicas": controlplane, "dataplane_replicas": dataplane}
    )
    made = gateway_objects(spec, PeerMaterial("leaf", "key", "ca"), ComponentCertificates(*"abcde"))
    budgets = {obj["metadata"]["name"]: obj for obj in made if obj["kind"] == "PodDisruptionBudget"}
    assert set(budgets) == {name for name, number in replicas.items() if number > 1}
    for obj in made:
        if obj["kind"] == "Deployment" and obj["metadata"]["name"] in budgets:
            budget = budgets[obj["metadata"]["name"]]
            assert budget["metadata"]["namespace"] == "links"
            assert budget["spec"]["maxUnavailable"] == 1
            assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
            pods = obj["spec"]["template"]["metadata"]["labels"]
            assert budget["spec"]["selector"]["matchLabels"].items() <= pods.items()
