# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The definitions of ClusterLink's own kinds of object.

Field names, types and required fields are those of pkg/apis/clusterlink.net/v1alpha1 in ClusterLink v0.4.1, so that its
Go types read and write these objects. Beyond that, values that a gateway cannot use are refused when they are written:
a port that is none, an action that it ignores, and a balancing scheme that it does not know, which stops a control
plane of v0.4.1 at the first connection (LoadBalancer.Select leaves no source selected, and the caller does not look).
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink import api

Schema = dict[str, Any]

GROUP, VERSION = api.API_VERSION.split("/")
CRD_KIND = "CustomResourceDefinition"


def _text(description: str, **more: Any) -> Schema:
    return {"type": "string", "description": description, **more}


def _number(description: str, minimum: int, maximum: int) -> Schema:
    return {"type": "integer", "description": description, "minimum": minimum, "maximum": maximum}


def _port(description: str) -> Schema:
    return _number(description, 1, 65535)


def _list(description: str, items: Schema, **more: Any) -> Schema:
    return {"type": "array", "description": description, "items": items, **more}


def _object(description: str, properties: dict[str, Schema], *, required: tuple[str, ...] = ()) -> Schema:
    schema: Schema = {"type": "object", "description": description, "properties": properties}
    if required:
        schema["required"] = list(required)
    return schema


def _texts_by_key(description: str) -> Schema:
    return {"type": "object", "description": description, "additionalProperties": {"type": "string"}}


# metav1.Condition, as Kubernetes' API conventions define it.
_CONDITION = _object(
    "One thing that a control plane found out about the object.",
    {
        "type": _text(
            "What it is about.",
            maxLength=316,
            pattern=(
                r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
                r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
            ),
        ),
        "status": _text("Whether it holds.", enum=["True", "False", "Unknown"]),
        "reason": _text(
            "Why, in one word.", minLength=1, maxLength=1024, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"
        ),
        "message": _text("Why, in a sentence.", maxLength=32768),
        "lastTransitionTime": _text("Since when the status is what it is.", format="date-time"),
        "observedGeneration": {
            "type": "integer",
            "format": "int64",
            "minimum": 0,
            "description": "The generation of the object that was looked at.",
        },
    },
    required=("lastTransitionTime", "message", "reason", "status", "type"),
)
_CONDITIONS = _list("What the control plane found out about the object.", _CONDITION)

_SELECTOR_REQUIREMENT = _object(
    "A condition on one attribute.",
    {
        "key": _text("The attribute."),
        "operator": _text("How it is compared.", enum=["In", "NotIn", "Exists", "DoesNotExist"]),
        "values": _list(
            "What it is compared with: some for In and NotIn, none otherwise.",
            {"type": "string"},
            **{"x-kubernetes-list-type": "atomic"},
        ),
    },
    required=("key", "operator"),
)
_SELECTOR = _object(
    "A label selector over attributes; all of its conditions must hold, and an empty one selects everything.",
    {
        "matchLabels": _texts_by_key("Attributes and the value that each must have."),
        "matchExpressions": _list(
            "Conditions on attributes.", _SELECTOR_REQUIREMENT, **{"x-kubernetes-list-type": "atomic"}
        ),
    },
)
_WORKLOADS = _object(
    "Workloads, by their attributes.",
    {
        "workloadSelector": {**_SELECTOR, "x-kubernetes-map-type": "atomic"},
        "workloadSets": _list("Named sets of workloads; gateways do not support them yet.", {"type": "string"}),
    },
)

_PEER_SPEC = _object(
    "How the peer is reached.",
    {
        "gateways": _list(
            "Where its gateway listens.",
            _object(
                "One address of the gateway.",
                {"host": _text("A DNS name or an IP address."), "port": _port("A TCP port.")},
                required=("host", "port"),
            ),
        )
    },
    required=("gateways",),
)
_PEER_STATUS = _object(
    "What the control plane found out about the peer.",
    {"conditions": _CONDITIONS, "labels": _texts_by_key("The labels that the peer says it has.")},
)

_EXPORT_SPEC = _object(
    "What is offered.",
    {
        "host": _text("Where the service is; the Service of the object's own name and namespace unless set."),
        "port": _port("The service's TCP port."),
    },
)

_IMPORT_SPEC = _object(
    "What is imported, and from where.",
    {
        "port": _port("The TCP port that clients use."),
        "targetPort": _number(
            "The TCP port that the data plane listens on for this import; the control plane chooses one.", 0, 65535
        ),
        "lbScheme": _text(
            "How connections are spread over the sources.", enum=list(api.LB_SCHEMES), default=api.LB_SCHEMES[0]
        ),
        "sources": _list(
            "The peers that offer the service.",
            _object(
                "An export of one peer.",
                {
                    "peer": _text("The peer's name."),
                    "exportName": _text("The export's name."),
                    "exportNamespace": _text("The export's namespace."),
                },
                required=("peer", "exportName", "exportNamespace"),
            ),
        ),
    },
    # Upstream requires lbScheme, too, although it has a default: kubectl then refuses what the server would complete.
    required=("port", "sources"),
)

