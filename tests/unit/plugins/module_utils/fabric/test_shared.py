# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces that clusters share: what is found in them becomes services."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.declaration import parse
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.plan import Plan

from .found import HOSTS, NONE, TRAIN, Data, holds, imported, named, planned, service

Declare = Callable[..., Data]
SoleProblem = Callable[[Data], str]


def spec(plan: Plan, host: str, kind: str, name: str) -> Data:
    (found,) = (each for each in plan.peers[host].objects if (each["kind"], each["metadata"]["name"]) == (kind, name))
    return dict(found["spec"])


def sources(plan: Plan, host: str, name: str) -> list[str]:
    return [each["peer"] for each in spec(plan, host, "Import", name)["sources"]]


def test_service_is_exported_from_where_it_is_and_imported_where_it_is_not(declare: Declare) -> None:
    plan = planned(declare(shared_namespaces=[TRAIN]), east=holds(service("ps")), west=holds(), north=holds())
    assert {host: named(plan, host, "Export") for host in HOSTS} == {"east": ["ps"], "west": [], "north": []}
    assert {host: named(plan, host, "Import") for host in HOSTS} == {"east": [], "west": ["ps"], "north": ["ps"]}
    assert [(link.source, link.target, link.reasons) for link in plan.links] == [
        ("north", "east", ("shared namespace train",)),
        ("west", "east", ("shared namespace train",)),
    ]
    assert {host: named(plan, host, "AccessPolicy") for host in HOSTS} == {host: ["allow-ps.train"] for host in HOSTS}


def test_service_of_two_clusters_is_merged_in_both_without_going_in_circles(declare: Declare) -> None:
    plan = planned(
        declare(shared_namespaces=[TRAIN]), east=holds(service("ps")), west=holds(service("ps")), north=holds()
    )
    assert (sources(plan, "east", "ps"), sources(plan, "west", "ps")) == (["west"], ["east"])
    assert sources(plan, "north", "ps") == ["east", "west"]
    for host in ("east", "west"):
        merged = next(each for each in plan.peers[host].objects if each["kind"] == "Import")
        assert merged["metadata"]["labels"]["import.clusterlink.net/merge"] == "true"
        # The gateway hands requests to the cluster's own pods only: the Service has those of others among its own.
        assert spec(plan, host, "Export", "ps")["host"] == "clusterlink-ps.train.svc.cluster.local"
        assert spec(plan, host, "Service", "clusterlink-ps") == {
            "selector": {"app": "ps"},
            "ports": [{"port": 80, "protocol": "TCP", "targetPort": 8080}],
        }
    assert named(plan, "north", "Service") == []
    assert plan.warnings == ()


def test_unless_allow_is_set_all_pods_of_the_namespace_in_these_clusters_may_call(declare: Declare) -> None:
    shared = {**TRAIN, "clusters": ["east", "west"]}
    for extra, client in (
        ({}, {"client.clusterlink.net/namespace": "train"}),
        ({"allow": [{"from": {"app": "x"}}]}, {"client.clusterlink.net/labels.app": "x"}),
    ):
        plan = planned(declare(shared_namespaces=[{**shared, **extra}]), east=holds(service("ps")), west=holds())
        (policy,) = spec(plan, "east", "AccessPolicy", "allow-ps.train")["from"]
        assert policy["workloadSelector"]["matchLabels"] == client
    plan = planned(declare(shared_namespaces=[{**shared, "allow": []}]), east=holds(service("ps")), west=holds())
    assert named(plan, "east", "AccessPolicy") == []


def test_rule_for_a_cluster_that_imports_nothing_yet_is_no_fault(declare: Declare) -> None:
    shared = {**TRAIN, "allow": [{"from": {"peers": ["east"]}}]}
    plan = planned(declare(shared_namespaces=[shared]), east=holds(service("ps")), west=holds(), north=holds())
    assert named(plan, "east", "AccessPolicy") == ["allow-ps.train"]
    assert named(plan, "west", "AccessPolicy") == []


def test_selector_tells_which_services_are_shared(declare: Declare) -> None:
    shared = {**TRAIN, "selector": {"matchLabels": {"share": "yes"}}}
    plan = planned(
        declare(shared_namespaces=[shared]),
        east=holds(service("ps", labels={"share": "yes"}), service("own")),
        west=holds(service("ps")),
        north=holds(),
    )
    assert named(plan, "east", "Export") == ["ps"]
    assert named(plan, "north", "Import") == ["ps"]
    assert named(plan, "west", "Import") == [], "it would clash with the Service that is there"
    assert plan.warnings == ("west does not import train/ps: the selector does not match its own Service.",)


