# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a gateway to go back to. Real gateways are read in tests/integration."""

from __future__ import annotations

import copy
from typing import Any

from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.info import gateway_state
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.manifests import gateway_objects
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.spec import gateway_spec
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.components import ComponentCertificates
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.peer_material import PeerMaterial

Object = dict[str, Any]
SPACE = "clusterlink-system"


class ClusterResources:
    """Stands for a cluster with some objects."""

    def __init__(self, *objects: Object) -> None:
        self.objects = objects

    def get(self, kind: str, name: str, _namespace: str) -> Object | None:
        found = (each for each in self.objects if (each["kind"], each["metadata"]["name"]) == (kind, name))
        return next(found, None)

    def list(self, kind: str, _namespace: str = "") -> list[Object]:
        return [each for each in self.objects if each["kind"] == kind]


def gateway(**options: Any) -> list[Object]:
    """A gateway that serves."""
    peer = PeerMaterial("leaf", "key", "ca")
    made = gateway_objects(
        gateway_spec({"peer": "east", "ingress_type": "none", **options}), peer, ComponentCertificates(*"abcde")
    )
    for obj in made:
        if obj["kind"] == "Deployment":
            number = obj["spec"]["replicas"]
            obj["metadata"] |= {"uid": obj["metadata"]["name"], "generation": 1}
            states = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
            obj["status"] = {"observedGeneration": 1, **dict.fromkeys(states, number)}
    return [obj for obj in made if obj["kind"] in ("Deployment", "Service")]


def options_of(*objects: Object) -> Object:
    found: Object = gateway_state(ClusterResources(*objects), SPACE)["options"]
    return found


def replica_set(name: str, owner: Object, image: str, ready: int) -> Object:
    template = copy.deepcopy(owner["spec"]["template"])
    template["spec"]["containers"][0]["image"] = image
    return {
        "kind": "ReplicaSet",
        "metadata": {"name": name, "namespace": SPACE, "ownerReferences": [{"uid": owner["metadata"]["uid"]}]},
        "spec": {"template": template},
        "status": {"readyReplicas": ready},
    }


def test_without_a_gateway_there_is_nothing_to_go_back_to() -> None:
    assert gateway_state(ClusterResources(), SPACE)["options"] is None


def test_a_gateway_that_serves_is_what_its_deployments_say() -> None:
    found = options_of(*gateway(image_tag="patched", dataplane_replicas=2, labels={"region": "eu"}))
    assert found["images"]["dataplane"] == "ghcr.io/clusterlink-net/cl-dataplane:patched"
    assert (found["dataplane_replicas"], found["labels"], found["version"]) == (2, {"region": "eu"}, "v0.4.1")


def test_while_a_change_does_not_come_up_it_is_what_the_pods_that_serve_run() -> None:
    objects = gateway(image_tag="broken")
    [dataplane] = [obj for obj in objects if obj["metadata"]["name"] == "cl-dataplane" and obj["kind"] == "Deployment"]
    dataplane["status"]["updatedReplicas"] = 0
    other = {**dataplane, "metadata": {**dataplane["metadata"], "uid": "another"}}
    sets = [
        replica_set("of-another", other, "other:1", 9),
        replica_set("new", dataplane, "broken:1", 0),
        replica_set("old", dataplane, "registry.example.com/cl-dataplane:good", 1),
    ]
    assert options_of(*objects, *sets)["images"]["dataplane"] == "registry.example.com/cl-dataplane:good"


def test_where_nothing_serves_it_is_what_the_deployments_say() -> None:
    objects = gateway(image_tag="broken")
    for obj in objects:
        if obj["kind"] == "Deployment":
            obj["status"] = {}
    assert options_of(*objects)["images"]["controlplane"].endswith(":broken")
