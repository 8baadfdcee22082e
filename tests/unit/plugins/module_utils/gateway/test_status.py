# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway's address, now and foreseen, and why its pods do not run. Real ones: tests/integration."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.types import Address
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.options import gateway_spec
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.spec import GatewaySpec
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.status import (
    gateway_address,
    ingress_ref,
    needs_nodes,
    pod_troubles,
    predicted_address,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.apply import ApplyResult

CHOSEN_IN_DRY_RUN = 31999


class Nodes:
    """Stands for a cluster that has one node."""

    def list(self, kind: str) -> list[dict[str, Any]]:
        assert kind == "Node"
        status = {
            "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
            "conditions": [{"type": "Ready", "status": "True"}],
        }
        return [{"metadata": {"name": "a"}, "status": status}]


def spec(**options: Any) -> GatewaySpec:
    return gateway_spec({"peer": "east", **options})


def applied(kind: str, node_port: int, before: dict[str, Any] | None, after: dict[str, Any]) -> ApplyResult:
    """What a check run says of the ingress Service: what it would be, and what would change."""
    ref = ingress_ref("clusterlink-system")
    service = {"spec": {"type": kind, "ports": [{"port": 443, "nodePort": node_port}]}}
    change = {"before": before or {}, "after": after, "before_header": str(ref), "after_header": str(ref)}
    return ApplyResult(objects={ref: service}, diff=[change] if after else [])


def foreseen(wanted: GatewaySpec, result: ApplyResult) -> Address | None:
    return predicted_address(Nodes(), wanted, result)  # all that it asks for is nodes


def test_a_node_port_that_a_dry_run_chose_is_not_told() -> None:
    made = applied("NodePort", CHOSEN_IN_DRY_RUN, None, {"spec": {"type": "NodePort"}})
    assert foreseen(spec(), made) is None


def test_nor_is_one_of_a_service_that_is_to_become_of_this_type() -> None:
    changed = applied("NodePort", CHOSEN_IN_DRY_RUN, {"spec": {"type": "ClusterIP"}}, {"spec": {"type": "NodePort"}})
    assert foreseen(spec(), changed) is None


def test_a_fixed_one_is_told() -> None:
    made = applied("NodePort", 30443, None, {"spec": {"type": "NodePort"}})
    assert foreseen(spec(ingress_port=30443), made) == Address("10.0.0.1", 30443)


@pytest.mark.parametrize("after", [{}, {"metadata": {"labels": {"a": "b"}}}])
def test_one_that_is_there_stays(after: dict[str, Any]) -> None:
    assert foreseen(spec(), applied("NodePort", 30001, {}, after)) == Address("10.0.0.1", 30001)


def test_a_given_address_is_known_beforehand() -> None:
    made = applied("NodePort", CHOSEN_IN_DRY_RUN, None, {"spec": {"type": "NodePort"}})
    wanted = spec(gateway_host="gw.example.com", gateway_port=8443)
    assert foreseen(wanted, made) == Address("gw.example.com", 8443)


def test_a_load_balancers_address_is_not_known_before_it_answers() -> None:
    made = applied("LoadBalancer", CHOSEN_IN_DRY_RUN, None, {"spec": {"type": "LoadBalancer"}})
    assert foreseen(spec(ingress_type="LoadBalancer"), made) is None


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


def pod(state: dict[str, Any], last: dict[str, Any] | None = None) -> dict[str, Any]:
    container = {"name": "dataplane", "image": "cl-dataplane:v1", "state": state, "lastState": last or {}}
    return {"status": {"containerStatuses": [container]}}


def test_an_image_that_cannot_be_pulled_is_named_once_for_all_pods() -> None:
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such host"}}
    assert pod_troubles([pod(waiting), pod(waiting)]) == [
        "container dataplane of image cl-dataplane:v1 waits: ImagePullBackOff: no such host"
    ]


def test_a_container_that_keeps_ending_says_how_it_ended() -> None:
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
    ended = {"terminated": {"reason": "Error", "exitCode": 1}}
    assert pod_troubles([pod(waiting, ended)]) == [
        "container dataplane of image cl-dataplane:v1 waits: CrashLoopBackOff: back-off 10s",
        "container dataplane has ended: Error with exit code 1",
    ]


def test_a_pod_that_fits_no_node_says_why() -> None:
    condition = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available: Insufficient cpu."}
    assert pod_troubles([{"status": {"conditions": [condition]}}]) == [
        "a pod cannot be placed on a node: 0/1 nodes are available: Insufficient cpu."
    ]


def test_a_pod_on_its_way_is_no_trouble() -> None:
    starting = pod({"waiting": {"reason": "ContainerCreating"}})
    running = pod({"running": {"startedAt": "2030-01-01T00:00:00Z"}})
    scheduled = {"status": {"conditions": [{"type": "PodScheduled", "status": "True"}]}}
    assert pod_troubles([starting, running, scheduled, {}]) == []
