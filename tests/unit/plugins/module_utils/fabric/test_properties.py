# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every declaration."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.authorization import (
    Client,
    Side,
    Verdict,
    explain,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.declaration import parse, parse_addresses
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.plan import Plan, compile_plan
from tests.support.examples import examples

from .strategies import HOSTS, Data, addresses, clients, declarations, is_declared, shuffled

Key = tuple[str, str, str]

many = examples(60)
few = examples(10)


def planned(data: Data, known: bool = True) -> Plan:
    return compile_plan(parse(data), parse_addresses(addresses(data, known)))


def key(each: Data) -> Key:
    return each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]


def apply(store: dict[Key, str], objects: tuple[Data, ...]) -> int:
    """Make the store hold exactly these objects, as a cluster would, and say how many writes that took."""
    wanted = {key(each): json.dumps(each, sort_keys=True) for each in objects}
    changes = sum(store.get(name) != text for name, text in wanted.items()) + len(store.keys() - wanted.keys())
    store.clear()
    store.update(wanted)
    return changes


def named(plan: Plan, host: str, kind: str) -> set[str]:
    return {each["metadata"]["name"] for each in plan.peers[host].objects if each["kind"] == kind}


@many
@given(data=declarations(), seed=st.integers())
def test_every_plan(data: Data, seed: int) -> None:
    """To draw a declaration takes longer than to plan it, so each is tried for all that holds for every one."""
    before = copy.deepcopy(data)
    plan, again = planned(data), planned(shuffled(data, seed))
    assert data == before, "planning has altered the declaration"
    assert json.dumps(again.as_dict()) == json.dumps(plan.as_dict()), "the order of a declaration means nothing"
    applying_twice_changes_nothing(plan, again)
    every_source_of_an_import_is_a_peer_or_pending(plan, set())
    every_source_of_an_import_is_a_peer_or_pending(planned(data, known=False), {"alpha"})
    no_cluster_has_a_peer_object_for_one_without_ingress(plan)
    every_import_imports_from_exports_that_are_there(plan)
    every_object_carries_the_labels_of_its_owner(plan)
    the_client_of_a_probe_is_let_through_to_the_sources_it_names(plan, data)


def applying_twice_changes_nothing(plan: Plan, again: Plan) -> None:
    stores: dict[str, dict[Key, str]] = {host: {} for host in HOSTS}
    for host in HOSTS:
        assert apply(stores[host], plan.peers[host].objects) == len(plan.peers[host].objects), "two objects of one name"
    assert sum(apply(stores[host], again.peers[host].objects) for host in HOSTS) == 0


def every_source_of_an_import_is_a_peer_or_pending(plan: Plan, unknown: set[str]) -> None:
    for host, part in plan.peers.items():
        waiting = {each.name for each in part.pending}
        peers = named(plan, host, "Peer") | waiting
        assert not named(plan, host, "Peer") & waiting
        assert waiting <= unknown
        for each in part.objects:
            if each["kind"] == "Import":
                assert {source["peer"] for source in each["spec"]["sources"]} <= peers


def no_cluster_has_a_peer_object_for_one_without_ingress(plan: Plan) -> None:
    assert all("edge" not in named(plan, host, "Peer") for host in HOSTS)
    assert all(
        link.source == "edge" and not link.both_ways for link in plan.links if "edge" in (link.source, link.target)
    )


def every_import_imports_from_exports_that_are_there(plan: Plan) -> None:
    exports = {
        host: {key(each)[1:] for each in part.objects if each["kind"] == "Export"} for host, part in plan.peers.items()
    }
    for part in plan.peers.values():
        for each in part.objects:
            for source in each["spec"].get("sources", []):
                if source["peer"] in HOSTS:
                    assert (source["exportNamespace"], source["exportName"]) in exports[source["peer"]]


def every_object_carries_the_labels_of_its_owner(plan: Plan) -> None:
    owner = {"app.kubernetes.io/managed-by": "skyshift.clusterlink", "skyshift.clusterlink/fabric": "demo"}
    for part in plan.peers.values():
        assert all(owner.items() <= each["metadata"]["labels"].items() for each in part.objects)


def the_client_of_a_probe_is_let_through_to_the_sources_it_names(plan: Plan, data: Data) -> None:
    for host, part in plan.peers.items():
        imports = {key(each)[1:]: each for each in part.objects if each["kind"] == "Import"}
        assert len(imports) == len(part.probes)
        for probe in part.probes:
            imported = imports[probe.namespace, probe.name]
            sources = [source["peer"] for source in imported["spec"]["sources"]]
            if probe.client is None:
                assert list(probe.sources) == sources
            else:
                allowed = [each.peer for each in verdicts(plan, data, host, imported, probe.client) if each.allowed]
                assert list(probe.sources) == allowed


def verdicts(plan: Plan, data: Data, host: str, imported: Data, client: Client) -> list[Verdict]:
    sides = {name: Side.of(name, data["peers"][name]["labels"], plan.peers[name].objects) for name in HOSTS}
    return explain(client, sides[host], imported, sides)


@many
@given(data=declarations(), client=clients)
def test_services_without_policies(data: Data, client: Client) -> None:
    data["policies"] = []
    data["peers"]["gamma"].pop("access_policies", None)
    plan = planned(data)
    for service in data["services"]:
        for host in service["imported_by"]:
            a_client_is_let_through_exactly_when_a_rule_allows_it(plan, data, service, host, client)
            a_probe_has_a_client_when_the_service_allows_anyone(plan, service, host)


