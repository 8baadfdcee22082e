# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""At which address a gateway is or will be reached. That it serves there is shown in tests/integration."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.spec import (
    Address,
    GatewaySpec,
    gateway_spec,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.status import foreseen_address, ingress_ref
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
    return foreseen_address(Nodes(), wanted, result)  # all that it asks for is nodes


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
