# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run refuses to take from clusters that use it."""

from __future__ import annotations

from typing import Any

from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.declaration import parse
from ansible_collections.skyshift.clusterlink.plugins.module_utils.preflight.removal import removals

WEB = {"name": "web", "port": 80, "exported_by": ["east", "west"], "imported_by": ["north"]}


def declared(*services: dict[str, Any], hosts: str = "east west north", **more: Any) -> dict[str, Any]:
    return {"fabric": "demo", "peers": {host: {} for host in hosts.split()}, "services": list(services), **more}


def common(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "namespace": "default", "fabric": "demo", "labels": {}, **more}


def source(peer: str) -> dict[str, Any]:
    return {"peer": peer, "export_name": "web", "export_namespace": "default"}


def running(**changes: dict[str, Any]) -> dict[str, Any]:
    """What the clusters hold of WEB."""
    empty: dict[str, Any] = {"peers": [], "exports": [], "imports": []}
    held: dict[str, dict[str, Any]] = {
        "east": {**empty, "exports": [common("web")], "peers": [common("north")]},
        "west": {**empty, "exports": [common("web")], "peers": [common("north")]},
        "north": {
            **empty,
            "imports": [common("web", sources=[source("east"), source("west")])],
            "peers": [common("east"), common("west")],
        },
    }
    return {host: {**each, **changes.get(host, {})} for host, each in held.items()}


def refused(declaration: dict[str, Any], clusters: dict[str, Any]) -> list[str]:
    return [str(problem) for problem in removals(parse(declaration), clusters)]


def test_nothing_is_lost_when_the_declaration_is_what_runs() -> None:
    assert not refused(declared(WEB), running())


def test_one_source_of_two_may_go() -> None:
    assert not refused(declared({**WEB, "exported_by": ["east"]}), running())


def test_another_source_may_take_the_place_of_the_last() -> None:
    imports = [common("web", sources=[source("west")])]
    assert not refused(declared({**WEB, "exported_by": ["east"]}), running(north={"imports": imports}))


def test_an_import_may_go_while_its_exports_stay() -> None:
    assert not refused(declared({**WEB, "imported_by": []}), running())


def test_a_service_that_is_renamed_takes_the_last_source_from_its_imports() -> None:
    (problem,) = refused(declared({**WEB, "name": "wbe"}), running())
    assert problem.startswith("north: Import default/web: would lose its last source: east, west.")
    assert "-e clusterlink_allow_removals=true" in problem


def test_a_declaration_that_says_nothing_is_named_beside_what_it_takes() -> None:
    problems = refused(declared(), running())
    assert [problem.partition(":")[0] for problem in problems] == [
        "north",
        "clusterlink_services and clusterlink_exports",
    ]
    assert "the clusters hold 2 exports of fabric demo" in problems[1]


def test_a_peer_that_has_left_the_inventory_is_named_once_with_the_clusters_that_hold_it() -> None:
    clusters = running()
    del clusters["west"]
    gone = declared({**WEB, "exported_by": ["east"]}, hosts="east north")
    (problem,) = refused(gone, clusters)
    assert problem.startswith("Peer west: has left the inventory, and clusters still have a link to it: north.")


def test_a_peer_of_a_named_link_is_not_of_the_declaration() -> None:
    clusters = running()
    link = common("west", labels={"skyshift.clusterlink/link": "extra"})
    clusters["north"]["peers"] = [common("east"), link]
    clusters["north"]["imports"] = []
    del clusters["west"]
    assert not refused(declared({**WEB, "exported_by": ["east"]}, hosts="east north"), clusters)


def test_objects_of_another_fabric_are_nobodys_business() -> None:
    others = [common("web", fabric="other", sources=[source("moon")])]
    clusters = running(north={"imports": others, "peers": [common("moon", fabric="other")]})
    assert not refused(declared(WEB), clusters)


def test_namespaces_that_are_looked_up_later_lose_nothing_now() -> None:
    shared = declared(shared_namespaces=[{"name": "default", "clusters": ["east", "west", "north"]}])
    assert not refused(shared, running())
