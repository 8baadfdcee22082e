# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links as they are shown, and links that are added by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.api import link_labels
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.declaration import parse, parse_addresses
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.link_request import LinkRequest, request
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.link_view import (
    Fabric,
    LinkState,
    changes,
    link_states,
    links_table,
    problems,
)

if TYPE_CHECKING:
    from tests.unit.plugins.module_utils.fabric.conftest import Data, Declare

SINCE = "2025-01-31T12:00:00Z"
ADDRESSES = {host: {"host": f"{host}.example.com", "port": 443} for host in ("east", "west", "north")}


def peer(name: str, *, up: bool = True, labels: dict[str, str] | None = None, fabric: str = "demo") -> dict[str, Any]:
    state = {"reachable": up, "since": SINCE, "reason": "Heartbeat", "message": "" if up else "no answer"}
    return {"name": name, "labels": labels or {}, "fabric": fabric, **state}


def infos(**peers: list[dict[str, Any]]) -> dict[str, Any]:
    """What the three clusters hold."""
    return {host: {"served": True, "peers": peers.get(host, []), "imports": []} for host in ("east", "west", "north")}


BACKUP = link_labels("backup", "west")
ASKED = infos(east=[peer("west", labels=BACKUP)], west=[peer("east", labels=BACKUP)])


def one(fabric: Fabric) -> LinkState:
    (state,) = link_states(fabric)
    return state


def test_a_link_that_was_added_is_shown_from_its_source_with_its_name(declare: Declare) -> None:
    state = one(Fabric(parse(declare()), ASKED))
    assert (state.name, state.source, state.target, state.ready, state.purposes) == (
        *("backup", "west", "east", True),
        ("on demand",),
    )


def test_a_link_is_ready_only_when_both_sides_reach_each_other(declare: Declare) -> None:
    fabric = parse(declare(links=[{"source": "east", "target": "west"}]))
    for east, west in ([True, False], [False, True], [False, False]):
        state = one(Fabric(fabric, infos(east=[peer("west", up=east)], west=[peer("east", up=west)])))
        assert not state.ready
        assert "no answer" in problems([state])[0]
    state = one(Fabric(fabric, infos(east=[peer("west")])))
    assert (state.back.state, state.ready) == ("missing", False)
    assert state.reason == "west to east: the Peer does not exist"
    assert one(Fabric(fabric, infos(east=[peer("west")], west=[peer("east")]))).ready


def test_a_cluster_that_could_not_be_read_is_unknown_not_missing(declare: Declare) -> None:
    fabric = parse(declare(links=[{"source": "east", "target": "west", "name": "main"}]))
    state = one(Fabric(fabric, {**infos(east=[peer("west")]), "west": {"msg": "no route"}}))
    assert (state.name, state.back.state, state.reason) == ("main", "unknown", "west to east: no route")


def test_a_cause_of_both_directions_is_said_once(declare: Declare) -> None:
    fabric = parse(declare(links=[{"source": "east", "target": "west"}]))
    away = {"msg": "no such kubeconfig"}
    state = one(Fabric(fabric, {**infos(), "east": away, "west": away}))
    assert state.reason == "east to west, west to east: no such kubeconfig"


def test_a_cluster_without_ingress_has_one_way_only(declare: Declare) -> None:
    fabric = parse(declare(links=[{"source": "east", "target": "west"}], east={"ingress_type": "none"}))
    state = one(Fabric(fabric, infos(east=[peer("west")])))
    assert (state.forward.state, state.back.state, state.ready) == ("reachable", "-", True)


def test_a_peer_that_nobody_declared_is_shown_and_is_no_problem(declare: Declare) -> None:
    state = one(Fabric(parse(declare()), infos(east=[peer("west", up=False)])))
    assert (state.name, state.purposes, problems([state])) == ("east-west", ("not declared",), [])


def test_a_clusters_peer_of_its_own_name_is_no_link(declare: Declare) -> None:
    assert link_states(Fabric(parse(declare()), infos(east=[peer("east")]))) == []


def test_a_link_of_another_fabric_was_not_added_here(declare: Declare) -> None:
    foreign = infos(east=[peer("west", labels=BACKUP, fabric="other")])
    assert one(Fabric(parse(declare()), foreign)).purposes == ("not declared",)


