# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds of a shared namespace, whatever is found in it."""

from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.plan import Plan
from tests.support.examples import examples

from .found import HOSTS, NONE, TRAIN, Data, holds, imported, named, planned, service

ports = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["", "http"]),
            "port": st.sampled_from([80, 81]),
            "protocol": st.sampled_from(["TCP", "TCP", "UDP"]),
            "target_port": st.sampled_from([8080, "http"]),
        }
    ),
    max_size=2,
)
found_services = st.builds(
    lambda name, held, headless, labels: service(name, ports=held, cluster_ip=headless, labels=labels),
    st.sampled_from(["a", "b", "c"]),
    ports,
    st.sampled_from(["10.96.0.7", "10.96.0.7", "None"]),
    st.dictionaries(st.just("share"), st.sampled_from(["yes", "no"])),
)
drawn = st.builds(
    lambda name, peers: imported(name, *peers),
    st.sampled_from(["a", "b", "d"]),
    st.lists(st.sampled_from(HOSTS), min_size=1, unique=True),
)
present = st.builds(
    lambda services, imports: holds(*services, imports=imports),
    st.lists(found_services, max_size=3, unique_by=lambda each: each["name"]),
    st.lists(drawn, max_size=2, unique_by=lambda each: each["name"]),
)
namespaces = st.none() | present
selectors = st.sampled_from(
    [{}, {"matchLabels": {"share": "yes"}}, {"matchExpressions": [{"key": "share", "operator": "Exists"}]}]
)


def fabric(selector: Data, outbound: bool) -> Data:
    return {
        "fabric": "demo",
        "groups": {"clusters": list(HOSTS)},
        "peers": {host: NONE if outbound and host == "north" else {} for host in HOSTS},
        "shared_namespaces": [{**TRAIN, "selector": selector}],
    }


def shuffled(observed: Data, seed: int) -> Data:
    order = random.Random(seed)  # noqa: S311 - not for secrets

    def again(value: Any) -> Any:
        return order.sample(value, len(value)) if isinstance(value, list) else value

    # The order of a Service's ports has a meaning, that of all else has none.
    return {
        host: own and {name: {key: again(value) for key, value in held.items()} for name, held in own.items()}
        for host, own in order.sample(sorted(observed.items()), len(observed))
    }


@examples(60)
@given(
    found=st.fixed_dictionaries(dict.fromkeys(HOSTS, namespaces)),
    selector=selectors,
    outbound=st.booleans(),
    seed=st.integers(),
)
def test_whatever_is_found_the_plan_is_whole_and_the_same_in_any_order(
    found: Data, selector: Data, outbound: bool, seed: int
) -> None:
    data = fabric(selector, outbound)
    plan = planned(data, **found)
    assert json.dumps(plan.as_dict()) == json.dumps(planned(data, **shuffled(found, seed)).as_dict())
    for host, part in plan.peers.items():
        keys = [(each["kind"], each["metadata"]["name"]) for each in part.objects]
        assert len(keys) == len(set(keys)), "two objects of one name"
        own = {each["name"] for each in (found[host] or holds())["train"]["services"]}
        for each in part.objects:
            name = each["metadata"]["name"]
            if each["kind"] == "Import":
                merged = each["metadata"]["labels"].get("import.clusterlink.net/merge") == "true"
                assert merged == (name in own), "merged with a Service that is there, and made where there is none"
                peers = {source["peer"] for source in each["spec"]["sources"]}
                assert host not in peers
                assert peers <= set(named(plan, host, "Peer"))
                known = {peer for peer in peers if found[peer] is not None}
                assert all(name in named(plan, peer, "Export") for peer in known)
            if each["kind"] == "Export" and found[host] is not None:
                assert name in own
        assert outbound is False or host != "north" or not named(plan, host, "Export")
        assert (found[host] is None) == (part.unknown == ("train",))


def _store(plan: Plan, found: Data) -> Data:
    """What each cluster holds after the plan is applied, as it is looked up then."""
    after: Data = {}
    for host, part in plan.peers.items():
        services = found[host]["train"]["services"]
        imports = [
            imported(each["metadata"]["name"], *(source["peer"] for source in each["spec"]["sources"]))
            for each in part.objects
            if each["kind"] == "Import"
        ]
        after[host] = holds(*services, imports=imports)
    return after


@examples(60)
@given(
    found=st.fixed_dictionaries(dict.fromkeys(HOSTS, present)),
    away=st.sampled_from(HOSTS),
    outbound=st.booleans(),
)
def test_planning_again_changes_nothing_and_a_cluster_that_becomes_unreachable_takes_nothing_from_others(
    found: Data, away: str, outbound: bool
) -> None:
    data = fabric({}, outbound)
    first = planned(data, **found)
    after = _store(first, found)
    assert planned(data, **after).as_dict() == first.as_dict()
    without = planned(data, **{**after, away: None})
    for host in set(HOSTS) - {away}:
        before = [each for each in first.peers[host].objects if each["kind"] == "Import"]
        now = {each["metadata"]["name"]: each for each in without.peers[host].objects if each["kind"] == "Import"}
        for each in before:
            sources_now = {source["peer"] for source in now[each["metadata"]["name"]]["spec"]["sources"]}
            assert {source["peer"] for source in each["spec"]["sources"]} <= sources_now