UDP = {"name": "", "port": 53, "protocol": "UDP", "target_port": 53}
HTTP = {"name": "http", "port": 80, "protocol": "TCP", "target_port": "http"}


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (service("ps", UDP), "it has no TCP port"),
        (service("ps", cluster_ip="None"), "it is headless"),
        (service("ps", type="ExternalName", selector={}), "it is of type ExternalName"),
        (service("ps", selector={}), "it has no selector"),
    ],
)
def test_what_cannot_be_shared_is_left_out_and_said(declare: Declare, found: Data, why: str) -> None:
    plan = planned(declare(shared_namespaces=[TRAIN]), east=holds(found), west=holds(), north=holds())
    assert not any(part.objects for part in plan.peers.values())
    (warning,) = plan.warnings
    assert warning.startswith(f"train/ps of east is not shared: {why}")


def test_of_several_tcp_ports_the_first_is_shared(declare: Declare) -> None:
    ports = [UDP, HTTP, {**HTTP, "name": "metrics", "port": 9090}]
    plan = planned(declare(shared_namespaces=[TRAIN]), east=holds(service("ps", *ports)), west=holds(), north=holds())
    assert spec(plan, "west", "Import", "ps")["port"] == 80
    (warning,) = plan.warnings
    assert warning == (
        "train/ps of east is shared with its first TCP port only, 80. To export port 9090, declare a service of "
        "another name with host: ps.train.svc.cluster.local."
    )


def test_further_port_of_a_shared_service_is_declared_beside_it(declare: Declare) -> None:
    ports = [HTTP, {**HTTP, "name": "metrics", "port": 9090}]
    metrics = {
        "name": "ps-metrics",
        "namespace": "train",
        "port": 9090,
        "host": "ps.train.svc.cluster.local",
        "exported_by": ["east"],
        "imported_by": ["north"],
    }
    data = declare(shared_namespaces=[TRAIN], services=[metrics])
    plan = planned(data, east=holds(service("ps", *ports)), west=holds(), north=holds())
    assert named(plan, "east", "Export") == ["ps", "ps-metrics"]
    assert named(plan, "north", "Import") == ["ps", "ps-metrics"]


def test_service_whose_port_has_a_name_is_exported_and_not_merged(declare: Declare) -> None:
    plan = planned(
        declare(shared_namespaces=[TRAIN]), east=holds(service("ps", HTTP)), west=holds(service("ps")), north=holds()
    )
    assert sources(plan, "north", "ps") == ["east", "west"]
    assert (named(plan, "east", "Import"), named(plan, "east", "Service")) == ([], [])
    assert sources(plan, "west", "ps") == ["east"]
    assert any("is not merged" in warning for warning in plan.warnings)


def test_api_servers_own_service_is_never_shared(declare: Declare) -> None:
    shared = {"name": "default", "clusters": ["clusters"]}
    found = {"default": holds(service("kubernetes"))["train"]}
    plan = planned(declare(shared_namespaces=[shared]), east=found, west=found, north=found)
    assert not any(part.objects for part in plan.peers.values())


def test_service_that_is_declared_by_itself_is_left_to_its_declaration(declare: Declare) -> None:
    own = {"name": "ps", "namespace": "train", "port": 80, "exported_by": ["east"], "imported_by": ["north"]}
    plan = planned(
        declare(shared_namespaces=[TRAIN], services=[own]), east=holds(service("ps")), west=holds(), north=holds()
    )
    assert named(plan, "west", "Import") == []
    assert "Shared namespace train does not include train/ps, which is declared separately." in plan.warnings


def test_outbound_only_cluster_imports_and_its_own_services_stay_its_own(declare: Declare) -> None:
    data = declare(shared_namespaces=[{**TRAIN, "clusters": ["east", "north"]}], north={"ingress_type": "none"})
    plan = planned(data, east=holds(service("ps")), north=holds(service("own")))
    assert named(plan, "north", "Import") == ["ps"]
    assert named(plan, "east", "Import") == []
    assert plan.warnings == ("train/own of north is not shared: north has no ingress.",)