def a_client_is_let_through_exactly_when_a_rule_allows_it(
    plan: Plan, data: Data, service: Data, host: str, client: Client
) -> None:
    own = service.get("import_as", service)
    imported = next(each for each in plan.peers[host].objects if key(each) == ("Import", own["namespace"], own["name"]))
    expected = is_declared(service, host, client)
    for verdict in verdicts(plan, data, host, imported, client):
        assert verdict.importing.allowed == expected
        assert verdict.allowed == expected
        assert not expected or (verdict.exporting is not None and verdict.exporting.allowed)


def a_probe_has_a_client_when_the_service_allows_anyone(plan: Plan, service: Data, host: str) -> None:
    own = service.get("import_as", service)
    anyone = any(host in rule["from"].get("peers", [host]) for rule in service["allow"])
    probe = next(
        each for each in plan.peers[host].probes if (each.namespace, each.name) == (own["namespace"], own["name"])
    )
    assert (probe.client is not None) == anyone


def broken_service(**changes: Any) -> Data:
    service = {"name": "new", "port": 80, "exported_by": ["alpha"], "imported_by": ["gamma"]}
    return {name: value for name, value in {**service, **changes}.items() if value is not ...}


def broken_policy(**changes: Any) -> Data:
    return {"name": "new", "tier": "privileged", "from": [{}], "to": [{}], **changes}


BROKEN: dict[str, tuple[str, Data, str]] = {
    "port 0": ("services", broken_service(port=0), ".port"),
    "port too high": ("services", broken_service(port=70000), ".port"),
    "port in words": ("services", broken_service(port="http"), ".port"),
    "port true": ("services", broken_service(port=True), ".port"),
    "no port": ("services", broken_service(port=...), ".port"),
    "no name": ("services", broken_service(name=...), ".name"),
    "long name": ("services", broken_service(name="a" * 64), ".name"),
    "no DNS label": ("services", broken_service(name="Web_1"), ".name"),
    "unknown exporter": ("services", broken_service(exported_by=["alpha", "nowhere"]), ".exported_by[1]"),
    "no exporter": ("services", broken_service(exported_by=[]), ".exported_by"),
    "unknown importer": ("services", broken_service(imported_by="nowhere"), ".imported_by"),
    "outbound-only exporter": ("services", broken_service(exported_by=["edge"]), ".exported_by"),
    "own importer": ("services", broken_service(imported_by=["gamma", "alpha"]), ".imported_by"),
    "unknown key": ("services", broken_service(exportedby=["beta"]), ".exportedby"),
    "unknown scheme": ("services", broken_service(lb_scheme="fair"), ".lb_scheme"),
    "bad rule": ("services", broken_service(allow=[{"from": {"app": 1}}]), ".allow[0].from.app"),
    "rule for nobody": ("services", broken_service(allow=[{"from": {"peers": ["beta"]}}]), ".allow[0].from"),
    "unknown link": ("links", {"source": "alpha", "target": "nowhere"}, ".target"),
    "link to itself": ("links", {"source": "alpha", "target": "alpha"}, ""),
    "link to a cluster without ingress": ("links", {"source": "beta", "target": "edge"}, ".target"),
    "policy without clients": ("policies", broken_policy(**{"from": []}), ".from"),
    "policy without services": ("policies", broken_policy(to=[]), ".to"),
    "policy with a wrong action": ("policies", broken_policy(action="drop"), ".action"),
}


@few
@given(data=declarations())
def test_a_broken_addition_never_compiles_and_is_named_by_its_path(data: Data) -> None:
    for name, (part, addition, path) in BROKEN.items():
        broken = {**data, part: [*data[part], addition]}
        if part == "links":
            broken.update(link_mode="on_demand", links=[addition])
        with pytest.raises(ClusterlinkError) as caught:
            parse(copy.deepcopy(broken))
        where = f"clusterlink_{part}[{len(broken[part]) - 1}]{path}"
        assert where in {problem.where for problem in caught.value.problems}, name


OWN_BROKEN: dict[str, tuple[str, Data, str]] = {
    "export": ("exports", {"name": "new", "port": "http"}, ".port"),
    "import of nothing": ("imports", {"name": "new", "port": 80, "sources": []}, ".sources"),
    "import from nowhere": (
        "imports",
        {"name": "new", "port": 80, "sources": [{"peer": "nowhere"}]},
        ".sources[0].peer",
    ),
    "import of no export": ("imports", {"name": "new", "port": 80, "sources": [{"peer": "alpha"}]}, ".sources[0]"),
    "peer without address": ("peers", {"name": "new", "port": 443}, ".host"),
    "policy without tier": ("access_policies", {"name": "new", "from": [{}], "to": [{}]}, ".namespace"),
}


@few
@given(data=declarations())
def test_a_broken_addition_to_a_hosts_list_never_compiles_and_is_named_by_host_and_path(data: Data) -> None:
    for name, (part, addition, path) in OWN_BROKEN.items():
        broken = copy.deepcopy(data)
        own = broken["peers"]["delta"].setdefault(part, [])
        own.append(addition)
        with pytest.raises(ClusterlinkError) as caught:
            parse(broken)
        where = f"clusterlink_{part}[{len(own) - 1}]{path}"
        assert ("delta", where) in {(problem.host, problem.where) for problem in caught.value.problems}, name
