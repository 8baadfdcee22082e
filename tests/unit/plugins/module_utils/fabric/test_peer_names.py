# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts whose names cannot be a peer's are given one, which is used everywhere the peer is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.filter.certificate_peers import certificate_peers
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.declaration import parse, parse_addresses
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.link_request import request
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.link_view import Fabric
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.peer_names import hosts_by_peer
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.plan import compile_plan
from ansible_collections.skyshift.clusterlink.plugins.module_utils.outcome import Mode
from ansible_collections.skyshift.clusterlink.plugins.module_utils.preflight.identity import Expected, identity_problems
from ansible_collections.skyshift.clusterlink.plugins.module_utils.preflight.removal import removals
from ansible_collections.skyshift.clusterlink.plugins.modules.fabric_impact import TASK as IMPACT

Data = dict[str, Any]
Problems = Callable[[Data], list[str]]

EAST = "K8S_East.example"
"""A host with every character that no peer's name has."""


def declaration(called: str, **more: Any) -> Data:
    """East exports to west, and everything that names a cluster calls east so."""
    web = {"name": "web", "port": 80, "exported_by": [called], "imported_by": ["west"]}
    source = {"peer": EAST if called == "eu" else called, "export_name": "db"}  # a source is one cluster
    host: Data = {"peer_name": "east", "exports": [{"name": "db", "port": 5432}], "labels": {"tier": "a"}}
    return {
        "fabric": "demo",
        "groups": {"clusters": [EAST, "west"], "eu": [EAST]},
        "peers": {EAST: host, "west": {"imports": [{"name": "db", "port": 5432, "sources": [source]}]}},
        "services": [{**web, "allow": [{"from": {}}]}],
        "links": [{"source": called, "target": "west", "name": "main"}],
        "shared_namespaces": [{"name": "train", "clusters": [called, "west"]}],
        "policies": [{"name": "no", "tier": "privileged", "action": "deny", "from": [{"peers": called}], "to": [{}]}],
        **more,
    }


def planned(data: Data) -> Data:
    addresses = {name: {"host": f"{name}.gateway", "port": 443} for name in ("east", "west")}
    return compile_plan(parse(data), parse_addresses(addresses)).as_dict()


def test_a_cluster_may_be_called_by_its_peers_name_its_hosts_and_its_group() -> None:
    plans = [planned(declaration(called)) for called in ("east", EAST, "eu")]
    assert plans[0] == plans[1] == plans[2]
    assert list(plans[0]["peers"]) == list(plans[0]["gateways"]) == ["east", "west"]
    written = json.dumps({name: part["objects"] + part["probes"] for name, part in plans[0]["peers"].items()})
    assert "east.gateway" in written
    assert EAST not in written


@pytest.mark.parametrize("called", ["east", EAST])
def test_a_source_of_an_import_may_be_the_cluster_itself_by_either_name(called: str) -> None:
    data = declaration("east")
    data["peers"][EAST]["imports"] = [{"name": "x", "port": 1, "sources": [{"peer": called, "export_name": "db"}]}]
    objects = planned(data)["peers"]["east"]["objects"]
    (found,) = (obj for obj in objects if obj["kind"] == "Import" and obj["metadata"]["name"] == "x")
    assert [source["peer"] for source in found["spec"]["sources"]] == ["east"]


@pytest.mark.parametrize(
    ("host", "own", "what"),
    [
        ("north", "west", "north: clusterlink_peer_name: is also the peer name of host west"),
        ("north", EAST, "north: clusterlink_peer_name: is not a DNS label"),
        ("north", "East", "north: clusterlink_peer_name: is not a DNS label"),
        ("north", 7, "north: clusterlink_peer_name: must be a string"),
        ("north", "far", "north: clusterlink_peer_name: is also the name of a group with other hosts"),
        ("nor_th", None, "nor_th: inventory_hostname: is not a DNS label"),
    ],
)
def test_a_name_that_no_peer_can_have_or_that_means_two(problems: Problems, host: str, own: Any, what: str) -> None:
    data = declaration("east")
    data["groups"]["far"] = [host, "west"]
    data["peers"][host] = {"peer_name": own}
    (problem,) = problems(data)
    assert problem.startswith(what)