def test_nothing_of_a_cluster_that_is_unreachable_is_taken_from_others(declare: Declare) -> None:
    data = declare(shared_namespaces=[TRAIN])
    known = {"east": holds(service("ps")), "west": holds(service("ps"), service("log")), "north": holds()}
    whole = planned(data, **known)
    away = planned(
        data,
        east=holds(service("ps"), imports=[imported("ps", "west"), imported("log", "west")]),
        west=None,
        north=holds(
            imports=[imported("ps", "east", "west"), imported("log", "west"), imported("x", "west", fabric="")]
        ),
    )
    for host in ("east", "north"):
        assert away.peers[host].objects == whole.peers[host].objects
        assert away.peers[host].unknown == ()
    assert away.peers["west"].unknown == ("train",)
    assert not [each for each in away.peers["west"].objects if each["kind"] in ("Export", "Import", "Service")]
    assert {each.name for each in away.peers["west"].pending} <= {"east", "north"}


def test_when_nothing_could_be_looked_at_nothing_may_be_removed_and_no_peer_given_up(declare: Declare) -> None:
    plan = planned(declare(shared_namespaces=[TRAIN]))
    for host, part in plan.peers.items():
        assert part.unknown == ("train",)
        assert {each.name for each in part.pending} == set(HOSTS) - {host}
    assert plan.lookups == dict.fromkeys(HOSTS, ("train",))


def test_service_that_is_gone_takes_everything_with_it(declare: Declare) -> None:
    plan = planned(
        declare(shared_namespaces=[TRAIN]), east=holds(imports=[imported("ps", "west")]), west=holds(), north=holds()
    )
    assert not any(part.objects for part in plan.peers.values())
    assert plan.links == ()


def test_policy_on_what_is_to_be_looked_up_is_not_refused(declare: Declare) -> None:
    policy = {"name": "p", "namespace": "train", "from": [{}], "to": [{"service": "ps", "namespace": "train"}]}
    assert planned(declare(shared_namespaces=[TRAIN], policies=[policy])).warnings == ()


@pytest.mark.parametrize(
    ("shared", "own", "said"),
    [
        ({"clusters": ["east"]}, {}, ".clusters: names fewer than two clusters"),
        ({"clusters": ["east", "moon"]}, {}, ".clusters[1]: is not a host"),
        ({"name": "Train"}, {}, ".name: is not a DNS label"),
        ({"name": None}, {}, ".name: is required"),
        ({"name": "clusterlink-system"}, {}, ".name: is the namespace of the gateway of east"),
        ({"selector": {"labels": {}}}, {}, ".selector.labels: is not known"),
        ({"selector": {"matchLabels": {"app": 1}}}, {}, ".selector.matchLabels.app: must be a string"),
        (
            {"selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}},
            {},
            ".selector.matchExpressions[0].values: is required for the operator In",
        ),
        (
            {"selector": {"matchExpressions": [{"key": "a", "operator": "Is", "values": ["b"]}]}},
            {},
            ".selector.matchExpressions[0].operator: must be one of",
        ),
        ({"allow": [{"from": {"app": 1}}]}, {}, ".allow[0].from.app: must be a string"),
        (
            {"clusters": ["east", "west"], "allow": [{"from": {"peers": ["north"]}}]},
            {},
            ".allow[0].from: matches no cluster of the namespace",
        ),
        ({"lb_scheme": "fair"}, {}, ".lb_scheme: must be one of"),
        ({"port": 80}, {}, ".port: is not known"),
        (
            {"clusters": ["east", "west"]},
            {"east": NONE, "west": NONE},
            ".clusters: names only clusters without an ingress, so none can reach another",
        ),
        (
            {"clusters": ["east", "west"]},
            {"link_mode": "explicit"},
            ".clusters: needs a link between east and west, and none is declared",
        ),
    ],
)
def test_bad_input_is_refused(declare: Declare, shared: Data, own: Data, said: str) -> None:
    entry = {key: value for key, value in {**TRAIN, **shared}.items() if value is not None}
    with pytest.raises(ClusterlinkError) as caught:
        parse(declare(shared_namespaces=[entry], **own))
    found = [f"{problem.where}: {problem.what}" for problem in caught.value.problems]
    assert any(each.startswith(f"clusterlink_shared_namespaces[0]{said}") for each in found)


def test_namespace_that_is_named_twice_is_refused(declare: Declare, problem: SoleProblem) -> None:
    assert problem(declare(shared_namespaces=[TRAIN, TRAIN])).startswith(
        "clusterlink_shared_namespaces[1].name: is also the name of clusterlink_shared_namespaces[0]"
    )
