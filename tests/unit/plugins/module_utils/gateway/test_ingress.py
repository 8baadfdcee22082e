# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ingress Service: what its options make of it, what is wrong with them, and what cannot change any more."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.ingress import (
    immutable_problems,
    ingress_options,
    ingress_spec,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.options import gateway_spec
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.spec import Ingress
from tests.unit.fakes import MemoryCluster

BALANCED: dict[str, Any] = {"ingress_type": "LoadBalancer"}
WHOLE = {
    **BALANCED,
    "ingress_load_balancer_class": "example.com/edge",
    "ingress_load_balancer_source_ranges": ["198.51.100.0/24", "2001:db8::/32"],
    "ingress_external_traffic_policy": "Local",
    "ingress_ip_family_policy": "PreferDualStack",
    "ingress_ip_families": ["IPv6", "IPv4"],
}


def ingress(**options: Any) -> Ingress:
    return gateway_spec({"peer": "east", "dataplane": "go", **options}).ingress


def service(*, stored: bool = True, **options: Any) -> dict[str, Any]:
    """The Service as the cluster holds it after an apply of ours; C(stored=False): as somebody else made it."""
    metadata = {"name": "clusterlink", "namespace": "clusterlink-system"}
    made = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": ingress_spec(ingress(**options))}
    return MemoryCluster.stored(made) if stored else made


def test_each_option_is_a_field_and_the_others_are_left_to_the_cluster() -> None:
    assert ingress_spec(ingress(**WHOLE)) == {
        **ingress_spec(ingress(**BALANCED)),
        "loadBalancerClass": "example.com/edge",
        "loadBalancerSourceRanges": ["198.51.100.0/24", "2001:db8::/32"],
        "externalTrafficPolicy": "Local",
        "ipFamilyPolicy": "PreferDualStack",
        "ipFamilies": ["IPv6", "IPv4"],
    }
    assert set(ingress_spec(ingress())) == {"type", "selector", "ports"}


def test_the_options_are_read_back_from_what_we_applied() -> None:
    assert WHOLE.items() <= ingress_options(service(**WHOLE)).items()
    found = ingress_options(service(stored=False, **WHOLE))
    assert (found["ingress_type"], found["ingress_load_balancer_class"]) == ("LoadBalancer", None)


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"ingress_load_balancer_class": "a"}, "ingress_load_balancer_class"),
        ({**BALANCED, "ingress_load_balancer_class": "a b"}, "ingress_load_balancer_class"),
        ({"ingress_load_balancer_source_ranges": ["192.0.2.0/24"]}, "ingress_load_balancer_source_ranges"),
        ({**BALANCED, "ingress_load_balancer_source_ranges": ["192.0.2.1"]}, "ingress_load_balancer_source_ranges[0]"),
        (
            {**BALANCED, "ingress_load_balancer_source_ranges": ["192.0.2.1/24"]},
            "ingress_load_balancer_source_ranges[0]",
        ),
        ({**BALANCED, "ingress_load_balancer_source_ranges": [24]}, "ingress_load_balancer_source_ranges[0]"),
        ({"ingress_type": "none", "ingress_external_traffic_policy": "Local"}, "ingress_external_traffic_policy"),
        ({"ingress_external_traffic_policy": "local"}, "ingress_external_traffic_policy"),
        ({"ingress_ip_families": ["IPv4", "IPv6"]}, "ingress_ip_families"),
        ({"ingress_ip_families": ["IPv4", "IPv4"]}, "ingress_ip_families[1]"),
        ({"ingress_ip_families": ["ipv4"]}, "ingress_ip_families[0]"),
    ],
)
def test_what_is_wrong_is_named(options: dict[str, Any], where: str) -> None:
    with pytest.raises(ClusterlinkError) as raised:
        ingress(**options)
    assert [problem.where for problem in raised.value.problems] == [where]


@pytest.mark.parametrize("families", [["IPv6"], ["IPv6", "IPv4"]])
def test_a_data_plane_that_listens_on_ipv4_alone_needs_it_first(families: list[str]) -> None:
    options = {"ingress_ip_families": families, "ingress_ip_family_policy": "PreferDualStack"}
    with pytest.raises(ClusterlinkError) as raised:
        ingress(dataplane="envoy", **options)
    [problem] = raised.value.problems
    assert (problem.where, problem.found) == ("ingress_ip_families", json.dumps(families))
    assert "Name IPv4 first" in problem.fix
    assert ingress(dataplane="go", **options).ip_families == tuple(families)
    assert ingress(dataplane="envoy", **options | {"ingress_ip_families": ["IPv4", "IPv6"]}).ip_families[0] == "IPv4"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (BALANCED, WHOLE, "none instead of example.com/edge"),
        (WHOLE, BALANCED, "example.com/edge instead of none"),
        (WHOLE, {**WHOLE, "ingress_load_balancer_class": "b"}, "example.com/edge instead of b"),
        (WHOLE, {**WHOLE, "ingress_ip_families": ["IPv4"]}, "IPv6 instead of IPv4"),
    ],
)
def test_what_kubernetes_never_changes_is_a_problem_with_the_way_out(
    before: dict[str, Any], after: dict[str, Any], said: str
) -> None:
    [problem] = immutable_problems(ingress(**after), service(**before))
    assert problem.where == "Service clusterlink-system/clusterlink"
    assert problem.found == said
    assert "delete the Service with kubectl" in problem.fix


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, WHOLE),  # it becomes a load balancer
        (WHOLE, {"ingress_ip_families": ["IPv6"]}),  # it becomes a node port, and loses its class
        (WHOLE, {**WHOLE, "ingress_external_traffic_policy": "Cluster", "ingress_ip_families": ["IPv6"]}),
    ],
)
def test_what_kubernetes_changes_is_none(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert not list(immutable_problems(ingress(**after), service(**before)))
    assert not list(immutable_problems(ingress(**after), None))


def test_a_class_that_the_clusters_webhook_has_set_stays() -> None:
    found = service(**BALANCED)
    found["spec"]["loadBalancerClass"] = "service.k8s.aws/nlb"
    assert not list(immutable_problems(ingress(**BALANCED), found))
