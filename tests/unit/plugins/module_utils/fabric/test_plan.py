# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects that a declaration becomes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.declaration import parse, parse_addresses
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.plan import Plan, compile_plan

Data = dict[str, Any]
Declare = Callable[..., Data]
Planner = Callable[..., Plan]

OWNER = {"app.kubernetes.io/managed-by": "skyshift.clusterlink", "skyshift.clusterlink/fabric": "demo"}


def held(plan: Plan, host: str, kind: str = "") -> list[Data]:
    return [each for each in plan.peers[host].objects if kind in ("", each["kind"])]


def one(plan: Plan, host: str, kind: str) -> Data:
    (each,) = held(plan, host, kind)
    return each


def test_a_service_becomes_exactly_its_links_exports_imports_and_policies(
    declare: Declare, plan: Planner, web: Data
) -> None:
    planned = plan(declare(services=[web]))
    assert [(each["kind"], each["metadata"]["name"]) for each in held(planned, "east")] == [
        ("Peer", "north"),
        ("Export", "web"),
        ("AccessPolicy", "allow-web.default"),
    ]
    assert held(planned, "north") == [
        {
            "apiVersion": "clusterlink.net/v1alpha1",
            "kind": "Peer",
            "metadata": {"name": peer, "namespace": "clusterlink-system", "labels": OWNER},
            "spec": {"gateways": [{"host": f"{peer}.example.com", "port": 443}]},
        }
        for peer in ("east", "west")
    ] + [
        {
            "apiVersion": "clusterlink.net/v1alpha1",
            "kind": "AccessPolicy",
            "metadata": {"name": "allow-web.default", "namespace": "default", "labels": OWNER},
            "spec": {
                "action": "allow",
                "from": [{"workloadSelector": {"matchLabels": {"client.clusterlink.net/labels.app": "frontend"}}}],
                "to": [
                    {
                        "workloadSelector": {
                            "matchLabels": {
                                "export.clusterlink.net/name": "web",
                                "export.clusterlink.net/namespace": "default",
                            },
                            "matchExpressions": [
                                {"key": "peer.clusterlink.net/name", "operator": "In", "values": ["east", "west"]}
                            ],
                        }
                    }
                ],
            },
        },
        {
            "apiVersion": "clusterlink.net/v1alpha1",
            "kind": "Import",
            "metadata": {"name": "web", "namespace": "default", "labels": OWNER},
            "spec": {
                "port": 80,
                "sources": [
                    {"peer": "east", "exportName": "web", "exportNamespace": "default"},
                    {"peer": "west", "exportName": "web", "exportNamespace": "default"},
                ],
                "lbScheme": "round-robin",
            },
        },
    ]


def test_groups_stand_for_their_hosts(declare: Declare, plan: Planner, web: Data) -> None:
    grouped = plan(declare(services=[{**web, "exported_by": "eu"}]))
    assert grouped.as_dict() == plan(declare(services=[web])).as_dict()


def test_the_peers_group_can_be_named_where_no_groups_are_given(declare: Declare, plan: Planner) -> None:
    data = declare(links=[{"source": "clusters", "target": "clusters"}])
    del data["groups"]
    assert [(link.source, link.target) for link in plan(data).links] == [
        ("east", "north"),
        ("east", "west"),
        ("north", "west"),
    ]


def test_service_without_allow_is_allowed_to_nobody(declare: Declare, plan: Planner, web: Data) -> None:
    planned = plan(declare(services=[{**web, "allow": []}]))
    assert not [each for host in planned.peers for each in held(planned, host, "AccessPolicy")]
    assert planned.peers["north"].probes[0].client is None


def test_empty_selector_allows_every_pod_of_the_importing_clusters(declare: Declare, plan: Planner, web: Data) -> None:
    planned = plan(declare(services=[{**web, "allow": [{"from": {}}]}]))
    assert one(planned, "north", "AccessPolicy")["spec"]["from"] == [{"workloadSelector": {}}]
    for host in ("east", "west"):
        assert one(planned, host, "AccessPolicy")["spec"]["from"] == [
            {"workloadSelector": {"matchLabels": {"peer.clusterlink.net/name": "north"}}}
        ]


def test_rule_for_some_clusters_goes_to_importers_that_it_can_match_and_to_all_exporters(
    declare: Declare, plan: Planner, web: Data
) -> None:
    allow = [{"from": {"peers": "north", "labels": {"app": ["b", "a"]}}}]
    planned = plan(declare(services=[{**web, "exported_by": "east", "imported_by": ["north", "west"], "allow": allow}]))
    selector = {
        "matchLabels": {"peer.clusterlink.net/name": "north"},
        "matchExpressions": [{"key": "client.clusterlink.net/labels.app", "operator": "In", "values": ["a", "b"]}],
    }
    assert held(planned, "west", "AccessPolicy") == []
    for host in ("north", "east"):
        assert one(planned, host, "AccessPolicy")["spec"]["from"] == [{"workloadSelector": selector}]


