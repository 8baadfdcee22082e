# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ClusterLink's operator cannot do (v0.4.1, pkg/operator/controller/instance_controller.go). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...clusterlink.versions import ENVOY, RELEASES
from ...errors import Problem
from .identity import NAMESPACE

if TYPE_CHECKING:
    from ..spec import Component, GatewaySpec

OPERATOR_LOG_LEVELS = {"warn": "warning"}
"""Levels that an Instance calls otherwise."""

_MOST_REPLICAS = 10
_FIX = "Set install (clusterlink_install) to direct"


def operator_problems(spec: GatewaySpec) -> list[Problem]:
    """Whatever of a gateway the operator could not make."""
    return list(_problems(spec))


def image_source(spec: GatewaySpec) -> tuple[str, str]:
    """The registry and the tag of all images; both empty where the operator could not name the images so."""
    release = RELEASES[spec.version]
    found = set()
    for image, name in (
        (spec.controlplane.image, release.controlplane_image),
        (spec.dataplane.image, release.dataplane_images[spec.dataplane_kind]),
    ):
        path, _colon, tag = image.rpartition(":")
        registry, slash, last = path.rpartition("/")
        if "@" in image or not slash or last != name:
            return "", ""
        found.add((registry, tag))
    return found.pop() if len(found) == 1 else ("", "")


def _component_problems(name: str, component: Component) -> Iterator[Problem]:
    if component.drain_seconds:
        what = "the operator's pods end at once"
        yield Problem(f"{name}_drain_seconds", what, str(component.drain_seconds), _FIX)
    if component.resources:
        what = "the operator gives pods neither requests nor limits"
        yield Problem(f"{name}_resources", what, str(component.resources), _FIX)


def _problems(spec: GatewaySpec) -> Iterator[Problem]:
    if spec.namespace == NAMESPACE:
        yield Problem("namespace", "the operator itself lives there", spec.namespace, "Choose another")
    if spec.controlplane.replicas > 1:
        what = "the operator makes one control plane pod, and no more"
        yield Problem("controlplane_replicas", what, str(spec.controlplane.replicas), _FIX)
    if spec.dataplane.replicas > _MOST_REPLICAS:
        what = f"the operator makes {_MOST_REPLICAS} data plane pods at most"
        yield Problem("dataplane_replicas", what, str(spec.dataplane.replicas), _FIX)
    for name, component in (("controlplane", spec.controlplane), ("dataplane", spec.dataplane)):
        yield from _component_problems(name, component)
    if spec.pull_secrets:
        what = "the operator gives pods no credentials of registries"
        yield Problem("image_pull_secrets", what, ", ".join(spec.pull_secrets), _FIX)
    if image_source(spec) == ("", ""):
        what = "the operator takes all images from one registry, by their own names and with one tag"
        fix = f"Use image_registry and image_tag, or: {_FIX}"
        yield Problem("images", what, f"{spec.controlplane.image}, {spec.dataplane.image}", fix)
    if len(spec.labels) > 1:
        # It reads them from a Go map, in another order each time, and writes them into the pods' arguments.
        what = "with more than one label the operator restarts the control plane again and again"
        yield Problem("labels", what, ", ".join(sorted(spec.labels)), f"Keep one, or: {_FIX}")
    if spec.log_level == "fatal" and spec.dataplane_kind == ENVOY:
        what = "Envoy knows no level of this name, and the operator hands it on as it is"
        yield Problem("log_level", what, spec.log_level, f"Use error, or: {_FIX}")
