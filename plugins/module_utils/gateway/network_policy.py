# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway's NetworkPolicies, and those of others that are in its way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..clusterlink import names
from ..clusterlink.gateway_kinds import NO_INGRESS
from ..clusterlink.ownership import is_ours
from ..common.types import Object
from ..kube.network_policies import EGRESS, INGRESS, OtherEnd, in_the_way
from .spec import GatewaySpec

KIND = "NetworkPolicy"

_CONTROLPLANE, _DATAPLANE = (names.pod_labels(name) for name in names.COMPONENTS)
_FROM_PEERS = (INGRESS, _DATAPLANE, names.DATAPLANE_PORT, None)

REPLACED = "-replaced"
"""The end of label app's value for a pod that has left its Service."""


def network_policies(spec: GatewaySpec, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """The policies that let a gateway's pods work where a namespace denies by default; none unless asked for.

    Peers come in from anywhere, and clients in all namespaces connect to the ports that the control plane chooses for
    imports. Where connections go is declared elsewhere: other gateways, exported services, DNS and the API server.
    """
    if not spec.network_policy:
        return []
    dataplanes = [{"podSelector": _pods(names.DATAPLANE)}]
    return [
        _policy(names.CONTROLPLANE, spec, labels, [{"from": dataplanes, "ports": [_tcp(names.CONTROLPLANE_PORT)]}]),
        _policy(
            names.DATAPLANE,
            spec,
            labels,
            [{"ports": [_tcp(names.DATAPLANE_PORT)]}, {"from": [{"namespaceSelector": {}}]}],
        ),
    ]


def _policy(
    component: str, spec: GatewaySpec, labels: Mapping[str, str], ingress: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": KIND,
        "metadata": {"name": component, "namespace": spec.namespace, "labels": dict(labels)},
        "spec": {
            "podSelector": _pods(component),
            "policyTypes": [INGRESS, EGRESS],
            "ingress": ingress,
            "egress": [{}],
        },
    }


def _pods(component: str) -> dict[str, Any]:
    """The component's pods, with those that drain."""
    values = [component, f"{component}{REPLACED}"]
    return {"matchExpressions": [{"key": names.POD_LABEL, "operator": "In", "values": values}]}


def _tcp(port: int) -> dict[str, Any]:
    return {"protocol": "TCP", "port": port}


def blocked(spec: GatewaySpec, policies: Iterable[Object], added: Iterable[Object] = ()) -> list[str]:
    """What policies in a gateway's namespace keep its pods from, as sentences without a full stop.

    Args:
        spec: The desired gateway.
        policies: Those in its namespace.
        added: Those that this run adds. Earlier ones of ours do not count.
    """
    there = [*(each for each in policies if not is_ours(each)), *added]
    namespace, spaces = spec.namespace, {"kubernetes.io/metadata.name": spec.namespace}
    ends = {name: OtherEnd(namespace, names.pod_labels(name), spaces) for name in names.COMPONENTS}
    port = names.CONTROLPLANE_PORT
    flows = {
        **({} if spec.ingress.type == NO_INGRESS else {"peers from the data plane": _FROM_PEERS}),
        "the data plane from other gateways": (EGRESS, _DATAPLANE, None, None),
        "the control plane from other gateways": (EGRESS, _CONTROLPLANE, None, None),
        "the control plane from answering its data plane": (INGRESS, _CONTROLPLANE, port, ends[names.DATAPLANE]),
        "the data plane from its control plane": (EGRESS, _DATAPLANE, port, ends[names.CONTROLPLANE]),
    }
    found: dict[str, list[str]] = {}
    for what, (direction, pod, at, other) in flows.items():
        refs = in_the_way(there, direction, pod, at, other)
        if refs:
            found.setdefault(", ".join(map(str, refs)), []).append(what)
    fix = "set network_policy (clusterlink_network_policy), or allow it"
    return [f"{refs} may keep {', '.join(what)}: {fix}" for refs, what in found.items()]
