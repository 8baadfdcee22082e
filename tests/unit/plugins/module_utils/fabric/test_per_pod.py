# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods of a StatefulSet, each exported and imported by its stable name."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.declaration import parse, parse_addresses
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.plan import Plan, compile_plan
from tests.support.examples import examples

Data = dict[str, Any]
Declare = Callable[..., Data]
Planner = Callable[..., Plan]
SoleProblem = Callable[[Data], str]

OWNER = {"app.kubernetes.io/managed-by": "skyshift.clusterlink", "skyshift.clusterlink/fabric": "demo"}
DB = {
    "name": "db",
    "port": 5432,
    "per_pod": True,
    "pods": 2,
    "exported_by": ["east"],
    "imported_by": ["north"],
    "allow": [{"from": {"app": "frontend"}}],
}
LOOKED_UP = {key: value for key, value in DB.items() if key != "pods"}


def planned(data: Data, observed: Data | None = None) -> Plan:
    addresses = {host: {"host": f"{host}.example.com", "port": 443} for host in data["peers"]}
    return compile_plan(parse(data, observed), parse_addresses(addresses))


def names(plan: Plan, host: str, kind: str) -> list[str]:
    return [each["metadata"]["name"] for each in plan.peers[host].objects if each["kind"] == kind]


def stateful_set(replicas: int, start: int = 0, imports: list[Data] | None = None) -> Data:
    return {
        "default": {
            "services": [],
            "stateful_sets": [{"name": "db", "replicas": replicas, "start": start}],
            "imports": imports or [],
        }
    }


def imported(name: str, peer: str = "east", fabric: str = "demo") -> Data:
    source = {"peer": peer, "export_name": name, "export_namespace": "default"}
    return {"name": name, "port": 5432, "fabric": fabric, "sources": [source]}


def test_each_pod_has_a_service_of_its_own_an_export_and_an_import(declare: Declare) -> None:
    plan = planned(declare(services=[DB]))
    service = next(each for each in plan.peers["east"].objects if each["kind"] == "Service")
    assert service == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "db-0",
            "namespace": "default",
            "labels": {**OWNER, "skyshift.clusterlink/backing": "true"},
        },
        "spec": {
            "selector": {"statefulset.kubernetes.io/pod-name": "db-0"},
            "ports": [{"port": 5432, "protocol": "TCP", "targetPort": 5432}],
        },
    }
    assert [each["kind"] for each in plan.peers["east"].objects][:2] == ["Service", "Service"], "before the exports"
    assert names(plan, "east", "Export") == names(plan, "north", "Import") == ["db-0", "db-1"]
    assert names(plan, "north", "Service") == []
    assert [(link.source, link.target) for link in plan.links] == [("north", "east")]


def test_allow_holds_for_every_pod(declare: Declare) -> None:
    plan = planned(declare(services=[DB]))
    for host, exporter in (("east", {}), ("north", {"peer.clusterlink.net/name": "east"})):
        policies = [each for each in plan.peers[host].objects if each["kind"] == "AccessPolicy"]
        assert [each["spec"]["to"][0]["workloadSelector"]["matchLabels"] for each in policies] == [
            {"export.clusterlink.net/name": pod, "export.clusterlink.net/namespace": "default", **exporter}
            for pod in ("db-0", "db-1")
        ]
    assert all(probe.client for probe in plan.peers["north"].probes)


def test_pods_port_may_be_another_or_have_a_name(declare: Declare) -> None:
    for target_port in (8080, "http"):
        plan = planned(declare(services=[{**DB, "target_port": target_port}]))
        ports = plan.peers["east"].objects[0]["spec"]["ports"]
        assert ports == [{"port": 5432, "protocol": "TCP", "targetPort": target_port}]


def test_imports_can_have_another_name_and_namespace(declare: Declare) -> None:
    plan = planned(declare(services=[{**DB, "import_as": {"name": "pg", "namespace": "data"}}]))
    found = [each["metadata"] for each in plan.peers["north"].objects if each["kind"] == "Import"]
    assert [(each["namespace"], each["name"]) for each in found] == [("data", "pg-0"), ("data", "pg-1")]


def test_pods_of_several_clusters_are_distinguished_by_the_peers_name(declare: Declare) -> None:
    service = {**DB, "per_pod": "by_peer", "exported_by": ["east", "west"], "imported_by": ["north", "east"]}
    plan = planned(declare(services=[service]))
    assert names(plan, "north", "Import") == ["db-0-east", "db-0-west", "db-1-east", "db-1-west"]
    assert names(plan, "east", "Import") == ["db-0-west", "db-1-west"]
    assert names(plan, "west", "Export") == ["db-0", "db-1"]
    assert names(plan, "north", "AccessPolicy") == [
        f"allow-db-{ordinal}.default.{peer}" for ordinal in (0, 1) for peer in ("east", "west")
    ]


