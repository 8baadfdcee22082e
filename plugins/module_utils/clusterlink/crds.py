# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The definitions of ClusterLink's own kinds of object.

Field names, types and required fields are those of pkg/apis/clusterlink.net/v1alpha1 in ClusterLink v0.4.1, so that its
Go types read and write these objects. Beyond that, values that a gateway cannot use are refused when they are written:
a port that is none, an action that it ignores, and a balancing scheme that it does not know, which stops a control
plane of v0.4.1 at the first connection (LoadBalancer.Select leaves no source selected, and the caller does not look).
"""

from __future__ import annotations

from typing import Any

from . import api
from .schema import CONDITIONS, definition, list_of, number, port, record, text, texts_by_key

_SELECTOR_REQUIREMENT = record(
    "A condition on one attribute.",
    {
        "key": text("The attribute."),
        "operator": text("How it is compared.", enum=["In", "NotIn", "Exists", "DoesNotExist"]),
        "values": list_of(
            "What it is compared with: some for In and NotIn, none otherwise.",
            {"type": "string"},
            **{"x-kubernetes-list-type": "atomic"},
        ),
    },
    required=("key", "operator"),
)
_SELECTOR = record(
    "A label selector over attributes; all of its conditions must hold, and an empty one selects everything.",
    {
        "matchLabels": texts_by_key("Attributes and the value that each must have."),
        "matchExpressions": list_of(
            "Conditions on attributes.", _SELECTOR_REQUIREMENT, **{"x-kubernetes-list-type": "atomic"}
        ),
    },
)
_WORKLOADS = record(
    "Workloads, by their attributes.",
    {
        "workloadSelector": {**_SELECTOR, "x-kubernetes-map-type": "atomic"},
        "workloadSets": list_of("Named sets of workloads; gateways do not support them yet.", {"type": "string"}),
    },
)

_PEER_SPEC = record(
    "How the peer is reached.",
    {
        "gateways": list_of(
            "Where its gateway listens.",
            record(
                "One address of the gateway.",
                {"host": text("A DNS name or an IP address."), "port": port("A TCP port.")},
                required=("host", "port"),
            ),
        )
    },
    required=("gateways",),
)
_PEER_STATUS = record(
    "What the control plane found out about the peer.",
    {"conditions": CONDITIONS, "labels": texts_by_key("The labels that the peer says it has.")},
)

_EXPORT_SPEC = record(
    "What is offered.",
    {
        "host": text("Where the service is; the Service of the object's own name and namespace unless set."),
        "port": port("The service's TCP port."),
    },
)

_IMPORT_SPEC = record(
    "What is imported, and from where.",
    {
        "port": port("The TCP port that clients use."),
        "targetPort": number(
            "The TCP port that the data plane listens on for this import; the control plane chooses one.", 0, 65535
        ),
        "lbScheme": text(
            "How connections are spread over the sources.", enum=list(api.LB_SCHEMES), default=api.LB_SCHEMES[0]
        ),
        "sources": list_of(
            "The peers that offer the service.",
            record(
                "An export of one peer.",
                {
                    "peer": text("The peer's name."),
                    "exportName": text("The export's name."),
                    "exportNamespace": text("The export's namespace."),
                },
                required=("peer", "exportName", "exportNamespace"),
            ),
        ),
    },
    # Upstream requires lbScheme, too, although it has a default: kubectl then refuses what the server would complete.
    required=("port", "sources"),
)

_POLICY_SPEC = record(
    "Which connections, and what becomes of them.",
    {
        "action": text("What becomes of a connection that matches.", enum=list(api.POLICY_ACTIONS)),
        "from": list_of("The clients; one entry must match.", _WORKLOADS, minItems=1),
        "to": list_of("The services; one entry must match.", _WORKLOADS, minItems=1),
    },
    required=("action", "from", "to"),
)


def _condition_column(name: str, condition: str) -> dict[str, str]:
    path = f'.status.conditions[?(@.type=="{condition}")].status'
    return {"name": name, "type": "string", "jsonPath": path}


def crds() -> list[dict[str, Any]]:
    """The CustomResourceDefinitions that a gateway needs, in a fixed order, each with the collection's label."""
    action_column = {"name": "Action", "type": "string", "jsonPath": ".spec.action"}
    return [
        definition(
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
        definition(
            "Export",
            "A service of this cluster that is offered to the fabric.",
            _EXPORT_SPEC,
            singular="export",
            plural="exports",
            status=record("What the control plane found out about the export.", {"conditions": CONDITIONS}),
            spec_required=False,
            columns=(
                {"name": "Port", "type": "integer", "jsonPath": ".spec.port"},
                _condition_column("Valid", api.EXPORT_VALID),
            ),
        ),
        definition(
            "Import",
            "A service of other clusters that is made available in this one.",
            _IMPORT_SPEC,
            singular="import",
            plural="imports",
            status=record("What the control plane found out about the import.", {"conditions": CONDITIONS}),
            columns=(
                {"name": "Port", "type": "integer", "jsonPath": ".spec.port"},
                {"name": "Sources", "type": "string", "jsonPath": ".spec.sources[*].peer"},
                _condition_column("Valid", api.IMPORT_SERVICE_VALID),
            ),
            # Its name becomes that of a Service, which is a DNS label.
            rule={"rule": "size(self.metadata.name) <= 63", "message": "an import's name has at most 63 characters"},
        ),
        definition(
            "AccessPolicy",
            "Which connections of a namespace's workloads and services are allowed or denied.",
            _POLICY_SPEC,
            singular="accesspolicy",
            plural="accesspolicies",
            spec_required=False,
            columns=(action_column,),
        ),
        definition(
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
