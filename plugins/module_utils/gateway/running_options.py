# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway that runs, as the options that would make it: what an upgrade goes back to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from ..clusterlink.versions import ENVOY, GO, RELEASES
from .operator.limits import OPERATOR_LOG_LEVELS
from .spec import DRAIN_SECONDS, LOAD_BALANCER, NO_INGRESS, NODE_PORT
from .workloads import GRACE_SECONDS

Object = Mapping[str, Any]


def running_options(controlplane: Object, dataplane: Object, ingress: Object, version: str) -> dict[str, Any]:
    """The options of module C(gateway) that would make what runs, images by their whole names.

    Args:
        controlplane: Its Deployment, with the template of the pods that run.
        dataplane: The same.
        ingress: The ingress Service, with those annotations that somebody asked for. A node port is told also where the
            cluster chose it: to go back to another one would cut links.
        version: What is known of the version; one that is not supported is left out.
    """
    pod = controlplane["spec"]["template"]["spec"]
    images = {"controlplane": _container(controlplane)["image"], "dataplane": _container(dataplane)["image"]}
    return {
        "version": version if version in RELEASES else None,
        "images": images,
        "image_pull_secrets": [each["name"] for each in pod.get("imagePullSecrets") or []],
        "dataplane": _kind(_container(dataplane)),
        "controlplane_replicas": controlplane["spec"].get("replicas", 1),
        "dataplane_replicas": dataplane["spec"].get("replicas", 1),
        "controlplane_drain_seconds": _drain_seconds(controlplane),
        "dataplane_drain_seconds": _drain_seconds(dataplane),
        "controlplane_resources": _resources(controlplane),
        "dataplane_resources": _resources(dataplane),
        "log_level": _log_level(controlplane),
        "labels": dict(label.split("=", 1) for label in _values(controlplane, "--peer-label")),
        **_ingress(ingress),
    }


def _container(deployment: Object) -> Mapping[str, Any]:
    found: Mapping[str, Any] = deployment["spec"]["template"]["spec"]["containers"][0]
    return found


def _resources(deployment: Object) -> dict[str, Any]:
    return {group: dict(amounts) for group, amounts in (_container(deployment).get("resources") or {}).items()}


def _drain_seconds(deployment: Object) -> int | None:
    """How long a pod keeps serving when it is replaced; None where it ends at once, as the operator's do."""
    if not _container(deployment).get("lifecycle"):
        return None
    seconds: int = deployment["spec"]["template"]["spec"].get("terminationGracePeriodSeconds", 0)
    return max(seconds - GRACE_SECONDS, DRAIN_SECONDS[0])


def _values(deployment: Object, option: str) -> list[str]:
    """What an option is given in a container's arguments, each time."""
    words: Sequence[str] = _container(deployment).get("args") or []
    return [value for word, value in pairwise(words) if word == option]


def _log_level(controlplane: Object) -> str | None:
    """The level as option C(log_level) calls it; an Instance calls some otherwise."""
    level = next(iter(_values(controlplane, "--log-level")), None)
    return next((ours for ours, theirs in OPERATOR_LOG_LEVELS.items() if theirs == level), level)


def _kind(container: Mapping[str, Any]) -> str:
    """The kind of data plane by its image's name, or, where that says nothing, by what it does before it ends."""
    name = container["image"].partition("@")[0].rpartition("/")[2].partition(":")[0]
    known = {image: kind for release in RELEASES.values() for kind, image in release.dataplane_images.items()}
    if name in known:
        return known[name]
    before_end = (container.get("lifecycle") or {}).get("preStop") or {}
    return GO if "sleep" in before_end else ENVOY  # as C(workloads) makes them


def _ingress(service: Object) -> dict[str, Any]:
    kind = service["spec"].get("type")
    port = (service["spec"].get("ports") or [{}])[0]
    ports = {NODE_PORT: port.get("nodePort"), LOAD_BALANCER: port.get("port")}
    return {
        "ingress_type": kind if kind in ports else NO_INGRESS,
        "ingress_port": ports.get(kind),
        "ingress_annotations": dict(service["metadata"].get("annotations") or {}),
    }
