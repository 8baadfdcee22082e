# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs, read back as options, makes the same objects again."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.manifests import gateway_objects
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.running_options import running_options
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.spec import gateway_spec
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.components import ComponentCertificates
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.peer_material import PeerMaterial

PEER = PeerMaterial(certificate_pem="leaf", key_pem="key", ca_pem="ca")
COMPONENTS = ComponentCertificates("ca", "cert", "key", "cert", "key")
Object = dict[str, Any]

AMOUNTS = st.fixed_dictionaries({}, optional={"cpu": st.just("100m"), "memory": st.just("1Gi")})
RESOURCES = st.fixed_dictionaries({}, optional={"requests": AMOUNTS, "limits": AMOUNTS})
NAMES = st.text("abc", min_size=1, max_size=3)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "image_registry": st.sampled_from(["ghcr.io/clusterlink-net", "registry.example.com:5000/mirror"]),
        "image_tag": st.sampled_from(["v0.4.1", "v0.4.1-patched"]),
        "image_pull_secrets": st.lists(NAMES, unique=True),
        "dataplane": st.sampled_from(["envoy", "go"]),
        "controlplane_replicas": st.integers(1, 4),
        "dataplane_replicas": st.integers(1, 4),
        "controlplane_drain_seconds": st.integers(5, 3600),
        "dataplane_drain_seconds": st.integers(5, 3600),
        "controlplane_resources": RESOURCES,
        "dataplane_resources": RESOURCES,
        "log_level": st.sampled_from(["fatal", "error", "warn", "info", "debug"]),
        "labels": st.dictionaries(NAMES, NAMES),
        "ingress_type": st.sampled_from(["NodePort", "LoadBalancer", "none"]),
        "ingress_port": st.integers(30000, 32767),
        "ingress_annotations": st.dictionaries(NAMES, NAMES),
    },
)


def made(options: Object) -> dict[tuple[str, str], Object]:
    objects = gateway_objects(gateway_spec({"peer": "east", **options}), PEER, COMPONENTS)
    return {(obj["kind"], obj["metadata"]["name"]): obj for obj in objects}


def read_back(objects: dict[tuple[str, str], Object], version: str = "v0.4.1") -> Object:
    return running_options(
        objects["Deployment", "cl-controlplane"],
        objects["Deployment", "cl-dataplane"],
        objects["Service", "clusterlink"],
        version,
    )


@given(OPTIONS)
def test_the_options_read_from_a_gateway_make_it_again(options: Object) -> None:
    objects = made(options)
    assert made(read_back(objects)) == objects


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
