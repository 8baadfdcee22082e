# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where other peers reach a gateway, read from its ingress Service and the cluster's nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .spec import LOAD_BALANCER, NODE_PORT, Address

# A node's address that others can reach is tried before one that only the cluster's own network may know.
_NODE_ADDRESSES = ("ExternalIP", "InternalIP")


def needs_nodes(service: Mapping[str, Any], public_host: str) -> bool:
    """Whether the address can only be told with the cluster's nodes at hand."""
    return not public_host and service["spec"].get("type") == NODE_PORT


def gateway_address(
    service: Mapping[str, Any],
    nodes: Sequence[Mapping[str, Any]],
    public_host: str = "",
    public_port: int | None = None,
) -> Address | None:
    """The gateway's address, or None when it has none (yet).

    Args:
        service: The ingress Service as the cluster has it.
        nodes: The cluster's nodes; needed where C(needs_nodes) says so.
        public_host: The host that other peers are told, whatever the Service.
        public_port: The port that they are told; needs C(public_host).
    """
    port = service["spec"]["ports"][0]
    kind = service["spec"].get("type")
    number = public_port or (port.get("nodePort") if kind == NODE_PORT else port["port"])
    if public_host:
        host = public_host
    elif kind == NODE_PORT:
        host = _node_host(nodes)
    elif kind == LOAD_BALANCER:
        host = _balancer_host(service)
    else:
        host = ""
    return Address(host, number) if host and number else None


def _node_host(nodes: Iterable[Mapping[str, Any]]) -> str:
    """The address of the first ready node by name, so that it stays the same from run to run."""
    ready = sorted((node for node in nodes if _is_ready(node)), key=lambda node: str(node["metadata"]["name"]))
    found = [
        (_NODE_ADDRESSES.index(address["type"]), place, str(address["address"]))
        for place, node in enumerate(ready)
        for address in node["status"].get("addresses") or []
        if address["type"] in _NODE_ADDRESSES
    ]
    return min(found)[-1] if found else ""


def _is_ready(node: Mapping[str, Any]) -> bool:
    conditions = node["status"].get("conditions") or []
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _balancer_host(service: Mapping[str, Any]) -> str:
    """A load balancer has an IP address or, at some clouds, only a hostname."""
    for ingress in (service.get("status", {}).get("loadBalancer") or {}).get("ingress") or []:
        host = ingress.get("ip") or ingress.get("hostname")
        if host:
            return str(host)
    return ""