def test_import_as_names_the_import_and_its_policy_stands_beside_it(declare: Declare, plan: Planner, web: Data) -> None:
    local = {"name": "shop", "namespace": "remote", "port": 8080}
    planned = plan(declare(services=[{**web, "import_as": local}]))
    imported = one(planned, "north", "Import")
    assert (imported["metadata"]["name"], imported["metadata"]["namespace"]) == ("shop", "remote")
    assert imported["spec"]["port"] == 8080
    assert imported["spec"]["sources"][0]["exportNamespace"] == "default"
    assert one(planned, "north", "AccessPolicy")["metadata"]["namespace"] == "remote"
    assert one(planned, "east", "AccessPolicy")["metadata"]["namespace"] == "default"
    assert one(planned, "east", "Export")["spec"] == {"port": 80}


def test_export_host_and_labels_are_written(declare: Declare, plan: Planner, web: Data) -> None:
    planned = plan(declare(services=[{**web, "host": "db.example.com", "labels": {"tier": "data"}}]))
    assert one(planned, "east", "Export")["spec"] == {"port": 80, "host": "db.example.com"}
    assert one(planned, "east", "Export")["metadata"]["labels"] == {**OWNER, "tier": "data"}
    assert one(planned, "north", "Import")["metadata"]["labels"] == {**OWNER, "tier": "data"}


def test_merged_import_imports_from_the_other_clusters_and_is_labelled_in_words(
    declare: Declare, plan: Planner, web: Data
) -> None:
    planned = plan(declare(services=[{**web, "imported_by": ["north", "west"], "merge": ["west"]}]))
    west = one(planned, "west", "Import")
    assert west["metadata"]["labels"]["import.clusterlink.net/merge"] == "true"
    assert [source["peer"] for source in west["spec"]["sources"]] == ["east"]
    north = one(planned, "north", "Import")
    assert "import.clusterlink.net/merge" not in north["metadata"]["labels"]
    assert [source["peer"] for source in north["spec"]["sources"]] == ["east", "west"]


def test_static_scheme_keeps_the_order_of_preference(declare: Declare, plan: Planner, web: Data) -> None:
    for exporters in (["west", "east"], ["east", "west"]):
        planned = plan(declare(services=[{**web, "lb_scheme": "static", "exported_by": exporters}]))
        assert [each["peer"] for each in one(planned, "north", "Import")["spec"]["sources"]] == exporters


def test_policy_names_are_short_and_unlike_any_other(declare: Declare, plan: Planner, web: Data) -> None:
    names = [{"name": "b", "namespace": "a" * 60 + tail} for tail in ("x", "y")]
    names += [{"name": "c", "namespace": "a-b"}, {"name": "b-c", "namespace": "a"}]
    planned = plan(declare(services=[{**web, **name} for name in names]))
    found = [each["metadata"]["name"] for each in held(planned, "east", "AccessPolicy")]
    assert len(set(found)) == 4
    assert all(len(name) <= 63 for name in found)
    again = plan(declare(services=[{**web, **name} for name in reversed(names)]))
    assert planned.as_dict() == again.as_dict()


def test_peer_without_a_known_address_is_pending_and_the_rest_is_written(
    declare: Declare, plan: Planner, web: Data
) -> None:
    planned = plan(declare(services=[web]), unknown="east")
    assert [each["metadata"]["name"] for each in held(planned, "north", "Peer")] == ["west"]
    assert planned.as_dict()["peers"]["north"]["pending"] == [
        {
            "kind": "Peer",
            "name": "east",
            "namespace": "clusterlink-system",
            "reason": "the gateway address of east is unknown",
        }
    ]
    assert len(one(planned, "north", "Import")["spec"]["sources"]) == 2


def test_declared_gateway_address_is_used_where_none_was_found(declare: Declare, plan: Planner, web: Data) -> None:
    data = declare(services=[web], east={"gateway_host": "gw.east.example.com", "gateway_port": "8443"})
    planned = plan(data, unknown="east")
    assert held(planned, "north", "Peer")[0]["spec"]["gateways"] == [{"host": "gw.east.example.com", "port": 8443}]


