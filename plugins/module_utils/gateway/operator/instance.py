# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Instance: what ClusterLink's operator makes a gateway from. Pure.

Field names, values and defaults are those of pkg/apis/clusterlink.net/v1alpha1/instance_types.go in ClusterLink v0.4.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...clusterlink import api, names, schema
from ...clusterlink.versions import DATAPLANES, ENVOY
from ..spec import INGRESS_TYPES, LOAD_BALANCER, NO_INGRESS, GatewaySpec
from . import identity as operator
from .limits import OPERATOR_LOG_LEVELS, image_source

Object = Mapping[str, Any]

DEPLOYMENT_READY, SERVICE_READY = "DeploymentReady", "ServiceReady"

# Unlike other kinds, an Instance keeps its conditions by type, not in a list.
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
    "What the gateway shall be.",
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
        spec: What the gateway shall be, within what the operator can make.
        labels: The Instance's.
        digest: Changes with the component certificates. It says which ones the pods were started with: the operator
            gives pods no annotation, and takes away any that others give to their template.
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
    """Why the operator does not call a gateway ready; empty when it does.

    Of the data plane it wants a Service that it never makes (v0.4.1, checkDataplaneStatus): that one is left out.
    """
    if obj is None:
        return "it is not there"
    status = obj.get("status") or {}
    wanted = [("controlplane", DEPLOYMENT_READY), ("controlplane", SERVICE_READY), ("dataplane", DEPLOYMENT_READY)]
    if ((obj.get("spec") or {}).get("ingress") or {}).get("type", NO_INGRESS) != NO_INGRESS:
        wanted.append(("ingress", SERVICE_READY))
    return "; ".join(reason for part, name in wanted if (reason := _unmet(status, part, name)))


def _unmet(status: Object, part: str, name: str) -> str:
    condition = ((status.get(part) or {}).get("conditions") or {}).get(name)
    if condition is None:
        return f"its operator has not said whether {part} is {name}"
    if condition.get("status") == "True":
        return ""
    because = ", ".join(text for key in ("reason", "message") if (text := str(condition.get(key) or "")))
    return f"{part}: {name} is {condition.get('status')}" + (f" ({because})" if because else "")
