# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which clusters are linked, in which directions, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.plan import Plan

Data = dict[str, Any]
Declare = Callable[..., Data]
Planner = Callable[..., Plan]
Problems = Callable[[Data], list[str]]
SoleProblem = Callable[[Data], str]


def links(plan: Plan) -> list[tuple[str, str, bool]]:
    return [(link.source, link.target, link.both_ways) for link in plan.links]


def peers(plan: Plan, host: str) -> list[str]:
    return [each["metadata"]["name"] for each in plan.peers[host].objects if each["kind"] == "Peer"]


def test_on_demand_links_are_those_that_imports_need(declare: Declare, plan: Planner, web: Data) -> None:
    planned = plan(declare(services=[{**web, "exported_by": ["east"]}]))
    assert planned.as_dict()["links"] == [
        {
            "source": "north",
            "target": "east",
            "name": "",
            "both_ways": True,
            "one_way": "",
            "reasons": ["service default/web"],
        }
    ]
    assert {host: peers(planned, host) for host in planned.peers} == {"east": ["north"], "north": ["east"], "west": []}


def test_on_demand_links_go_with_the_service(declare: Declare, plan: Planner) -> None:
    assert links(plan(declare(services=[]))) == []


def test_link_says_all_that_it_is_there_for(declare: Declare, plan: Planner, web: Data) -> None:
    planned = plan(
        declare(
            services=[{**web, "exported_by": ["east"]}, {**web, "name": "shop", "exported_by": ["east"]}],
            links=[{"name": "spine", "source": "east", "target": "north"}],
            north={"imports": [{"name": "w", "port": 80, "sources": [{"peer": "east", "export_name": "web"}]}]},
        )
    )
    (link,) = planned.links
    assert (link.name, link.source, link.target) == ("spine", "east", "north")
    assert link.reasons == (
        "clusterlink_imports of north: default/w",
        "link spine",
        "service default/shop",
        "service default/web",
    )


def test_mesh_links_every_pair(declare: Declare, plan: Planner) -> None:
    planned = plan(declare(link_mode="mesh"))
    assert links(planned) == [("east", "north", True), ("east", "west", True), ("north", "west", True)]


def test_explicit_links_are_the_declared_ones_only(declare: Declare, plan: Planner, web: Data) -> None:
    declared = [{"source": "north", "target": "eu"}]
    planned = plan(declare(link_mode="explicit", links=declared, services=[{**web, "exported_by": ["east"]}]))
    assert links(planned) == [("north", "east", True), ("north", "west", True)]


def test_service_whose_link_is_not_declared_is_refused_in_explicit_mode(
    declare: Declare, problem: SoleProblem, web: Data
) -> None:
    data = declare(link_mode="explicit", links=[{"source": "east", "target": "north"}], services=[web])
    assert problem(data) == (
        "clusterlink_services[0]: is imported by north from west, and no link between them is declared. "
        "Add {source: north, target: west} to clusterlink_links, or set clusterlink_link_mode to on_demand."
    )


def test_link_between_groups_is_one_for_each_pair(declare: Declare, plan: Planner) -> None:
    planned = plan(declare(links=[{"source": "eu", "target": "clusters"}]))
    assert links(planned) == [("east", "north", True), ("east", "west", True), ("west", "north", True)]


def test_link_declared_from_both_sides_is_one(declare: Declare, plan: Planner) -> None:
    declared = [{"source": "west", "target": "east"}, {"source": "east", "target": "west"}]
    assert links(plan(declare(links=declared))) == [("east", "west", True)]


def test_names_of_links_are_unlike(declare: Declare, problem: SoleProblem) -> None:
    first = {"name": "spine", "source": "east", "target": "west"}
    assert "is also the name of another link" in problem(declare(links=[first, {**first, "target": "north"}]))
    assert "is a second name for the link spine" in problem(declare(links=[first, {**first, "name": "back"}]))
    assert "is one name for 2 links" in problem(declare(links=[{**first, "source": "north", "target": "eu"}]))


