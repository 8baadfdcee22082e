# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where other peers reach a gateway."""

from __future__ import annotations

from typing import Any

from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.address import gateway_address, needs_nodes
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.spec import Address


def service(kind: str, ingress: list[dict[str, str]] | None = None, **port: int) -> dict[str, Any]:
    status = {"loadBalancer": {"ingress": ingress} if ingress else {}}
    return {"spec": {"type": kind, "ports": [{"port": 443, **port}]}, "status": status}


def node(name: str, ready: str = "True", **addresses: str) -> dict[str, Any]:
    listed = [{"type": kind, "address": address} for kind, address in addresses.items()]
    return {
        "metadata": {"name": name},
        "status": {"addresses": listed, "conditions": [{"type": "Ready", "status": ready}]},
    }


def test_a_node_port_is_reached_at_a_nodes_external_address_before_any_internal_one() -> None:
    nodes = [node("a", InternalIP="10.0.0.1"), node("b", InternalIP="10.0.0.2", ExternalIP="192.0.2.2")]
    assert gateway_address(service("NodePort", nodePort=30443), nodes) == Address("192.0.2.2", 30443)


def test_the_first_ready_node_by_name_is_taken_whatever_the_order() -> None:
    nodes = [
        node("c", InternalIP="10.0.0.3"),
        node("b", InternalIP="10.0.0.2"),
        node("a", "False", InternalIP="10.0.0.1"),
    ]
    there = service("NodePort", nodePort=30443)
    assert gateway_address(there, nodes) == gateway_address(there, nodes[::-1]) == Address("10.0.0.2", 30443)


def test_a_hostname_of_a_node_is_not_an_address() -> None:
    assert gateway_address(service("NodePort", nodePort=30443), [node("a", Hostname="a")]) is None


def test_no_ready_node_gives_no_address() -> None:
    assert gateway_address(service("NodePort", nodePort=30443), [node("a", "Unknown", InternalIP="10.0.0.1")]) is None


def test_a_load_balancer_is_reached_by_its_address_and_the_services_port() -> None:
    assert gateway_address(service("LoadBalancer", [{"ip": "192.0.2.7"}], nodePort=30001), []) == Address(
        "192.0.2.7", 443
    )


def test_a_load_balancer_may_have_a_hostname_only() -> None:
    there = service("LoadBalancer", [{"hostname": "lb.example.com"}])
    assert gateway_address(there, []) == Address("lb.example.com", 443)


def test_a_load_balancer_without_an_answer_has_no_address() -> None:
    assert gateway_address(service("LoadBalancer"), []) is None


def test_without_ingress_there_is_no_address() -> None:
    assert gateway_address(service("ClusterIP"), [node("a", InternalIP="10.0.0.1")]) is None


def test_a_given_address_is_taken_whatever_the_service() -> None:
    for kind in ("ClusterIP", "NodePort", "LoadBalancer"):
        assert gateway_address(service(kind), [], "gw.example.com", 8443) == Address("gw.example.com", 8443)


def test_a_given_host_without_a_port_has_the_services_port() -> None:
    assert gateway_address(service("NodePort", nodePort=30443), [], "gw.example.com") == Address(
        "gw.example.com", 30443
    )
    assert gateway_address(service("LoadBalancer"), [], "gw.example.com") == Address("gw.example.com", 443)


def test_nodes_are_needed_only_where_a_node_ports_host_is_not_given() -> None:
    assert needs_nodes(service("NodePort"), "")
    assert not needs_nodes(service("NodePort"), "gw.example.com")
    assert not needs_nodes(service("LoadBalancer"), "")