def test_a_declared_link_that_was_also_added_keeps_the_name(declare: Declare, web: Data) -> None:
    web |= {"exported_by": "east", "imported_by": "west"}
    state = one(Fabric(parse(declare(services=[web])), ASKED))
    assert (state.name, state.source, state.purposes) == ("backup", "west", ("service default/web", "on demand"))


def test_the_table_is_aligned_and_has_a_line_for_each_link(declare: Declare) -> None:
    lines = links_table(link_states(Fabric(parse(declare()), ASKED)))
    assert lines[0].split() == ["NAME", "SOURCE", "TARGET", "FORWARD", "SINCE", "BACK", "SINCE", "FOR", "REASON"]
    assert lines[1].split()[:7] == ["backup", "west", "east", "reachable", SINCE, "reachable", SINCE]
    assert lines[1].index("east") == lines[0].index("TARGET")


def test_only_what_changed_is_said(declare: Declare) -> None:
    fabric = parse(declare())
    up = link_states(Fabric(fabric, ASKED))
    down = link_states(Fabric(fabric, infos(east=[peer("west", labels=BACKUP)])))
    assert changes(up, up) == []
    assert changes(up, down) == [
        "backup west east: not ready, forward missing, back reachable (west to east: the Peer does not exist)"
    ]
    assert changes([], up) == ["backup west east: ready, forward reachable, back reachable"]
    assert changes(up, []) == ["backup west east: removed"]


def ask(
    data: Data, held: dict[str, Any] | None = None, *, state: str = "present", force: bool = False, **given: Any
) -> LinkRequest:
    fabric = Fabric(parse(data), infos() if held is None else held)
    given = {"name": None, "source": None, "target": None, **given}
    return request(fabric, parse_addresses(ADDRESSES), given, state=state, force=force)


def refused(*args: Any, **kwargs: Any) -> list[tuple[str, str]]:
    with pytest.raises(ClusterlinkError) as caught:
        ask(*args, **kwargs)
    return [(each.where, each.what) for each in caught.value.problems]


def test_each_side_gets_the_address_of_the_other(declare: Declare) -> None:
    made = ask(declare(), name="backup", source="west", target="east").as_dict()
    assert made["sides"] == {
        "west": {"peer": "east", "gateways": [ADDRESSES["east"]]},
        "east": {"peer": "west", "gateways": [ADDRESSES["west"]]},
    }


def test_an_address_of_a_clusters_own_goes_first(declare: Declare) -> None:
    own = {"peers": [{"name": "west", "host": "10.0.0.1", "port": 9}]}
    sides = ask(declare(east=own), name="east-west", source="west", target="east").as_dict()["sides"]
    assert sides["east"]["gateways"] == [{"host": "10.0.0.1", "port": 9}]


@pytest.mark.parametrize(
    ("given", "where", "what"),
    [
        ({}, ["name", "source", "target"], "is required"),
        ({"name": "x", "source": "east"}, ["target"], "is required"),
        ({"name": "", "source": "east", "target": "west"}, ["name"], "must be a string"),
        ({"name": "Bad", "source": "east", "target": "west"}, ["name"], "is not a DNS label"),
        ({"name": "x" * 64, "source": "east", "target": "west"}, ["name"], "is 64 characters long"),
        ({"name": "x", "source": "east", "target": "east"}, ["target"], "is the same cluster as the source"),
        ({"name": "x", "source": "eats", "target": "clusters"}, ["source", "target"], "is not a cluster"),
    ],
)
def test_bad_input_is_refused_as_a_whole(declare: Declare, given: dict[str, str], where: list[str], what: str) -> None:
    found = refused(declare(), **given)
    assert [each for each, _what in found] == where
    assert all(what in said for _where, said in found)


@pytest.mark.parametrize("name", ["backup", "main", "east-north"])
def test_a_name_of_another_link_is_refused(declare: Declare, name: str) -> None:
    links = [{"source": "east", "target": "north"}, {"source": "west", "target": "north", "name": "main"}]
    declared, held = declare(links=links), ASKED
    found = refused(declared, held, name=name, source="north", target="east" if name != "east-north" else "west")
    assert found[0][0] == "name"
    assert "is the name of the link from" in found[0][1]