def test_number_of_pods_is_looked_up_unless_it_is_declared(declare: Declare) -> None:
    assert planned(declare(services=[DB])).lookups == {}
    data = declare(services=[LOOKED_UP])
    assert planned(data).lookups == {"east": ("default",), "north": ("default",)}
    plan = planned(data, {"east": stateful_set(2, start=3), "north": stateful_set(0)})
    assert names(plan, "north", "Import") == ["db-3", "db-4"]
    assert all(part.unknown == () and part.pending == () for part in plan.peers.values())


def test_stateful_set_that_is_not_there_is_warned_of(declare: Declare) -> None:
    nothing: Data = {"default": {"services": [], "stateful_sets": [], "imports": []}}
    plan = planned(declare(services=[LOOKED_UP]), {"east": nothing, "north": nothing})
    assert plan.warnings == ("east has no StatefulSet default/db, so none of its pods is exported.",)


def test_pods_of_a_cluster_that_is_unreachable_are_those_that_others_import(declare: Declare) -> None:
    there = [
        imported("db-0"),
        imported("db-2"),
        imported("db-x"),
        imported("db-5", "west"),
        imported("db-6", "east", ""),
    ]
    plan = planned(declare(services=[LOOKED_UP]), {"east": None, "north": stateful_set(0, imports=there)})
    assert names(plan, "north", "Import") == ["db-0", "db-2"]
    assert plan.peers["east"].unknown == ("default",)
    assert plan.peers["north"].unknown == ()


@examples(30)
@given(
    exporters=st.permutations(["east", "west"]),
    replicas=st.fixed_dictionaries({"east": st.none() | st.integers(0, 4), "west": st.none() | st.integers(0, 4)}),
    remembered=st.lists(st.tuples(st.sampled_from(["east", "west"]), st.integers(0, 9)), max_size=4, unique=True),
)
def test_plan_is_the_same_in_any_order_and_planning_again_changes_nothing(
    exporters: list[str], replicas: dict[str, int | None], remembered: list[tuple[str, int]]
) -> None:
    def data(order: list[str]) -> Data:
        service = {**LOOKED_UP, "per_pod": "by_peer", "exported_by": order}
        return {"fabric": "demo", "peers": {host: {} for host in ("east", "west", "north")}, "services": [service]}

    def found(imports: list[Data]) -> Data:
        own = {host: None if count is None else stateful_set(count) for host, count in replicas.items()}
        return {**own, "north": stateful_set(0, imports=imports)}

    imports = [imported(f"db-{ordinal}", peer) for peer, ordinal in remembered]
    plan = planned(data(exporters), found(imports))
    other = planned(data(sorted(exporters)), found(imports[::-1]))
    assert json.dumps(other.as_dict()) == json.dumps(plan.as_dict())
    expected = {
        f"db-{ordinal}-{peer}"
        for peer, count in replicas.items()
        for ordinal in ([each for host, each in remembered if host == peer] if count is None else range(count))
    }
    assert set(names(plan, "north", "Import")) == expected
    made = [
        imported(each["spec"]["sources"][0]["exportName"], each["spec"]["sources"][0]["peer"])
        for each in plan.peers["north"].objects
        if each["kind"] == "Import"
    ]
    assert planned(data(exporters), found(made)).as_dict() == plan.as_dict()


def test_without_any_look_nothing_may_be_removed_and_no_peer_given_up(declare: Declare) -> None:
    plan = planned(declare(services=[LOOKED_UP]))
    assert plan.peers["east"].unknown == plan.peers["north"].unknown == ("default",)
    assert [each.name for each in plan.peers["north"].pending] == ["east"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"exported_by": ["east", "west"]},
            "clusterlink_services[0].per_pod: is true, and east and west have pods with the same names",
        ),
        ({"per_pod": "always"}, "clusterlink_services[0].per_pod: must be true, false or by_peer"),
        ({"pods": 0}, "clusterlink_services[0].pods: must be a whole number from 1 to 1000"),
        ({"pods": "many"}, "clusterlink_services[0].pods: must be a whole number from 1 to 1000"),
        ({"per_pod": False}, "clusterlink_services[0].pods: needs per_pod"),
        ({"host": "db.example.com"}, "clusterlink_services[0].host: cannot be combined with per_pod"),
        ({"merge": True}, "clusterlink_services[0].merge: cannot be combined with per_pod"),
        ({"target_port": 70000}, "clusterlink_services[0].target_port: must be a port number"),
        ({"name": "d" * 62}, "clusterlink_services[0].name: leads to names like"),
        ({"import_as": {"name": "d" * 62}}, "clusterlink_services[0].import_as: leads to names like"),
        ({"imported_by": ["east"]}, "clusterlink_services[0].imported_by: names east, and no other cluster exports"),
    ],
)
def test_bad_input_is_refused(declare: Declare, problem: SoleProblem, changes: Data, said: str) -> None:
    assert problem(declare(services=[{**DB, **changes}])).startswith(said)


def test_import_that_wants_the_service_of_a_pod_is_refused(declare: Declare, problem: SoleProblem) -> None:
    other = {"name": "x", "port": 1, "exported_by": ["west"], "imported_by": ["east"], "import_as": {"name": "db-0"}}
    assert "creates the Service default/db-0 in east, which exists already" in problem(declare(services=[DB, other]))