def test_outbound_only_cluster_imports_and_nobody_has_a_peer_for_it(declare: Declare, plan: Planner, web: Data) -> None:
    planned = plan(declare(services=[web], north={"ingress_type": "none"}))
    assert links(planned) == [("north", "east", False), ("north", "west", False)]
    assert {link.one_way for link in planned.links} == {"north has no ingress"}
    assert {host: peers(planned, host) for host in planned.peers} == {"east": [], "north": ["east", "west"], "west": []}
    assert not any(part.pending for part in planned.peers.values())


def test_outbound_only_cluster_cannot_export_to_others(declare: Declare, problem: SoleProblem, web: Data) -> None:
    assert problem(declare(services=[web], west={"ingress_type": "none"})) == (
        "clusterlink_services[0].exported_by: names west, which has no ingress, so no cluster can import from it "
        '(found: "west"). Give west an ingress (clusterlink_ingress_type or clusterlink_gateway_host), or leave it out.'
    )


def test_own_import_from_an_outbound_only_cluster_is_refused(declare: Declare, problem: SoleProblem) -> None:
    data = declare(
        west={"ingress_type": "none", "exports": [{"name": "db", "port": 1}]},
        north={"imports": [{"name": "db", "port": 1, "sources": [{"peer": "west"}]}]},
    )
    assert problem(data).startswith("north: clusterlink_imports[0].sources: names west, which has no ingress")


def test_outbound_only_cluster_cannot_be_the_target_of_a_link(declare: Declare, problem: SoleProblem) -> None:
    data = declare(links=[{"source": "east", "target": "west"}], west={"ingress_type": "none"})
    assert problem(data) == (
        'clusterlink_links[0].target: has no ingress, so east cannot reach it (found: "west"). '
        "Make it the source, or give it an ingress (clusterlink_ingress_type or clusterlink_gateway_host)."
    )


@pytest.mark.parametrize("declared", [[("west", "north")], [("west", "north"), ("north", "west")]])
def test_link_of_two_outbound_only_clusters_is_refused(
    declare: Declare, problems: Problems, declared: list[tuple[str, str]]
) -> None:
    none = {"ingress_type": "none"}
    pairs = [{"source": source, "target": target} for source, target in declared]
    assert problems(declare(links=pairs, west=none, north=none)) == [
        f"clusterlink_links[{index}].target: has no ingress, and neither has {source}, so neither can reach the other "
        f'(found: "{target}"). Give one of them an ingress (clusterlink_ingress_type or clusterlink_gateway_host).'
        for index, (source, target) in enumerate(declared)
    ]


def test_service_of_one_outbound_only_cluster_for_another_is_refused(
    declare: Declare, problem: SoleProblem, web: Data
) -> None:
    none = {"ingress_type": "none"}
    data = declare(services=[{**web, "exported_by": "west"}], west=none, north=none)
    assert problem(data).startswith("clusterlink_services[0].exported_by: names west, which has no ingress")


def test_export_of_an_outbound_only_cluster_that_nobody_imports_is_warned_of(
    declare: Declare, plan: Planner, web: Data
) -> None:
    service = {**web, "exported_by": "west", "imported_by": []}
    assert plan(declare(services=[service], west={"ingress_type": "none"})).warnings == (
        "west exports default/web and has no ingress, so no cluster can import it.",
    )


def test_outbound_only_cluster_can_be_the_source_of_a_link(declare: Declare, plan: Planner) -> None:
    planned = plan(declare(links=[{"source": "west", "target": "east"}], west={"ingress_type": "none"}))
    assert links(planned) == [("west", "east", False)]


def test_mesh_leaves_out_the_pairs_of_which_neither_can_be_reached(declare: Declare, plan: Planner) -> None:
    none = {"ingress_type": "none"}
    planned = plan(declare(link_mode="mesh", west=none, north=none))
    assert links(planned) == [("north", "east", False), ("west", "east", False)]
    assert planned.warnings == (
        "north and west are not linked: neither has an ingress, so neither can reach the other.",
    )


def test_cluster_without_ingress_but_with_a_given_address_can_be_reached(
    declare: Declare, plan: Planner, web: Data
) -> None:
    planned = plan(declare(services=[web], west={"ingress_type": "none", "gateway_host": "gw.example.com"}))
    assert ("north", "west", True) in links(planned)


