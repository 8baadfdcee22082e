# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nobody whom the declaration does not name gets in, whatever Peers, Imports and policies they make for themselves."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.authorization import (
    Client,
    Decision,
    client_attributes,
    decide,
    service_attributes,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.declaration import parse, parse_addresses
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.plan import Plan, compile_plan
from tests.support.examples import examples

from .found import TRAIN, holds
from .found import planned as found_plan
from .found import service as found_service
from .strategies import HOSTS, Data, addresses, clients, declarations, is_declared, peer_labels

Declare = Callable[..., Data]
Planner = Callable[..., Plan]

callers = st.sampled_from([*HOSTS, "outside", "stranger"])


def without_policies(data: Data) -> Plan:
    data["policies"] = []
    data["peers"]["gamma"].pop("access_policies", None)
    return compile_plan(parse(data), parse_addresses(addresses(data)))


def at_export(plan: Plan, exporter: str, service: Data, client: Data) -> Decision:
    """What the exporting gateway decides; the caller's own gateway is the caller's, and allows all."""
    attributes = service_attributes(service["name"], service["namespace"], service.get("labels", {}), exporter, {})
    return decide(plan.peers[exporter].objects, client, attributes, service["namespace"])


@examples(75)  # some have no services
@given(
    data=declarations(), host=st.sampled_from(HOSTS), caller=callers, source=callers, labels=peer_labels, client=clients
)
def test_gateways_let_through_exactly_what_the_services_name(
    *, data: Data, host: str, caller: str, source: str, labels: dict[str, str], client: Client
) -> None:
    plan = without_policies(data)
    for service in data["services"]:
        an_exporting_gateway_lets_in_exactly_whom_the_service_names(plan, service, caller, labels, client)
        an_exporting_gateway_lets_no_unknown_client_in(plan, service)
        an_importing_gateway_lets_its_pods_out_to_the_exporting_peers_only(plan, service, host, source, client)


def an_exporting_gateway_lets_in_exactly_whom_the_service_names(
    plan: Plan, service: Data, caller: str, labels: dict[str, str], client: Client
) -> None:
    for exporter in service["exported_by"]:
        decision = at_export(plan, exporter, service, client_attributes(client, caller, labels))
        assert decision.allowed == is_declared(service, caller, client)


def an_exporting_gateway_lets_no_unknown_client_in(plan: Plan, service: Data) -> None:
    assert not any(at_export(plan, exporter, service, {}).allowed for exporter in service["exported_by"])


def an_importing_gateway_lets_its_pods_out_to_the_exporting_peers_only(
    plan: Plan, service: Data, host: str, source: str, client: Client
) -> None:
    own = service.get("import_as", service)
    attributes = service_attributes(service["name"], service["namespace"], service["labels"], source, {})
    sent = client_attributes(client, host, {})
    decision = decide(plan.peers[host].objects, sent, attributes, own["namespace"])
    declared = host in service["imported_by"] and source in service["exported_by"]
    assert decision.allowed == (declared and is_declared(service, host, client))


def selectors(plan: Plan, host: str, side: str) -> list[Data]:
    (policy,) = (each for each in plan.peers[host].objects if each["kind"] == "AccessPolicy")
    return [each["workloadSelector"] for each in policy["spec"][side]]


APP = "client.clusterlink.net/labels.app"
PEER = "peer.clusterlink.net/name"


def test_a_pod_of_a_cluster_that_nobody_named_is_refused(declare: Declare, plan: Planner, web: Data) -> None:
    """West, with a Peer, an Import and a policy made there by hand, and the label that the rule asks for."""
    planned = plan(declare(services=[{**web, "exported_by": ["east"]}]))
    for peer, allowed in (("north", True), ("west", False)):
        sent = client_attributes(Client("default", {"app": "frontend"}), peer, {})
        assert at_export(planned, "east", web, sent).allowed == allowed
    assert selectors(planned, "east", "from") == [{"matchLabels": {APP: "frontend", PEER: "north"}}]
    assert selectors(planned, "north", "from") == [{"matchLabels": {APP: "frontend"}}]
    assert selectors(planned, "north", "to")[0]["matchLabels"][PEER] == "east"


