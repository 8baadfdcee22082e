# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From clusters that were found to hosts."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kubeconfigs.found import FoundCluster
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kubeconfigs.hosts import Selection, hosts

AT_END = ("[^/]*/(?P<name>.+)",)


def found(context: str, *access: str, current: bool = False, **facts: Any) -> FoundCluster:
    return FoundCluster(context, "kubeconfig c", facts, {"clusterlink_context": context}, access, current)


def names(*clusters: FoundCluster, **selection: Any) -> list[str]:
    return [host.name for host in hosts(clusters, Selection(**selection))]


def test_a_host_has_its_connection_and_what_is_known_of_it() -> None:
    (host,) = hosts([found("p/East.1", user="u")], Selection(names=AT_END))
    assert host.name == "East.1"
    assert host.variables == {
        "clusterlink_context": "p/East.1",
        "clusterlink_peer_name": "east-1",
        "cluster_source": {"context": "p/East.1", "name": "East.1", "user": "u"},
    }


def test_a_name_that_a_peer_can_have_needs_no_other() -> None:
    (host,) = hosts([found("east")], Selection())
    assert host.variables.keys() == {"clusterlink_context", "cluster_source"}


def test_contexts_are_included_and_excluded() -> None:
    clusters = [found(name) for name in ("prod-a", "prod-b", "prod-b-admin", "test")]
    assert names(*clusters, include=["prod-*"], exclude=["*-admin"]) == ["prod-a", "prod-b"]


def test_an_expression_names_hosts() -> None:
    clusters = [found("p/a", region="eu"), found("p/b", region="us")]
    assert names(*clusters, names=AT_END, host_name=lambda facts: f"{facts['name']}-{facts['region']}") == [
        "a-eu",
        "b-us",
    ]


@pytest.mark.parametrize(("current", "taken"), [(0, "p/a"), (1, "q/a"), (None, "p/a")])
def test_of_contexts_that_differ_in_their_namespace_the_current_one_is_taken(current: int | None, taken: str) -> None:
    clusters = [
        found(context, "file", "cluster", "user", current=index == current)
        for index, context in enumerate(("p/a", "q/a"))
    ]
    (host,) = hosts(clusters, Selection(names=AT_END))
    assert host.variables["clusterlink_context"] == taken


@pytest.mark.parametrize("second", [found("q/a", "file", "cluster", "other"), found("q/A", "file", "cluster", "other")])
def test_other_contexts_with_one_name_are_refused(second: FoundCluster) -> None:
    with pytest.raises(ClusterlinkError, match=r"q/[aA] gets the name of p/a \(found: a\)"):
        hosts([found("p/a", "file", "cluster", "user"), second], Selection(names=AT_END))


def test_clusters_of_secrets_are_never_one() -> None:
    with pytest.raises(ClusterlinkError, match="gets the name"):
        hosts([found("a"), found("a")], Selection())


def test_every_cluster_without_a_name_is_reported() -> None:
    with pytest.raises(ClusterlinkError) as caught:
        hosts([found("::"), found("a" * 64), found("b")], Selection())
    assert len(caught.value.problems) == 2
    assert "Set host_name" in str(caught.value)


@pytest.mark.parametrize("value", [None, 1, ""])
def test_an_expression_must_give_a_name(value: object) -> None:
    with pytest.raises(ClusterlinkError, match="makes no name that a peer can have"):
        hosts([found("a")], Selection(host_name=lambda _facts: value))


def test_an_expression_that_fails_is_reported_for_every_context() -> None:
    with pytest.raises(ClusterlinkError) as caught:
        hosts([found("a"), found("b")], Selection(host_name=lambda facts: facts["region"]))
    assert [problem.what for problem in caught.value.problems] == [
        "cannot be evaluated for context a",
        "cannot be evaluated for context b",
    ]
    assert "context, name" in caught.value.problems[0].fix
