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
    ingress_ref,
    pod_troubles,
    predicted_addresses,
    wait_until_resolved,
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
    cluster: Any = Nodes()  # all that it asks for is nodes
    return next(iter(predicted_addresses(cluster, wanted, result)), None)


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


BALANCED = {"ingress_type": "LoadBalancer"}
NAME = Address("lb.example.com", 443)


def balanced(ingress: list[dict[str, str]], **refs: Any) -> ApplyResult:
    """What was applied: the ingress Service, with what its load balancer has."""
    service = {"spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": {"ingress": ingress}}}
    return ApplyResult(objects={ingress_ref("clusterlink-system"): service}, **refs)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether a name resolves, attempt by attempt, in a time that only waiting moves on."""
    now, answers = [0.0], [True]

    def look_up(*_place: object, **_kind: object) -> list[str]:
        if not (answers.pop(0) if len(answers) > 1 else answers[0]):
            raise OSError("Name or service not known")
        return ["192.0.2.7"]

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr("time.sleep", lambda seconds: now.append(now.pop() + seconds))
    return answers


def test_a_new_load_balancers_name_is_waited_for(known: list[bool]) -> None:
    known[:] = [False, False, True]
    assert wait_until_resolved(spec(**BALANCED), [NAME], balanced([]), 60) == []
    assert known == [True]


def test_a_name_that_does_not_resolve_in_time_is_named(known: list[bool]) -> None:
    known[:] = [False]
    [warning] = wait_until_resolved(spec(**BALANCED), [NAME], balanced([]), 10)
    assert "lb.example.com" in warning
    assert "gateway_host" in warning


@pytest.mark.parametrize(
    ("options", "ingress"),
    [
        (BALANCED, [{"hostname": "lb.example.com"}]),  # it was there before
        ({**BALANCED, "gateway_host": "gw.example.com"}, []),
        ({}, []),
    ],
)
def test_other_names_are_not_tried(known: list[bool], options: dict[str, str], ingress: list[dict[str, str]]) -> None:
    known[:] = [False]
    assert wait_until_resolved(spec(**options), [NAME], balanced(ingress), 10) == []