def test_a_second_name_for_a_link_is_refused_and_the_same_again_is_not(declare: Declare) -> None:
    assert "is a second name" in refused(declare(), ASKED, name="spare", source="east", target="west")[0][1]
    assert ask(declare(), ASKED, name="backup", source="west", target="east").name == "backup"


def test_a_declared_link_without_a_name_can_be_given_one(declare: Declare) -> None:
    assert ask(
        declare(links=[{"source": "east", "target": "west"}]), name="main", source="east", target="west"
    ).gateways


def test_a_cluster_that_cannot_be_reached_or_read_is_refused(declare: Declare) -> None:
    asked = {"name": "x", "source": "east", "target": "west"}
    assert "has no ingress" in refused(declare(west={"ingress_type": "none"}), **asked)[0][1]
    assert "cannot be linked: no route" in refused(declare(), {**infos(), "west": {"msg": "no route"}}, **asked)[0][1]
    bare = {**infos(), "west": {"served": False, "peers": []}}
    assert "ClusterLink is not installed there" in refused(declare(), bare, **asked)[0][1]


def test_a_cluster_with_definitions_and_no_gateway_is_refused(
    declare: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(ADDRESSES, "west")
    found = refused(declare(), name="x", source="east", target="west")
    assert found == [("target", "cannot be linked: it has no gateway with an address")]


def test_a_link_that_was_added_can_be_removed(declare: Declare) -> None:
    made = ask(declare(), ASKED, state="absent", name="backup")
    assert (made.source, made.target, made.losses) == ("west", "east", ())
    assert set(made.as_dict()["sides"]) == {"east", "west"}


def test_half_a_link_is_enough_to_be_rid_of_it(declare: Declare) -> None:
    half = {**infos(west=[peer("east", labels=BACKUP)]), "east": {"msg": "no route"}}
    made = ask(declare(), half, state="absent", name="backup")
    assert set(made.as_dict()["sides"]) == {"east", "west"}
    assert made.warnings == ("The links of these clusters are unknown: east.",)


def test_a_link_that_is_not_there_is_gone_already(declare: Declare) -> None:
    made = ask(declare(), state="absent", name="backup")
    assert (made.as_dict()["sides"], made.warnings) == ({}, ("There is no link backup.",))


def test_a_link_of_clusters_that_cannot_be_read_is_not_called_gone(declare: Declare) -> None:
    away = {host: {"msg": "no route"} for host in infos()}
    ((where, what),) = refused(declare(), away, state="absent", name="backup")
    assert where == "name"
    assert what == "is a link of no cluster that can be read, and those of east, north, west are unknown"
    unknown = "The links of these clusters are unknown: east, north, west."
    forced = ask(declare(), away, state="absent", name="backup", force=True)
    assert forced.warnings == ("There is no link backup.", unknown)


def test_other_ends_than_the_links_are_refused(declare: Declare) -> None:
    found = refused(declare(), ASKED, state="absent", name="backup", source="west", target="north")
    assert found == [("target", "is not a cluster of the link backup, which is from west to east")]


def test_a_link_that_services_need_goes_by_force_only(declare: Declare, web: Data) -> None:
    declared = declare(services=[web])
    ((where, what),) = refused(declared, state="absent", name="east-north")
    assert where == "name"
    assert "Import default/web of north loses the source east and keeps west" in what
    made = ask(declared, state="absent", name="east-north", force=True)
    assert [each.lost for each in made.losses] == [("east",)]
    assert any("adds it again" in warning for warning in made.warnings)


def test_a_link_that_imports_need_which_nobody_declared_goes_by_force_only(declare: Declare) -> None:
    sources = [{"peer": "east", "export_name": "web", "export_namespace": "default"}]
    held = {**ASKED, "west": {**ASKED["west"], "imports": [{"namespace": "a", "name": "b", "sources": sources}]}}
    assert (
        "Import a/b of west loses all its sources: east"
        in refused(declare(), held, state="absent", name="backup")[0][1]
    )


def test_a_link_that_is_only_declared_goes_by_force_only(declare: Declare) -> None:
    declared = declare(links=[{"source": "east", "target": "west", "name": "main"}])
    assert "is a declared link (link main)" in refused(declared, state="absent", name="main")[0][1]
    assert ask(declared, state="absent", name="main", force=True).source == "east"
