# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses at which other peers reach a gateway, from its ingress Service and the cluster's nodes. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..clusterlink.gateway_kinds import IP_FAMILIES, IPV6, LOAD_BALANCER, NODE_PORT
from ..common.types import Address, Object

MOST_NODES = 3
"""How many nodes a NodePort's gateway is reached at.

A control plane asks at all of a Peer's addresses at once, and the first answer counts (v0.4.1,
pkg/controlplane/peer/client.go). An Envoy data plane takes one after another for its connections, without a health
check (pkg/controlplane/xds/manager.go), so a node that has ended costs a third of the new connections and not all.
"""

# In order of preference: other clusters may not reach an internal address.
_NODE_ADDRESSES = ("ExternalIP", "InternalIP")
_EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"
_LOCAL = "Local"


def needs_nodes(service: Mapping[str, Any], public_host: str) -> bool:
    """Whether the address depends on the cluster's nodes."""
    return not public_host and service["spec"].get("type") == NODE_PORT


def needs_endpoints(service: Mapping[str, Any], public_host: str) -> bool:
    """Whether it depends on the nodes on which data planes run."""
    return needs_nodes(service, public_host) and service["spec"].get("externalTrafficPolicy") == _LOCAL


def serving_nodes(slices: Sequence[Object]) -> frozenset[str]:
    """The nodes with a ready endpoint, by the EndpointSlices of the ingress Service."""
    return frozenset(
        str(endpoint["nodeName"])
        for each in slices
        for endpoint in each.get("endpoints") or []
        if endpoint.get("nodeName") and (endpoint.get("conditions") or {}).get("ready", True)
    )


def gateway_addresses(
    service: Mapping[str, Any],
    nodes: Sequence[Mapping[str, Any]],
    public_host: str = "",
    public_port: int | None = None,
    serving: Collection[str] = (),
) -> tuple[Address, ...]:
    """The gateway's addresses; none when it has none (yet).

    Args:
        service: The ingress Service in the cluster.
        nodes: The cluster's nodes; required where C(needs_nodes) is true.
        public_host: The host that other peers use, whatever the Service.
        public_port: The port that they use; needs C(public_host).
        serving: The nodes with data planes where C(needs_endpoints) is true; none when that is unknown.
    """
    port = service["spec"]["ports"][0]
    kind = service["spec"].get("type")
    number = public_port or (port.get("nodePort") if kind == NODE_PORT else port["port"])
    if public_host:
        hosts = [public_host]
    elif kind == NODE_PORT:
        there = [node for node in nodes if not serving or node["metadata"]["name"] in serving]
        hosts = _node_hosts(there, service["spec"].get("ipFamilies") or ())
    elif kind == LOAD_BALANCER:
        hosts = [host] if (host := balancer_host(service)) else []
    else:
        hosts = []
    return tuple(Address(host, number) for host in hosts) if number else ()


def _node_hosts(nodes: Sequence[Mapping[str, Any]], families: Sequence[str]) -> list[str]:
    """The addresses of the first nodes by name, so that every run returns the same ones."""
    ready = sorted((node for node in nodes if _is_ready(node)), key=lambda node: str(node["metadata"]["name"]))
    # One that is drained or out of rotation is better than none.
    usable = [node for node in ready if _takes_traffic(node)] or ready
    # Every data plane listens on IPv4, and not every one on IPv6, so an internal IPv4 address is better, too.
    for family in IP_FAMILIES:
        for kind in _NODE_ADDRESSES:
            found = [host for node in usable if (host := _host(node, kind, family))]
            if found and family in (families or IP_FAMILIES):
                return found[:MOST_NODES]
    return []


def _host(node: Mapping[str, Any], kind: str, family: str) -> str:
    """A node's first address of a kind and a family."""
    there = [str(each["address"]) for each in node["status"].get("addresses") or [] if each["type"] == kind]
    return next((host for host in there if _family(host) == family), "")


def _family(host: str) -> str:
    try:
        return f"IPv{ipaddress.ip_address(host).version}"
    except ValueError:
        return ""


def _takes_traffic(node: Mapping[str, Any]) -> bool:
    return not (node.get("spec") or {}).get("unschedulable") and _EXCLUDED not in (node["metadata"].get("labels") or {})


def _is_ready(node: Mapping[str, Any]) -> bool:
    conditions = node["status"].get("conditions") or []
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def balancer_host(service: Mapping[str, Any]) -> str:
    """The load balancer's IP address, or its hostname where the cloud gives only that; IPv6 where there is no other."""
    ingresses = (service.get("status", {}).get("loadBalancer") or {}).get("ingress") or []
    hosts = [str(each[key]) for each in ingresses for key in ("ip", "hostname") if each.get(key)]
    return next((host for host in hosts if _family(host) != IPV6), next(iter(hosts), ""))
