# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random declarations, as the plain data that the inventory gives; all of them valid."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.authorization import Client

HOSTS = ["alpha", "beta", "gamma", "delta", "edge"]
GROUPS = {"eu": ["alpha", "beta"], "us": ["gamma", "delta"]}
NAMESPACES = ["default", "shop"]
ACCOUNTS = ["default", "robot"]
LABEL_VALUES = ["a", "b", "c"]

Data = dict[str, Any]

label_maps = st.dictionaries(st.sampled_from(["app", "tier"]), st.sampled_from(LABEL_VALUES), max_size=2)
some_labels = st.dictionaries(st.sampled_from(["app", "tier"]), st.sampled_from(LABEL_VALUES), min_size=1, max_size=2)
peer_labels = st.dictionaries(st.just("region"), st.sampled_from(["eu", "us"]), max_size=1)
clients = st.builds(
    Client, namespace=st.sampled_from(NAMESPACES), labels=label_maps, service_account=st.sampled_from(ACCOUNTS)
)


def subsets(values: Sequence[str], least: int = 0) -> st.SearchStrategy[list[str]]:
    """Lists of some of the values, each at most once."""
    return st.lists(st.sampled_from(values), min_size=least, unique=True) if values else st.just([])


@st.composite
def client_selectors(draw: st.DrawFn) -> Data:
    """A selector of clients."""
    selector: Data = {}
    if draw(st.booleans()):
        selector["labels"] = draw(some_labels)
    if draw(st.booleans()):
        selector["namespace"] = draw(st.sampled_from([*NAMESPACES, ["shop", "default"]]))
    if draw(st.integers(0, 3)) == 0:
        selector["service_account"] = draw(st.sampled_from(ACCOUNTS))
    return selector


@st.composite
def services(draw: st.DrawFn, index: int, hosts: Sequence[str], exporters: Sequence[str]) -> Data:
    """A service; clusters that export it import it merged, as the first one may be, or under another name."""
    merged = index == 0 and draw(st.booleans())
    exported_by = draw(subsets(exporters, least=1))
    others = [host for host in hosts if host not in exported_by]
    service: Data = {
        "name": f"svc{index}",
        "namespace": draw(st.sampled_from(NAMESPACES)),
        "port": draw(st.integers(1, 65535) | st.just("8080")),
        "exported_by": exported_by,
        "imported_by": draw(subsets(hosts if merged and len(exported_by) > 1 else others)),
        "lb_scheme": draw(st.sampled_from(["round-robin", "random", "static"])),
        "merge": merged,
        "labels": draw(label_maps),
        "allow": [{"from": each} for each in draw(st.lists(client_selectors() | label_maps, max_size=3))],
    }
    if not merged and draw(st.booleans()):
        service["import_as"] = {"name": f"local{index}", "namespace": "imported", "port": 9000 + index}
        service["imported_by"] = draw(subsets(hosts))
    if service["imported_by"] and draw(st.booleans()):
        importers = draw(subsets(service["imported_by"], least=1))
        service["allow"].append({"from": {**draw(client_selectors()), "peers": importers}})
    return service


@st.composite
def policies(draw: st.DrawFn, index: int, hosts: Sequence[str]) -> Data:
    """A policy of either tier, about everything or about what some labels select."""
    policy: Data = {
        "name": f"policy{index}",
        "action": draw(st.sampled_from(["allow", "deny"])),
        "from": draw(st.lists(client_selectors(), min_size=1, max_size=2)),
        "to": draw(st.lists(st.fixed_dictionaries({}, optional={"labels": some_labels}), min_size=1, max_size=2)),
    }
    if draw(st.booleans()):
        return {**policy, "tier": "privileged"}
    return {**policy, "namespace": draw(st.sampled_from(NAMESPACES)), "clusters": draw(subsets(hosts, least=1))}


@st.composite
def declarations(draw: st.DrawFn) -> Data:
    """A whole fabric of five clusters, of which one only calls out."""
    peers: Data = {host: {"labels": draw(peer_labels)} for host in HOSTS}
    peers["edge"]["ingress_type"] = "none"
    # The cluster edge has no ingress, so that nobody could import from it.
    declared = [draw(services(index, HOSTS, HOSTS[:-1])) for index in range(draw(st.integers(0, 4)))]
    # Low-level lists: an export of a name of its own, and an import of it elsewhere.
    if draw(st.booleans()):
        peers["alpha"]["exports"] = [
            {"name": "own", "port": 5432, "host": "db.example.com", "labels": draw(label_maps)}
        ]
        imported = {"name": "own", "port": 5432, "sources": [{"peer": "alpha"}], "lb_scheme": "random"}
        peers[draw(st.sampled_from(HOSTS[1:]))]["imports"] = [imported]
    if draw(st.booleans()):
        peers["beta"]["peers"] = [{"name": "outside", "host": "192.0.2.7", "port": 443}]
        outside = {"name": "afar", "port": 80, "sources": [{"peer": "outside", "export_name": "web"}]}
        peers["beta"].setdefault("imports", []).append(outside)
    if draw(st.booleans()):
        peers["gamma"]["access_policies"] = [{**draw(policies(9, HOSTS)), "name": "own"}]
        peers["gamma"]["access_policies"][0].pop("clusters", None)
    link_mode = draw(st.sampled_from(["on_demand", "mesh", "explicit"]))
    links = draw(st.lists(st.sampled_from([{"source": "eu", "target": "us"}, {"source": "edge", "target": "alpha"}])))
    return {
        "fabric": "demo",
        "group": "clusters",
        "groups": {"clusters": HOSTS, **GROUPS},
        "link_mode": link_mode,
        "links": [{"source": "clusters", "target": "clusters"}] if link_mode == "explicit" else links,
        "services": declared,
        "policies": [draw(policies(index, HOSTS)) for index in range(draw(st.integers(0, 3)))],
        "peers": peers,
    }


def _fits(value: Any, found: str | None) -> bool:
    return found in (value if isinstance(value, list) else [value])


def is_declared(service: Data, peer: str, client: Client) -> bool:
    """Whether the service's entry, read by itself, names this client of this peer."""

    def matches(rule: Data) -> bool:
        words = {"labels", "namespace", "service_account", "peers"}
        selector: Data = rule if words & rule.keys() else {"labels": rule}
        return (
            all(_fits(value, client.labels.get(name)) for name, value in selector.get("labels", {}).items())
            and _fits(selector.get("namespace", client.namespace), client.namespace)
            and _fits(selector.get("service_account", client.service_account), client.service_account)
            and _fits(selector.get("peers", service["imported_by"]), peer)
        )

    return any(matches(rule["from"]) for rule in service["allow"])


def addresses(data: Data, known: bool = True) -> Data:
    """An address for every cluster that can have one; unless known, the first has none."""
    found: Data = {
        host: {"host": f"{host}.example.com", "port": 443}
        for host, own in data["peers"].items()
        if own.get("ingress_type") != "none"
    }
    return found if known else {**found, "alpha": None}


def shuffled(value: Any, seed: int) -> Any:
    """The same data in another order, but for lists whose order has a meaning: exporters in preference order."""
    order = random.Random(seed)  # noqa: S311 - not for secrets

    def again(each: Any, static: bool = False) -> Any:
        if isinstance(each, dict):
            items = list(each.items())
            order.shuffle(items)
            keeps = each.get("lb_scheme") == "static"
            return {key: again(item, keeps and key in ("exported_by", "sources")) for key, item in items}
        if isinstance(each, list):
            entries = [again(entry) for entry in each]
            if not static:
                order.shuffle(entries)
            return entries
        return each

    return again(copy.deepcopy(value))