def test_the_name_of_another_host_means_two_clusters(problems: Problems) -> None:
    data = declaration("east")
    data["peers"] = {**data["peers"], "east": {"peer_name": "orient"}}
    assert any(
        each.startswith(f"{EAST}: clusterlink_peer_name: is the name of another host") for each in problems(data)
    )


def test_a_group_of_one_may_have_its_clusters_name() -> None:
    data = declaration("east")
    data["groups"]["east"] = [EAST]
    assert planned(data) == planned(declaration("east"))


def test_problems_of_a_cluster_name_its_host(problems: Problems) -> None:
    data = declaration("east")
    data["peers"]["west"]["imports"][0]["sources"][0]["export_name"] = "bd"
    data["peers"]["west"]["peer_name"] = "abend"
    data["services"], data["shared_namespaces"] = [], []
    (problem,) = problems(data)
    assert problem.startswith("west: clusterlink_imports[0].sources[0]: is not exported by east")


@pytest.mark.parametrize("called", ["east", EAST])
def test_a_link_by_name_takes_both_names(called: str) -> None:
    infos = {name: {"served": True, "peers": [], "imports": []} for name in ("east", "west")}
    addresses = parse_addresses({name: {"host": name, "port": 1} for name in infos})
    fabric = Fabric(parse(declaration("east", links=[])), infos)
    made = request(fabric, addresses, {"name": "backup", "source": called, "target": "west"}, state="present")
    assert {side: own["peer"] for side, own in made.as_dict()["sides"].items()} == {"east": "west", "west": "east"}


@pytest.mark.parametrize("called", ["east", EAST])
def test_the_impact_of_a_peers_removal_takes_both_names(called: str) -> None:
    params = {"peers": [called], "services": [], "force": True, "declaration": declaration("east"), "infos": None}
    losses = IMPACT.run(params, Mode()).values["losses"]
    assert {each["name"] for each in losses} >= {"db", "web"}


def test_a_changed_peer_name_is_the_gateway_of_another_peer() -> None:
    gateway = {"namespace": "ns", "fabric": "demo", "peer": "east", "trusted": ["aa"]}
    found = {EAST: {"uid": "1", "gateways": [gateway]}}

    def refused(peer: str) -> list[str]:
        expected = Expected("demo", {EAST: peer}, {EAST: "ns"}, "/pki/demo", ["aa"])
        return [str(each) for each in identity_problems(expected, found, replace_gateway=False, any_ca=False)]

    assert not refused("east")
    (problem,) = refused("orient")
    assert problem.startswith(f"{EAST}: namespace ns: contains the gateway of another peer (found: east)")
    assert "clusterlink_peer_name" in problem


def test_what_a_cluster_would_lose_is_compared_by_peer_and_said_by_host() -> None:
    source = {"peer": "east", "export_name": "web", "export_namespace": "default"}
    held = {"name": "web", "namespace": "default", "fabric": "demo", "labels": {}, "sources": [source]}
    own = {"peers": [{"name": "west", "fabric": "demo", "labels": {}}], "exports": [held], "imports": []}
    clusters = {EAST: own, "west": {"peers": [], "exports": [], "imports": [held]}}
    data = declaration("east", shared_namespaces=[])
    data["peers"]["west"]["peer_name"] = "abend"
    data["peers"][EAST]["imports"] = []
    (gone,) = removals(parse(data), clusters)
    assert str(gone).startswith("Peer west: has left the inventory, and clusters still have a link to it: east.")
    data["services"] = []
    assert any(str(each).startswith("west: Import default/web") for each in removals(parse(data), clusters))


def test_filters_of_playbooks_name_peers() -> None:
    hostvars: Data = {EAST: {"clusterlink_peer_name": "east", "clusterlink_key_type": "rsa"}, "west": {}}
    assert list(hosts_by_peer(["west", EAST], hostvars).items()) == [("west", "west"), ("east", EAST)]
    assert certificate_peers([EAST, "west"], hostvars) == [{"name": "east", "key_type": "rsa"}, {"name": "west"}]