def test_a_peer_has_all_addresses_of_its_gateway(declare: Declare, web: Data) -> None:
    ways = [{"host": "192.0.2.1", "port": 30443}, {"host": "192.0.2.2", "port": 30443}]
    addresses = parse_addresses({"east": ways, "west": ways[0], "north": None})
    planned = compile_plan(parse(declare(services=[web])), addresses)
    found = {each["metadata"]["name"]: each["spec"]["gateways"] for each in held(planned, "north", "Peer")}
    assert found == {"east": ways, "west": ways[:1]}
    assert planned.as_dict()["gateways"]["north"] == []


def test_objects_live_in_the_namespace_of_their_own_clusters_gateway(
    declare: Declare, plan: Planner, web: Data
) -> None:
    planned = plan(declare(services=[web], north={"namespace": "mesh"}))
    assert {each["metadata"]["namespace"] for each in held(planned, "north", "Peer")} == {"mesh"}
    assert {each["metadata"]["namespace"] for each in held(planned, "east", "Peer")} == {"clusterlink-system"}


def test_own_lists_of_a_host_become_objects_of_that_host(declare: Declare, plan: Planner) -> None:
    policy = {"name": "own", "tier": "privileged", "action": "deny", "from": [{}], "to": [{"namespace": "db"}]}
    planned = plan(
        declare(
            east={
                "exports": [{"name": "db", "namespace": "db", "port": 5432, "host": "10.0.0.1", "labels": {"a": "b"}}]
            },
            north={
                "imports": [
                    {
                        "name": "pg",
                        "port": 5432,
                        "lb_scheme": "random",
                        "merge": True,
                        "sources": [{"peer": "east", "export_name": "db", "export_namespace": "db"}],
                    }
                ],
                "access_policies": [policy],
                "peers": [
                    {"name": "far", "gateways": [{"host": "192.0.2.1", "port": 1}, {"host": "192.0.2.2", "port": 2}]}
                ],
            },
        )
    )
    assert one(planned, "east", "Export")["spec"] == {"port": 5432, "host": "10.0.0.1"}
    assert one(planned, "north", "Import")["spec"] == {
        "port": 5432,
        "sources": [{"peer": "east", "exportName": "db", "exportNamespace": "db"}],
        "lbScheme": "random",
    }
    assert "namespace" not in one(planned, "north", "PrivilegedAccessPolicy")["metadata"]
    assert [each["spec"]["gateways"] for each in held(planned, "north", "Peer")] == [
        [{"host": "east.example.com", "port": 443}],
        [{"host": "192.0.2.1", "port": 1}, {"host": "192.0.2.2", "port": 2}],
    ]


def test_address_that_a_cluster_has_for_a_peer_by_hand_goes_before_the_found_one(
    declare: Declare, plan: Planner, web: Data
) -> None:
    planned = plan(declare(services=[web], north={"peers": [{"name": "east", "host": "10.1.1.1", "port": 30443}]}))
    assert held(planned, "north", "Peer")[0]["spec"]["gateways"] == [{"host": "10.1.1.1", "port": 30443}]
    assert held(planned, "west", "Peer")[0]["spec"]["gateways"] == [{"host": "north.example.com", "port": 443}]


def test_namespaced_policy_goes_where_its_namespace_is_used_and_a_privileged_one_everywhere(
    declare: Declare, plan: Planner, web: Data
) -> None:
    rule: Data = {"from": [{}], "to": [{}]}
    policies = [{"name": "own", "namespace": "default", **rule}, {"name": "all", "tier": "privileged", **rule}]
    planned = plan(declare(services=[{**web, "exported_by": "east", "allow": []}], policies=policies))
    names = {
        host: [each["metadata"]["name"] for each in held(planned, host) if each["kind"] != "Peer"]
        for host in planned.peers
    }
    assert names == {"east": ["web", "own", "all"], "north": ["own", "all", "web"], "west": ["all"]}


def test_policy_for_named_clusters_goes_to_these(declare: Declare, plan: Planner) -> None:
    policy = {"name": "some", "tier": "privileged", "clusters": ["eu"], "action": "deny", "from": [{}], "to": [{}]}
    planned = plan(declare(policies=[policy]))
    assert [host for host in planned.peers if held(planned, host)] == ["east", "west"]


@pytest.mark.parametrize(
    ("address", "where"),
    [
        ({"host": "", "port": 443}, "addresses.east.host"),
        ({"host": "a", "port": 0}, "addresses.east.port"),
        ({"port": 443}, "addresses.east.host"),
        ("a:443", "addresses.east"),
    ],
)
def test_address_that_is_none_is_refused(address: Any, where: str) -> None:
    with pytest.raises(ClusterlinkError) as caught:
        parse_addresses({"east": address})
    assert caught.value.problems[0].where == where
