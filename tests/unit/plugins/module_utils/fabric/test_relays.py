# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster that exports its import again: east has no way to north, and west relays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.authorization import Client, Side, explain
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.declaration import parse
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.impact import (
    declared_uses,
    losses,
    observed_uses,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.plan import Plan

Data = dict[str, Any]
Declare = Callable[..., Data]
Planner = Callable[..., Plan]
Problems = Callable[[Data], list[str]]
SoleProblem = Callable[[Data], str]

FRONTEND = Client("default", {"app": "frontend"})
ALLOW_ALL: Data = {"action": "allow", "from": [{"workloadSelector": {}}], "to": [{"workloadSelector": {}}]}
DATAPLANE = Client("clusterlink-system", {"app": "cl-dataplane"})


@pytest.fixture
def relayed(web: Data) -> list[Data]:
    """West imports web of east, which allows nobody there but the relay, and exports it again for north."""
    origin = {**web, "exported_by": ["east"], "imported_by": ["west"], "allow": [], "import_as": {"name": "far-web"}}
    return [origin, {**web, "name": "far-web", "exported_by": ["west"], "imported_by": ["north"], "relay": True}]


def only(plan: Plan, host: str, kind: str) -> Data:
    (found,) = (each for each in plan.peers[host].objects if each["kind"] == kind)
    return found


def allowed(plan: Plan, host: str, client: Client) -> bool:
    sides = {name: Side.of(name, {}, part.objects) for name, part in plan.peers.items()}
    return all(each.allowed for each in explain(client, sides[host], only(plan, host, "Import"), sides))


def test_relay_exports_its_import_by_the_data_planes_own_addresses(
    declare: Declare, plan: Planner, relayed: list[Data]
) -> None:
    planned = plan(declare(services=relayed))
    imported, export, service = (only(planned, "west", kind) for kind in ("Import", "Export", "Service"))
    port = imported["spec"]["targetPort"]
    assert 20000 <= port < 30000
    assert (export["metadata"]["name"], export["metadata"]["namespace"]) == ("far-web", "default")
    assert export["spec"] == {"port": port, "host": "relay-far-web-default.clusterlink-system.svc.cluster.local"}
    assert service["metadata"]["namespace"] == "clusterlink-system"
    assert service["spec"] == {
        "clusterIP": "None",
        "selector": {"app": "cl-dataplane"},
        "ports": [{"port": port, "protocol": "TCP", "targetPort": port}],
    }
    assert [(each.source, each.target) for each in planned.links] == [("north", "west"), ("west", "east")]
    assert "targetPort" not in only(planned, "north", "Import")["spec"]


def test_each_hop_is_decided_for_its_own_client(declare: Declare, plan: Planner, relayed: list[Data]) -> None:
    planned = plan(declare(services=relayed))
    assert allowed(planned, "north", FRONTEND)
    assert not allowed(planned, "north", DATAPLANE)
    assert allowed(planned, "west", DATAPLANE)
    assert not allowed(planned, "west", FRONTEND)
    assert planned.peers["west"].probes == (), "nobody but the data plane may call there"
    assert planned.peers["north"].probes[0].client == FRONTEND


def test_data_plane_of_no_other_cluster_may_call(declare: Declare, plan: Planner, relayed: list[Data]) -> None:
    """North could import from east, too; east lets in the data plane of its relay only."""
    planned = plan(declare(services=relayed))
    sides = {name: Side.of(name, {}, part.objects) for name, part in planned.peers.items()}
    everything = {"kind": "PrivilegedAccessPolicy", "metadata": {"name": "all"}, "spec": ALLOW_ALL}
    for peer, lets_in in (("north", False), ("west", True)):
        importing = Side.of(peer, {}, [everything])
        (verdict,) = explain(DATAPLANE, importing, only(planned, "west", "Import"), sides)
        assert verdict.exporting
        assert verdict.exporting.allowed is lets_in


def test_relay_lets_in_only_the_clusters_that_import_from_it(
    declare: Declare, plan: Planner, relayed: list[Data]
) -> None:
    planned = plan(declare(services=relayed))
    sides = {name: Side.of(name, {}, part.objects) for name, part in planned.peers.items()}
    intruder = Side.of("south", {}, planned.peers["north"].objects)
    client = explain(FRONTEND, intruder, only(planned, "north", "Import"), sides)
    assert not any(each.allowed for each in client)


def test_two_relays_share_the_load_and_each_balances_over_the_exporters(
    declare: Declare, plan: Planner, web: Data
) -> None:
    origin = {**web, "exported_by": ["east", "south"], "imported_by": ["west", "hub"], "import_as": {"name": "far-web"}}
    again = {**web, "name": "far-web", "exported_by": ["west", "hub"], "imported_by": ["north"], "relay": True}
    data = declare(services=[{**origin, "allow": []}, again])
    for host in ("south", "hub"):
        data["peers"][host] = {}
        data["groups"]["clusters"].append(host)
    planned = plan(data)
    assert [each["peer"] for each in only(planned, "north", "Import")["spec"]["sources"]] == ["hub", "west"]
    for relay in ("hub", "west"):
        assert [each["peer"] for each in only(planned, relay, "Import")["spec"]["sources"]] == ["east", "south"]
        assert allowed(planned, relay, DATAPLANE)
    assert allowed(planned, "north", FRONTEND)
    assert planned.peers["north"].probes[0].sources == ("hub", "west")


def test_relays_of_several_imports_have_ports_of_their_own(declare: Declare, plan: Planner, web: Data) -> None:
    services = []
    for number in range(60):
        origin = {**web, "name": f"a{number}", "exported_by": ["east"], "imported_by": ["west"], "allow": []}
        services.append({**origin, "import_as": {"name": f"b{number}"}})
        services.append({**web, "name": f"b{number}", "exported_by": ["west"], "imported_by": ["north"], "relay": True})
    planned = plan(declare(services=services))
    ports = [each["spec"]["targetPort"] for each in planned.peers["west"].objects if each["kind"] == "Import"]
    assert len(set(ports)) == len(services) / 2
    fewer = plan(declare(services=services[2:]))
    kept = [each["spec"]["targetPort"] for each in fewer.peers["west"].objects if each["kind"] == "Import"]
    assert len(set(kept) & set(ports)) >= len(kept) - 1, "ports follow from names, not from the order of declaration"


def test_what_a_relay_loses_its_importers_lose(declare: Declare, relayed: list[Data]) -> None:
    uses = declared_uses(parse(declare(services=relayed)))
    assert [str(each) for each in losses(uses, peers=["east"])] == [
        "Import default/far-web of north loses all its sources: west",
        "Import default/far-web of west loses all its sources: east",
    ]
    assert [each.cluster for each in losses(uses, peers=["west"])] == ["north"]


def test_what_clusters_hold_shows_relays_too() -> None:
    def imported(peer: str) -> Data:
        sources = [{"peer": peer, "export_name": "web", "export_namespace": "default"}]
        return {"namespace": "default", "name": "web", "sources": sources}

    def infos(host: str) -> Data:
        export = {"namespace": "default", "name": "web", "host": host}
        return {"west": {"imports": [imported("east")], "exports": [export]}, "north": {"imports": [imported("west")]}}

    assert len(losses(observed_uses(infos("relay-web-default.clusterlink-system")), peers=["east"])) == 2
    assert len(losses(observed_uses(infos("")), peers=["east"])) == 1, "merged into its own Service, which stays"


def test_plan_does_not_depend_on_the_order(declare: Declare, plan: Planner, relayed: list[Data]) -> None:
    both = plan(declare(services=relayed)).as_dict()
    assert plan(declare(services=relayed[::-1])).as_dict() == both


def test_relay_of_nothing_is_refused(declare: Declare, problem: SoleProblem, relayed: list[Data]) -> None:
    assert problem(declare(services=relayed[1:])) == (
        "clusterlink_services[0].relay: is true, and west imports no service as default/far-web. Let west import one "
        "under this name (import_as), or leave relay out."
    )


def test_export_of_an_import_must_say_so(declare: Declare, problem: SoleProblem, relayed: list[Data]) -> None:
    said = problem(declare(services=[relayed[0], {**relayed[1], "relay": False}]))
    assert "set relay: true there to export this import again" in said


def test_relays_in_a_circle_are_refused(declare: Declare, problems: Problems, web: Data) -> None:
    """West relays what it imports from north, which relays what it imports from west."""
    there = {**web, "name": "a", "exported_by": ["west"], "imported_by": ["north"], "import_as": {"name": "b"}}
    back = {**web, "name": "b", "exported_by": ["north"], "imported_by": ["west"], "import_as": {"name": "a"}}
    found = problems(declare(services=[{**there, "relay": True}, {**back, "relay": True}]))
    assert [each.partition(". ")[0] for each in found] == [
        f"clusterlink_services[{index}].relay: goes in a circle: {' from '.join(way)}"
        for index, way in enumerate(
            [
                ("west (default/a)", "north (default/b)", "west (default/a)"),
                ("north (default/b)", "west (default/a)", "north (default/b)"),
            ]
        )
    ]


def test_long_circle_is_found(declare: Declare, problems: Problems, web: Data) -> None:
    ring = ["east", "west", "north"]
    services = [
        {
            **web,
            "name": f"s{index}",
            "exported_by": [host],
            "imported_by": [ring[(index + 1) % 3]],
            "import_as": {"name": f"s{(index + 1) % 3}"},
            "relay": True,
        }
        for index, host in enumerate(ring)
    ]
    found = problems(declare(services=services))
    assert len(found) == 3
    assert all("goes in a circle" in each for each in found)


def test_chain_of_relays_is_no_circle(declare: Declare, plan: Planner, relayed: list[Data]) -> None:
    data = declare(
        services=[*relayed, {**relayed[1], "exported_by": ["north"], "imported_by": ["south"], "name": "web3"}]
    )
    data["services"][1]["import_as"] = {"name": "web3"}
    data["peers"]["south"] = {}
    data["groups"]["clusters"].append("south")
    planned = plan(data)
    assert only(planned, "south", "Import")["spec"]["sources"][0]["peer"] == "north"
    assert allowed(planned, "south", FRONTEND)
    assert allowed(planned, "north", DATAPLANE)


@pytest.mark.parametrize("extra", [{"host": "x.example.com"}, {"merge": True}, {"per_pod": True}])
def test_what_a_relay_cannot_be_is_refused(
    declare: Declare, problems: Problems, relayed: list[Data], extra: Data
) -> None:
    (key,) = extra
    found = problems(declare(services=[relayed[0], {**relayed[1], **extra}]))
    assert any(each.startswith(f"clusterlink_services[1].{key}: cannot be combined with relay") for each in found)
    assert problems(declare(services=[{**relayed[0], "relay": "often"}]))[0].startswith(
        "clusterlink_services[0].relay: must be true or false"
    )
