# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses at which other peers reach a gateway."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.types import Address
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.addresses import (
    gateway_addresses,
    needs_endpoints,
    needs_nodes,
    serving_nodes,
)


def service(kind: str, ingress: list[dict[str, str]] | None = None, **port: int) -> dict[str, Any]:
    status = {"loadBalancer": {"ingress": ingress} if ingress else {}}
    return {"spec": {"type": kind, "ports": [{"port": 443, **port}]}, "status": status}


def node(name: str, ready: str = "True", **addresses: str) -> dict[str, Any]:
    listed = [{"type": kind, "address": address} for kind, address in addresses.items()]
    return {
        "metadata": {"name": name},
        "status": {"addresses": listed, "conditions": [{"type": "Ready", "status": ready}]},
    }


def address(*given: Any) -> Address | None:
    return next(iter(gateway_addresses(*given)), None)


def hosts(nodes: list[dict[str, Any]], serving: tuple[str, ...] = (), **spec: Any) -> list[str]:
    there = service("NodePort", nodePort=30443)
    there["spec"] |= spec
    return [each.host for each in gateway_addresses(there, nodes, serving=serving)]


def nodes(*names: str) -> list[dict[str, Any]]:
    return [node(name, InternalIP=f"10.0.0.{number}") for number, name in enumerate(names, 1)]


def test_a_node_port_is_reached_at_a_nodes_external_address_before_any_internal_one() -> None:
    nodes = [node("a", InternalIP="10.0.0.1"), node("b", InternalIP="10.0.0.2", ExternalIP="192.0.2.2")]
    assert address(service("NodePort", nodePort=30443), nodes) == Address("192.0.2.2", 30443)


def test_the_first_ready_node_by_name_is_taken_whatever_the_order() -> None:
    nodes = [
        node("c", InternalIP="10.0.0.3"),
        node("b", InternalIP="10.0.0.2"),
        node("a", "False", InternalIP="10.0.0.1"),
    ]
    there = service("NodePort", nodePort=30443)
    assert address(there, nodes) == address(there, nodes[::-1]) == Address("10.0.0.2", 30443)


def test_a_hostname_of_a_node_is_not_an_address() -> None:
    assert address(service("NodePort", nodePort=30443), [node("a", Hostname="a")]) is None


def test_no_ready_node_gives_no_address() -> None:
    assert address(service("NodePort", nodePort=30443), [node("a", "Unknown", InternalIP="10.0.0.1")]) is None


def test_a_load_balancer_is_reached_by_its_address_and_the_services_port() -> None:
    assert address(service("LoadBalancer", [{"ip": "192.0.2.7"}], nodePort=30001), []) == Address("192.0.2.7", 443)


def test_a_load_balancer_may_have_a_hostname_only() -> None:
    there = service("LoadBalancer", [{"hostname": "lb.example.com"}])
    assert address(there, []) == Address("lb.example.com", 443)


def test_a_load_balancer_without_an_answer_has_no_address() -> None:
    assert address(service("LoadBalancer"), []) is None


def test_without_ingress_there_is_no_address() -> None:
    assert address(service("ClusterIP"), [node("a", InternalIP="10.0.0.1")]) is None


def test_a_given_address_is_taken_whatever_the_service() -> None:
    for kind in ("ClusterIP", "NodePort", "LoadBalancer"):
        assert address(service(kind), [], "gw.example.com", 8443) == Address("gw.example.com", 8443)


def test_a_given_host_without_a_port_has_the_services_port() -> None:
    assert address(service("NodePort", nodePort=30443), [], "gw.example.com") == Address("gw.example.com", 30443)
    assert address(service("LoadBalancer"), [], "gw.example.com") == Address("gw.example.com", 443)


def test_a_node_port_has_several_nodes_so_that_the_end_of_one_is_not_that_of_a_link() -> None:
    assert hosts(nodes("a", "b")) == ["10.0.0.1", "10.0.0.2"]
    assert hosts(nodes("e", "d", "c", "b", "a")) == ["10.0.0.5", "10.0.0.4", "10.0.0.3"]


@pytest.mark.parametrize(
    "out",
    [
        {"spec": {"unschedulable": True}},
        {"metadata": {"name": "a", "labels": {"node.kubernetes.io/exclude-from-external-load-balancers": ""}}},
    ],
)
def test_a_node_out_of_rotation_is_taken_only_where_there_is_no_other(out: dict[str, Any]) -> None:
    first, second = nodes("a", "b")
    assert hosts([{**first, **out}, second]) == ["10.0.0.2"]
    assert hosts([{**first, **out}]) == ["10.0.0.1"]


def test_a_nodes_address_is_of_the_services_family() -> None:
    both = node("a", InternalIP="10.0.0.1")
    both["status"]["addresses"].append({"type": "InternalIP", "address": "fd00::1"})
    assert hosts([both], ipFamilies=["IPv6"]) == ["fd00::1"]
    assert hosts(nodes("a"), ipFamilies=["IPv6"]) == []
    for families in (["IPv4", "IPv6"], ["IPv6", "IPv4"], ["IPv4"], []):
        assert hosts([both], ipFamilies=families) == ["10.0.0.1"]


def test_ipv4_on_which_every_gateway_listens_comes_before_all_ipv6() -> None:
    outside = node("a", ExternalIP="2001:db8::1", InternalIP="10.0.0.1")
    only = node("b", InternalIP="fd00::2")
    assert hosts([outside, only], ipFamilies=["IPv6", "IPv4"]) == ["10.0.0.1"]
    assert hosts([only], ipFamilies=["IPv6", "IPv4"]) == ["fd00::2"]


@pytest.mark.parametrize(
    ("ingress", "host"),
    [
        ([{"ip": "2001:db8::7"}, {"ip": "192.0.2.7"}], "192.0.2.7"),
        ([{"ip": "2001:db8::7"}, {"hostname": "lb.example.com"}], "lb.example.com"),
        ([{"ip": "2001:db8::7", "hostname": "lb.example.com"}], "lb.example.com"),
        ([{"hostname": "lb.example.com"}, {"ip": "192.0.2.7"}], "lb.example.com"),
        ([{"ip": "192.0.2.8"}, {"ip": "192.0.2.7"}], "192.0.2.8"),
        ([{"ip": "2001:db8::7"}], "2001:db8::7"),
    ],
)
def test_a_load_balancer_is_reached_by_ipv4_where_it_can(ingress: list[dict[str, str]], host: str) -> None:
    assert address(service("LoadBalancer", ingress), []) == Address(host, 443)


def test_with_local_traffic_only_nodes_with_a_data_plane_count() -> None:
    local = service("NodePort", nodePort=30443)
    assert not needs_endpoints(local, "")
    local["spec"]["externalTrafficPolicy"] = "Local"
    assert needs_endpoints(local, "")
    assert not needs_endpoints(local, "gw.example.com")
    ready = {"nodeName": "b", "conditions": {"ready": True}}
    serving = serving_nodes([{"endpoints": [ready, {"nodeName": "a", "conditions": {"ready": False}}]}])
    assert hosts(nodes("a", "b"), serving=tuple(serving)) == ["10.0.0.2"]
    assert hosts(nodes("a", "b")) == ["10.0.0.1", "10.0.0.2"]  # before any data plane is ready


def test_nodes_are_needed_only_where_a_node_ports_host_is_not_given() -> None:
    assert needs_nodes(service("NodePort"), "")
    assert not needs_nodes(service("NodePort"), "gw.example.com")
    assert not needs_nodes(service("LoadBalancer"), "")
