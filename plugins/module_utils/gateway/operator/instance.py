# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Instance: what ClusterLink's operator makes a gateway from, and what the operator cannot do. Pure.

Field names, values and defaults are those of pkg/apis/clusterlink.net/v1alpha1/instance_types.go in ClusterLink v0.4.1,
the limits those of pkg/operator/controller/instance_controller.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...clusterlink import api, names, schema
from ...clusterlink.gateway_kinds import INGRESS_TYPES, LOAD_BALANCER, NO_INGRESS
from ...clusterlink.versions import DATAPLANES, ENVOY, RELEASES
from ...errors import Problem
from ...kube.pod_settings import set_options
from ..spec import Component, GatewaySpec
from . import identity as operator

Object = Mapping[str, Any]

OPERATOR_LOG_LEVELS = {"warn": "warning"}
"""The log levels that have another name in an Instance."""

_MOST_REPLICAS = 10
_FIX = "Set install (clusterlink_install) to direct"

DEPLOYMENT_READY, SERVICE_READY = "DeploymentReady", "ServiceReady"

# Unlike other kinds, an Instance has its conditions by type, not in a list.
_CONDITIONS: schema.Schema = {
    "type": "object",
    "description": "What the operator found out, by type.",
    "additionalProperties": schema.CONDITION,
}
_COMPONENT_STATUS: dict[str, schema.Schema] = {"conditions": _CONDITIONS}
_STATUS = schema.record(
    "What the operator found out about the gateway.",
    {
        "controlplane": schema.record("About the control plane.", _COMPONENT_STATUS),
        "dataplane": schema.record("About the data plane.", _COMPONENT_STATUS),
        "ingress": schema.record(
            "About the ingress.",
            {
                **_COMPONENT_STATUS,
                "ip": schema.text("Its address, or pending."),
                "port": {"type": "integer", "format": "int32", "description": "Its port."},
            },
        ),
    },
)
_SPEC = schema.record(
    "The desired gateway.",
    {
        "dataplane": schema.record(
            "The data plane.",
            {
                "type": schema.text("Its kind.", enum=list(DATAPLANES), default=ENVOY),
                "replicas": {**schema.number("How many pods it has.", 1, 10), "default": 1},
            },
        ),
        "ingress": schema.record(
            "How other peers come in.",
            {
                "type": schema.text("The type of its Service.", enum=list(INGRESS_TYPES), default=NO_INGRESS),
                "port": {"type": "integer", "format": "int32", "description": "The node's or the balancer's port."},
                "annotations": schema.texts_by_key("Of its Service."),
            },
        ),
        "logLevel": schema.text(
            "How much it logs.", enum=["trace", "debug", "info", "warning", "error", "fatal"], default="info"
        ),
        "containerRegistry": schema.text("Where images come from."),
        "tag": schema.text("The tag of the images.", default="latest"),
        "namespace": schema.text("The gateway's namespace.", default=api.SYSTEM_NAMESPACE),
        "peerLabels": schema.texts_by_key("The peer's labels, on which access policies can select."),
    },
)


def instance_crd() -> dict[str, Any]:
    """The CustomResourceDefinition that the operator needs besides those of every gateway."""
    return schema.definition(
        "Instance",
        "A gateway that the operator makes.",
        _SPEC,
        singular="instance",
        plural="instances",
        status=_STATUS,
        spec_required=False,
        columns=(
            {"name": "Namespace", "type": "string", "jsonPath": ".spec.namespace"},
            {"name": "Tag", "type": "string", "jsonPath": ".spec.tag"},
        ),
    )


def instance(spec: GatewaySpec, labels: Mapping[str, str], digest: str) -> dict[str, Any]:
    """The Instance for a gateway.

    Args:
        spec: The desired gateway, within the operator's limits.
        labels: The Instance's labels.
        digest: Changes with the component certificates. It records those with which the pods were started: the operator
            sets no annotations on pods, and removes those that others set on their template.
    """
    registry, tag = image_source(spec)
    ingress: dict[str, Any] = {"type": spec.ingress.type}
    port = spec.ingress.port if spec.ingress.type == LOAD_BALANCER else spec.ingress.node_port
    if port:
        ingress["port"] = port
    if spec.ingress.annotations:
        ingress["annotations"] = dict(spec.ingress.annotations)
    wanted: dict[str, Any] = {
        "dataplane": {"type": spec.dataplane_kind, "replicas": spec.dataplane.replicas},
        "ingress": ingress,
        "logLevel": OPERATOR_LOG_LEVELS.get(spec.log_level, spec.log_level),
        "containerRegistry": registry,
        "tag": tag,
        "namespace": spec.namespace,
    }
    if spec.labels:
        wanted["peerLabels"] = dict(spec.labels)
    return {
        "apiVersion": api.API_VERSION,
        "kind": "Instance",
        "metadata": {
            "name": operator.INSTANCE,
            "namespace": operator.NAMESPACE,
            "labels": dict(labels),
            "annotations": {names.COMPONENT_CERTIFICATES: digest},
        },
        "spec": wanted,
    }