def test_peer_given_by_hand_is_a_link_of_one_direction(declare: Declare, plan: Planner) -> None:
    far = {"name": "far", "host": "192.0.2.1", "port": 443}
    imported = {"name": "web", "port": 80, "sources": [{"peer": "far"}]}
    planned = plan(declare(north={"peers": [far], "imports": [imported]}))
    assert links(planned) == [("north", "far", False)]
    assert planned.links[0].one_way == "far is outside the inventory"


def test_source_outside_the_inventory_needs_an_address_in_the_importing_cluster(
    declare: Declare, problem: SoleProblem
) -> None:
    far = {"name": "far", "host": "192.0.2.1", "port": 443}
    imported = {"name": "web", "port": 80, "sources": [{"peer": "far"}]}
    assert problem(declare(east={"peers": [far]}, north={"imports": [imported]})) == (
        "north: clusterlink_imports[0].sources[0].peer: is a peer outside the inventory, and north does not have "
        'its address (found: "far"). Add it to clusterlink_peers of the host.'
    )


AS = {"name": "any-web"}


def sources(plan: Plan, host: str) -> list[str]:
    (imported,) = (each for each in plan.peers[host].objects if each["kind"] == "Import")
    return [each["peer"] for each in imported["spec"]["sources"]]


def test_cluster_that_imports_its_own_service_under_another_name_is_one_of_its_sources(
    declare: Declare, plan: Planner, web: Data
) -> None:
    hosts = ["north", "east", "west"]
    planned = plan(declare(services=[{**web, "exported_by": hosts, "imported_by": hosts, "import_as": AS}]))
    for host in hosts:
        assert sources(planned, host) == peers(planned, host) == ["east", "north", "west"]
        assert planned.peers[host].probes[0].sources == ("east", "north", "west")
        assert planned.peers[host].probes[0].client is not None
    assert links(planned) == [("east", "north", True), ("east", "west", True), ("north", "west", True)]
    assert planned.warnings == ()


def test_cluster_that_alone_exports_a_service_can_import_it_under_another_name(
    declare: Declare, plan: Planner, web: Data
) -> None:
    service = {**web, "exported_by": ["east"], "imported_by": ["east", "north"], "import_as": AS}
    planned = plan(declare(services=[service], link_mode="explicit", links=[{"source": "north", "target": "east"}]))
    assert sources(planned, "east") == sources(planned, "north") == ["east"]
    assert (peers(planned, "east"), links(planned)) == (["east", "north"], [("north", "east", True)])


def test_own_peer_waits_for_the_address_like_any_other(declare: Declare, plan: Planner, web: Data) -> None:
    service = {**web, "exported_by": ["east"], "imported_by": ["east"], "import_as": AS}
    planned = plan(declare(services=[service]), unknown="east")
    assert [each.name for each in planned.peers["east"].pending] == ["east"]


def test_merged_import_is_not_its_own_source(declare: Declare, plan: Planner, web: Data) -> None:
    """The Service has the cluster's own pods already."""
    planned = plan(declare(services=[{**web, "imported_by": ["east", "north"], "merge": ["east"]}]))
    assert sources(planned, "east") == ["west"]
    assert peers(planned, "east") == ["north", "west"]


def test_own_import_from_the_cluster_itself(declare: Declare, plan: Planner) -> None:
    imported = {"name": "any", "port": 80, "sources": [{"peer": "east", "export_name": "web"}]}
    planned = plan(declare(east={"exports": [{"name": "web", "port": 80}], "imports": [imported]}))
    assert sources(planned, "east") == peers(planned, "east") == ["east"]


def test_outbound_only_cluster_cannot_be_its_own_source(declare: Declare, problem: SoleProblem, web: Data) -> None:
    service = {**web, "exported_by": ["east", "west"], "imported_by": ["west"], "import_as": AS}
    data = declare(services=[service], west={"ingress_type": "none"})
    assert problem(data).startswith("clusterlink_services[0].exported_by: names west, which has no ingress")