_POLICY_SPEC = _object(
    "Which connections, and what becomes of them.",
    {
        "action": _text("What becomes of a connection that matches.", enum=list(api.POLICY_ACTIONS)),
        "from": _list("The clients; one entry must match.", _WORKLOADS, minItems=1),
        "to": _list("The services; one entry must match.", _WORKLOADS, minItems=1),
    },
    required=("action", "from", "to"),
)


def _condition_column(name: str, condition: str) -> dict[str, str]:
    path = f'.status.conditions[?(@.type=="{condition}")].status'
    return {"name": name, "type": "string", "jsonPath": path}


_AGE_COLUMN = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}


def _crd(
    kind: str,
    description: str,
    spec: Schema,
    *,
    singular: str,
    plural: str,
    columns: tuple[dict[str, str], ...],
    status: Schema | None = None,
    namespaced: bool = True,
    spec_required: bool = True,
    rule: dict[str, str] | None = None,
) -> dict[str, Any]:
    properties: dict[str, Schema] = {
        "apiVersion": _text("The version of the API."),
        "kind": _text("The kind of object."),
        "metadata": {"type": "object"},
        "spec": deepcopy(spec),
    }
    if status:
        properties["status"] = deepcopy(status)
    schema = _object(description, properties, required=("spec",) if spec_required else ())
    if rule:
        schema["x-kubernetes-validations"] = [rule]
    version: dict[str, Any] = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "additionalPrinterColumns": [*columns, _AGE_COLUMN],
    }
    if status:
        version["subresources"] = {"status": {}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": CRD_KIND,
        "metadata": {"name": f"{plural}.{GROUP}", "labels": {api.MANAGED_BY_LABEL: api.MANAGED_BY}},
        "spec": {
            "group": GROUP,
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": singular},
            "scope": "Namespaced" if namespaced else "Cluster",
            "versions": [version],
        },
    }


def crds() -> list[dict[str, Any]]:
    """The CustomResourceDefinitions that a gateway needs, in a fixed order, each with the collection's label."""
    action_column = {"name": "Action", "type": "string", "jsonPath": ".spec.action"}
    return [
        _crd(
            "Peer",
            "Another cluster of the fabric, that services can be imported from.",
            _PEER_SPEC,
            singular="peer",
            plural="peers",
            status=_PEER_STATUS,
            columns=(
                {"name": "Host", "type": "string", "jsonPath": ".spec.gateways[0].host"},
                {"name": "Port", "type": "integer", "jsonPath": ".spec.gateways[0].port"},
                _condition_column("Reachable", api.PEER_REACHABLE),
            ),
        ),
        _crd(
            "Export",
            "A service of this cluster that is offered to the fabric.",
            _EXPORT_SPEC,
            singular="export",
            plural="exports",
            status=_object("What the control plane found out about the export.", {"conditions": _CONDITIONS}),
            spec_required=False,
            columns=(
                {"name": "Port", "type": "integer", "jsonPath": ".spec.port"},
                _condition_column("Valid", api.EXPORT_VALID),
            ),
        ),
        _crd(
            "Import",
            "A service of other clusters that is made available in this one.",
            _IMPORT_SPEC,
            singular="import",
            plural="imports",
            status=_object("What the control plane found out about the import.", {"conditions": _CONDITIONS}),
            columns=(
                {"name": "Port", "type": "integer", "jsonPath": ".spec.port"},
                {"name": "Sources", "type": "string", "jsonPath": ".spec.sources[*].peer"},
                _condition_column("Valid", api.IMPORT_SERVICE_VALID),
            ),
            # Its name becomes that of a Service, which is a DNS label.
            rule={"rule": "size(self.metadata.name) <= 63", "message": "an import's name has at most 63 characters"},
        ),
        _crd(
            "AccessPolicy",
            "Which connections of a namespace's workloads and services are allowed or denied.",
            _POLICY_SPEC,
            singular="accesspolicy",
            plural="accesspolicies",
            spec_required=False,
            columns=(action_column,),
        ),
        _crd(
            "PrivilegedAccessPolicy",
            "Which connections are allowed or denied in the whole cluster, before any namespace's own policies.",
            _POLICY_SPEC,
            singular="privilegedaccesspolicy",
            plural="privilegedaccesspolicies",
            namespaced=False,
            spec_required=False,
            columns=(action_column,),
        ),
    ]