def test_several_peers_are_one_requirement(declare: Declare, plan: Planner, web: Data) -> None:
    planned = plan(declare(services=[{**web, "exported_by": ["east"], "imported_by": ["north", "west"]}]))
    both = [{"key": PEER, "operator": "In", "values": ["north", "west"]}]
    assert selectors(planned, "east", "from") == [{"matchLabels": {APP: "frontend"}, "matchExpressions": both}]


def test_a_rule_may_name_a_peer_outside_the_inventory(declare: Declare, plan: Planner, web: Data) -> None:
    far = {"name": "far", "host": "192.0.2.1", "port": 443}
    allow = [{"from": {"app": "frontend"}}, {"from": {"peers": ["far"]}}]
    planned = plan(declare(services=[{**web, "exported_by": ["east"], "allow": allow}], north={"peers": [far]}))
    assert selectors(planned, "east", "from") == [
        {"matchLabels": {APP: "frontend", PEER: "north"}},
        {"matchLabels": {PEER: "far"}},
    ]


def test_labels_of_a_peer_name_no_peer(declare: Declare, plan: Planner, web: Data) -> None:
    allow = [{"from": {"peer_labels": {"region": "eu"}}}]
    data = declare(services=[{**web, "exported_by": ["east"], "allow": allow}], north={"labels": {"region": "eu"}})
    planned = plan(data)
    for peer, allowed in (("north", True), ("west", False)):
        sent = client_attributes(Client("default"), peer, {"region": "eu"})
        assert at_export(planned, "east", web, sent).allowed == allowed


def test_an_import_of_a_clusters_own_list_names_that_cluster(declare: Declare, plan: Planner, web: Data) -> None:
    imported = {"name": "w", "port": 80, "sources": [{"peer": "east", "export_name": "web"}]}
    planned = plan(declare(services=[{**web, "exported_by": ["east"]}], west={"imports": [imported]}))
    sent = client_attributes(Client("default", {"app": "frontend"}), "west", {})
    assert at_export(planned, "east", web, sent).allowed


def test_rules_of_a_service_that_nobody_imports_open_nothing(declare: Declare, plan: Planner, web: Data) -> None:
    planned = plan(declare(services=[{**web, "imported_by": [], "allow": [{"from": {}}]}]))
    assert not [each for part in planned.peers.values() for each in part.objects if each["kind"] == "AccessPolicy"]


def test_a_shared_service_is_for_the_namespaces_clusters_also_those_that_are_unknown(declare: Declare) -> None:
    shared = {**TRAIN, "clusters": ["east", "west"], "allow": [{"from": {"app": "frontend"}}]}
    planned = found_plan(declare(shared_namespaces=[shared]), east=holds(found_service("ps")), west=None)
    service = {"name": "ps", "namespace": "train"}
    for peer, allowed in (("west", True), ("north", False)):
        sent = client_attributes(Client("train", {"app": "frontend"}), peer, {})
        assert at_export(planned, "east", service, sent).allowed == allowed


def test_pods_of_one_name_have_policies_of_their_own(declare: Declare, plan: Planner) -> None:
    """East exports its db-0 to north alone, and imports the db-0 of west, which north imports, too."""
    pods = {"name": "db", "port": 5432, "per_pod": "by_peer", "pods": 1, "allow": [{"from": {}}]}
    service = {**pods, "exported_by": ["east", "west"], "imported_by": ["north", "east"]}
    planned = plan(declare(services=[service]))
    pod = {"name": "db-0", "namespace": "default"}
    for peer, exporter, allowed in (("north", "east", True), ("east", "west", True), ("west", "east", False)):
        assert at_export(planned, exporter, pod, client_attributes(Client("default"), peer, {})).allowed == allowed
    names = [each["metadata"]["name"] for each in planned.peers["east"].objects if each["kind"] == "AccessPolicy"]
    assert names == ["allow-db-0.default.east", "allow-db-0.default.west"]
