# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operator cannot do is refused, with its option and what to do."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.operator.instance import image_source
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.options import gateway_spec

MIRROR = "registry.example.com:5000/mirror"


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"namespace": "clusterlink-operator"}, "namespace"),
        ({"controlplane_replicas": 2}, "controlplane_replicas"),
        ({"dataplane_replicas": 11}, "dataplane_replicas"),
        ({"controlplane_drain_seconds": 90}, "controlplane_drain_seconds"),
        ({"dataplane_drain_seconds": 5}, "dataplane_drain_seconds"),
        ({"controlplane_resources": {"requests": {"cpu": "1"}}}, "controlplane_resources"),
        ({"dataplane_resources": {"limits": {"cpu": "1"}}}, "dataplane_resources"),
        ({"image_pull_secrets": ["registry"]}, "image_pull_secrets"),
        ({"node_selector": {"pool": "edge"}}, "node_selector"),
        ({"images": {"controlplane": f"{MIRROR}/cl-controlplane@sha256:{'a' * 64}"}}, "images"),
        ({"images": {"dataplane": f"{MIRROR}/envoy-gateway:v0.4.1"}}, "images"),
        ({"images": {"dataplane": f"{MIRROR}/cl-dataplane:v0.4.1"}}, "images"),
        ({"images": {"dataplane": "cl-dataplane:v0.4.1"}}, "images"),
        ({"labels": {"region": "eu", "zone": "a"}}, "labels"),
        ({"log_level": "fatal"}, "log_level"),
    ],
)
def test_what_it_cannot_do_is_refused(options: dict[str, Any], where: str) -> None:
    with pytest.raises(ClusterlinkError) as refused:
        gateway_spec({"peer": "east", "install": "operator", **options})
    [problem] = refused.value.problems
    assert problem.where == where
    assert "clusterlink_install" in problem.fix or where == "namespace"
    gateway_spec({"peer": "east", "install": "direct", **options})


def test_all_that_it_cannot_do_is_said_at_once() -> None:
    with pytest.raises(ClusterlinkError) as refused:
        gateway_spec({"peer": "east", "install": "operator", "controlplane_replicas": 3, "image_pull_secrets": ["a"]})
    assert len(refused.value.problems) == 2


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"labels": {"region": "eu"}, "log_level": "warn", "dataplane_replicas": 10, "dataplane": "go"},
        {"log_level": "fatal", "dataplane": "go"},
        {"controlplane_resources": {}, "dataplane_resources": {}, "image_pull_secrets": []},
        {"ingress_type": "LoadBalancer", "ingress_port": 8443, "ingress_annotations": {"a": "b"}},
    ],
)
def test_what_it_can_do_is_taken(options: dict[str, Any]) -> None:
    spec = gateway_spec({"peer": "east", "install": "operator", **options})
    assert (spec.controlplane.resources, spec.dataplane.resources) == ({}, {})


def test_whole_names_of_images_are_taken_where_they_are_of_one_registry_and_tag() -> None:
    images = {"controlplane": f"{MIRROR}/cl-controlplane:patched", "dataplane": f"{MIRROR}/cl-go-dataplane:patched"}
    spec = gateway_spec({"peer": "east", "install": "operator", "dataplane": "go", "images": images})
    assert image_source(spec) == (MIRROR, "patched")