def unready_instance(obj: Object | None) -> str:
    """Why the operator does not report a gateway as ready; empty when it does.

    It expects a Service of the data plane that it never creates (v0.4.1, checkDataplaneStatus), which does not count.
    """
    if obj is None:
        return "it does not exist"
    status = obj.get("status") or {}
    wanted = [("controlplane", DEPLOYMENT_READY), ("controlplane", SERVICE_READY), ("dataplane", DEPLOYMENT_READY)]
    if ((obj.get("spec") or {}).get("ingress") or {}).get("type", NO_INGRESS) != NO_INGRESS:
        wanted.append(("ingress", SERVICE_READY))
    return "; ".join(reason for part, name in wanted if (reason := _unmet(status, part, name)))


def _unmet(status: Object, part: str, name: str) -> str:
    condition = ((status.get(part) or {}).get("conditions") or {}).get(name)
    if condition is None:
        return f"its operator has not reported whether {part} is {name}"
    if condition.get("status") == "True":
        return ""
    because = ", ".join(text for key in ("reason", "message") if (text := str(condition.get(key) or "")))
    return f"{part}: {name} is {condition.get('status')}" + (f" ({because})" if because else "")


def operator_problems(spec: GatewaySpec) -> list[Problem]:
    """Everything about a gateway that is beyond the operator's limits."""
    return list(_problems(spec))


def image_source(spec: GatewaySpec) -> tuple[str, str]:
    """The registry and the tag of all images; both empty where the images have no common ones."""
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
    if component.autoscaling:
        what = "the operator sets the number of pods itself, and would fight with an autoscaler"
        yield Problem(f"{name}_autoscaling", what, fix=_FIX)
    if component.resources:
        what = "the operator gives pods neither requests nor limits"
        yield Problem(f"{name}_resources", what, str(component.resources), _FIX)


def _problems(spec: GatewaySpec) -> Iterator[Problem]:
    if spec.namespace == operator.NAMESPACE:
        yield Problem("namespace", "the operator itself lives there", spec.namespace, "Choose another")
    if spec.controlplane.replicas > 1:
        what = "the operator makes only one control plane pod"
        yield Problem("controlplane_replicas", what, str(spec.controlplane.replicas), _FIX)
    if spec.dataplane.replicas > _MOST_REPLICAS:
        what = f"the operator makes {_MOST_REPLICAS} data plane pods at most"
        yield Problem("dataplane_replicas", what, str(spec.dataplane.replicas), _FIX)
    for name, component in (("controlplane", spec.controlplane), ("dataplane", spec.dataplane)):
        yield from _component_problems(name, component)
    for option, value in set_options(spec.pods).items():
        if option != "user_ids":  # the pods that it makes set none, and it itself sets them as the option says
            yield Problem(option, "the operator's pods have no such setting", str(value), _FIX)
    if image_source(spec) == ("", ""):
        what = "the operator takes all images from one registry, by their own names and with one tag"
        fix = f"Use image_registry and image_tag, or: {_FIX}"
        yield Problem("images", what, f"{spec.controlplane.image}, {spec.dataplane.image}", fix)
    if len(spec.labels) > 1:
        # It writes them into the pods' arguments in the order of a Go map, which changes each time.
        what = "with more than one label the operator restarts the control plane again and again"
        yield Problem("labels", what, ", ".join(sorted(spec.labels)), f"Keep one, or: {_FIX}")
    if spec.log_level == "fatal" and spec.dataplane_kind == ENVOY:
        what = "Envoy has no level of this name, and the operator passes it on unchanged"
        yield Problem("log_level", what, spec.log_level, f"Use error, or: {_FIX}")
