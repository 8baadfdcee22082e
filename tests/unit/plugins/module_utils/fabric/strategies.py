# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random declarations, as the plain data that the inventory gives; all of them valid."""

from __future__ import annotations

import copy
import random
from typing import Any

from hypothesis import strategies as st

HOSTS = ["alpha", "beta", "gamma", "delta", "edge"]
GROUPS = {"eu": ["alpha", "beta"], "us": ["gamma", "delta"]}
NAMESPACES = ["default", "shop"]
LABEL_VALUES = ["a", "b", "c"]

Data = dict[str, Any]

label_maps = st.dictionaries(st.sampled_from(["app", "tier"]), st.sampled_from(LABEL_VALUES), max_size=2)
peer_labels = st.dictionaries(st.just("region"), st.sampled_from(["eu", "us"]), max_size=1)


def subsets(values: list[str], least: int = 0) -> st.SearchStrategy[list[str]]:
    """Lists of some of the values, each at most once."""
    return st.lists(st.sampled_from(values), min_size=least, unique=True)


@st.composite
def client_selectors(draw: st.DrawFn) -> Data:
    """A selector of clients."""
    selector: Data = {}
    if draw(st.booleans()):
        selector["labels"] = draw(label_maps)
    if draw(st.booleans()):
        selector["namespace"] = draw(st.sampled_from([*NAMESPACES, ["shop", "default"]]))
    if draw(st.integers(0, 3)) == 0:
        selector["service_account"] = draw(st.sampled_from(["default", "robot"]))
    return selector


@st.composite
def services(draw: st.DrawFn, index: int) -> Data:
    """A service; clusters that export it import it merged, as the first one may be, or under another name."""
    merged = index == 0 and draw(st.booleans())
    # The cluster edge has no ingress, so that nobody could import from it.
    exported_by = draw(subsets(HOSTS[:-1], least=1))
    others = [host for host in HOSTS if host not in exported_by]
    service: Data = {
        "name": f"svc{index}",
        "namespace": draw(st.sampled_from(NAMESPACES)),
        "port": draw(st.integers(1, 65535) | st.just("8080")),
        "exported_by": exported_by,
        "imported_by": draw(subsets(HOSTS if merged and len(exported_by) > 1 else others)),
        "lb_scheme": draw(st.sampled_from(["round-robin", "random", "static"])),
        "merge": merged,
        "labels": draw(label_maps),
        "allow": [{"from": each} for each in draw(st.lists(client_selectors() | label_maps, max_size=3))],
    }
    if not merged and draw(st.booleans()):
        service["import_as"] = {"name": f"local{index}", "namespace": "imported", "port": 9000 + index}
        service["imported_by"] = draw(subsets(HOSTS))
    if service["imported_by"] and draw(st.booleans()):
        importers = draw(subsets(service["imported_by"], least=1))
        service["allow"].append({"from": {**draw(client_selectors()), "peers": importers}})
    return service


@st.composite
def policies(draw: st.DrawFn, index: int) -> Data:
    """A policy of either tier, about everything or about what some labels select."""
    policy: Data = {
        "name": f"policy{index}",
        "action": draw(st.sampled_from(["allow", "deny"])),
        "from": draw(st.lists(client_selectors(), min_size=1, max_size=2)),
        "to": draw(st.lists(st.fixed_dictionaries({}, optional={"labels": label_maps}), min_size=1, max_size=2)),
    }
    if draw(st.booleans()):
        return {**policy, "tier": "privileged"}
    return {**policy, "namespace": draw(st.sampled_from(NAMESPACES)), "clusters": draw(subsets(HOSTS, least=1))}


@st.composite
def declarations(draw: st.DrawFn) -> Data:
    """A whole fabric of five clusters, of which one only calls out."""
    peers: Data = {host: {"labels": draw(peer_labels)} for host in HOSTS}
    peers["edge"]["ingress_type"] = "none"
    declared = [draw(services(index)) for index in range(draw(st.integers(0, 4)))]
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
        peers["gamma"]["access_policies"] = [{**draw(policies(9)), "name": "own"}]
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
        "policies": [draw(policies(index)) for index in range(draw(st.integers(0, 3)))],
        "peers": peers,
    }


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
