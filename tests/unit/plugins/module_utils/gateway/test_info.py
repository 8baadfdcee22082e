# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a gateway runs, as options that make the same gateway again. Real gateways are read in tests/integration."""

from __future__ import annotations

import copy
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.info import gateway_state, running_options
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.manifests import gateway_objects
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.options import gateway_spec
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.components import ComponentCertificates
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.peer_material import PeerMaterial
from tests.support.waiting import PATIENCE_SECONDS
from tests.unit.fakes import MemoryCluster

Object = dict[str, Any]
SPACE = "clusterlink-system"


class ClusterResources:
    """Stands for a cluster with some objects."""

    clock = None

    def __init__(self, *objects: Object) -> None:
        self.objects = objects

    def get(self, kind: str, name: str, _namespace: str) -> Object | None:
        found = (each for each in self.objects if (each["kind"], each["metadata"]["name"]) == (kind, name))
        return next(found, None)

    def list(self, kind: str, _namespace: str = "", **_how: str) -> list[Object]:
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


class Meeting(ClusterResources):
    """Answers when everything that a gateway always has is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self._meeting = threading.Barrier(5, timeout=PATIENCE_SECONDS)

    def get(self, kind: str, name: str, namespace: str) -> Object | None:
        self._meeting.wait()
        return super().get(kind, name, namespace)

    def list(self, kind: str, _namespace: str = "", **_how: str) -> list[Object]:
        self._meeting.wait()
        return super().list(kind)


def test_a_gateways_objects_and_pods_are_read_side_by_side() -> None:
    assert not gateway_state(Meeting(), SPACE)["installed"]


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


PEER = PeerMaterial(certificate_pem="leaf", key_pem="key", ca_pem="ca")
COMPONENTS = ComponentCertificates("ca", "cert", "key", "cert", "key")

AMOUNTS = st.fixed_dictionaries({}, optional={"cpu": st.just("100m"), "memory": st.just("1Gi")})
RESOURCES = st.fixed_dictionaries({}, optional={"requests": AMOUNTS, "limits": AMOUNTS})
NAMES = st.text("abc", min_size=1, max_size=3)
TERMS = {"nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Exists"}]}]}
SPREAD = st.fixed_dictionaries(
    {"maxSkew": st.just(1), "topologyKey": st.sampled_from(["kubernetes.io/hostname", "zone"])},
    optional={"matchLabelKeys": st.just(["a"]), "labelSelector": st.just({"matchLabels": {"app": "cl-dataplane"}})},
).map(lambda each: {**each, "whenUnsatisfiable": "ScheduleAnyway"})
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "image_registry": st.sampled_from(["ghcr.io/clusterlink-net", "registry.example.com:5000/mirror"]),
        "image_tag": st.sampled_from(["v0.4.1", "v0.4.1-patched"]),
        "image_pull_secrets": st.lists(NAMES, unique=True),
        "image_pull_policy": st.sampled_from(["Always", "IfNotPresent", "Never"]),
        "user_ids": st.sampled_from(["auto", "fixed", "platform"]),
        "node_selector": st.dictionaries(NAMES, NAMES),
        "tolerations": st.lists(st.fixed_dictionaries({"key": NAMES, "operator": st.just("Exists")})),
        "affinity": st.sampled_from([{}, {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": TERMS}}]),
        "topology_spread_constraints": st.lists(SPREAD, max_size=2),
        "priority_class_name": NAMES,
        "pod_labels": st.dictionaries(st.one_of(NAMES, st.just("sidecar.istio.io/inject")), NAMES),
        "pod_annotations": st.dictionaries(st.one_of(NAMES, st.just("linkerd.io/inject")), NAMES),
        "dataplane": st.sampled_from(["envoy", "go"]),
        "controlplane_replicas": st.integers(1, 4),
        "dataplane_replicas": st.integers(1, 4),
        "controlplane_drain_seconds": st.just(0) | st.integers(5, 3600),
        "dataplane_drain_seconds": st.just(0) | st.integers(5, 3600),
        "controlplane_resources": RESOURCES,
        "dataplane_resources": RESOURCES,
        "log_level": st.sampled_from(["fatal", "error", "warn", "info", "debug"]),
        "labels": st.dictionaries(NAMES, NAMES),
        "ingress_type": st.sampled_from(["NodePort", "LoadBalancer", "none"]),
        "ingress_port": st.integers(30000, 32767),
        "ingress_annotations": st.dictionaries(NAMES, NAMES),
        "ingress_ip_family_policy": st.sampled_from(["PreferDualStack", "RequireDualStack"]),
    },
)


def made(options: Object) -> dict[tuple[str, str], Object]:
    objects = gateway_objects(gateway_spec({"peer": "east", **options}), PEER, COMPONENTS)
    return {(obj["kind"], obj["metadata"]["name"]): obj for obj in objects}


def read_back(objects: dict[tuple[str, str], Object], version: str = "v0.4.1") -> Object:
    return running_options(
        objects["Deployment", "cl-controlplane"],
        objects["Deployment", "cl-dataplane"],
        MemoryCluster.stored(objects["Service", "clusterlink"]),
        version,
        objects.get(("HorizontalPodAutoscaler", "cl-dataplane")),
    )


@given(OPTIONS)
def test_the_options_read_from_a_gateway_make_it_again(options: Object) -> None:
    objects = made(options)
    assert made(read_back(objects)) == objects


@pytest.mark.parametrize("most", [1, 3])
def test_an_autoscaler_is_read_back_with_the_pods_that_it_allows_for(most: int) -> None:
    objects = made({"dataplane_autoscaling": {"min": 1, "max": most, "cpu": 60}})
    found = read_back(objects)
    assert (found["dataplane_autoscaling"], found["topology_spread_constraints"]) == (
        {"min": 1, "max": most, "cpu": 60},
        None,
    )
    assert made(found) == objects


def test_the_options_are_read_from_our_container_wherever_a_webhook_puts_its_own() -> None:
    objects = made({})
    for name in ("cl-controlplane", "cl-dataplane"):
        objects["Deployment", name]["spec"]["template"]["spec"]["containers"].insert(0, {"name": "x", "image": "x:1"})
    assert read_back(objects) == read_back(made({}))


def test_what_kubernetes_adds_to_a_template_is_no_option() -> None:
    objects = made({})
    metadata = objects["Deployment", "cl-controlplane"]["spec"]["template"]["metadata"]
    metadata["labels"]["pod-template-hash"] = "abc"
    metadata["annotations"]["kubectl.kubernetes.io/restartedAt"] = "2026-01-31T12:00:00Z"
    found = read_back(objects)
    assert (found["pod_labels"], found["pod_annotations"]) == ({}, {})


def test_images_that_are_pinned_or_named_otherwise_are_kept_whole() -> None:
    images = {"controlplane": f"mirror.example.com/cp@sha256:{'a' * 64}", "dataplane": "mirror.example.com/dp:7"}
    objects = made({"images": images, "dataplane": "go", "log_level": "warn"})
    assert read_back(objects)["images"] == images
    assert made(read_back(objects)) == objects


def test_a_known_image_tells_the_kind_of_a_data_plane_whatever_it_does_before_it_ends() -> None:
    for kind, other in (("envoy", "go"), ("go", "envoy")):
        objects, others = made({"dataplane": kind}), made({"dataplane": other})
        container, theirs = (
            each["Deployment", "cl-dataplane"]["spec"]["template"]["spec"]["containers"][0]
            for each in (objects, others)
        )
        container["lifecycle"] = theirs["lifecycle"]
        assert read_back(objects)["dataplane"] == kind


def test_a_version_that_is_not_supported_is_not_asked_for() -> None:
    assert read_back(made({}), version="v0.3.0")["version"] is None
