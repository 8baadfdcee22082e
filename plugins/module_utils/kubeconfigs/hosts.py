# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the clusters that were found to the hosts of an inventory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import Problem, raise_all
from . import names
from .found import FoundCluster

FACTS = "cluster_source"
"""The host variable with what is known of a cluster where it was found."""
PEER_NAME = "clusterlink_peer_name"


@dataclass(frozen=True)
class Selection:
    """Which clusters become hosts, and how they are called.

    Attributes:
        include: Patterns; only contexts that one of them matches are hosts.
        exclude: Patterns; contexts that one of them matches are not.
        names: Regular expressions that find a cluster's name in a context.
        host_name: From the facts of a cluster to its host's name; the host has the cluster's name if it is None.
    """

    include: Sequence[str] = ("*",)
    exclude: Sequence[str] = ()
    names: Sequence[str] = ()
    host_name: Callable[[Mapping[str, Any]], object] | None = None


@dataclass(frozen=True)
class Host:
    """A host of the inventory.

    Attributes:
        name: Its name.
        variables: Its variables; they may hold credentials.
    """

    name: str
    variables: Mapping[str, Any] = field(repr=False)


def hosts(found: Iterable[FoundCluster], selection: Selection) -> list[Host]:
    """The hosts, in the order in which their clusters were found.

    Of contexts with one name that differ only in their namespace, such as those of OpenShift's projects, the current
    one is taken, or else the first.

    Raises:
        ClusterlinkError: A pattern is wrong, a cluster has no name that a peer can have, or two have the same.
    """
    names.check_patterns(selection.include, selection.exclude, selection.names)
    problems: list[Problem] = []
    taken: dict[str, tuple[FoundCluster, Host]] = {}
    for each in found:
        if not names.matches(each.context, selection.include) or names.matches(each.context, selection.exclude):
            continue
        facts = {**each.facts, **names.parts(each.context, selection.names), "context": each.context}
        host, problem = _host(each, facts, selection)
        if host is None:
            problems += [problem] if problem else []
            continue
        peer = str(host.variables.get(PEER_NAME, host.name))
        first = taken.setdefault(peer, (each, host))[0]
        if first is each:
            continue
        if not first.access or first.access != each.access:
            fix = "Exclude one of them, or let host_name tell them apart, as in name ~ '-' ~ namespace"
            problems.append(Problem(each.where, f"{each.context} gets the name of {first.context}", peer, fix))
        elif each.current:
            taken[peer] = each, host
    raise_all(problems)
    return [host for _cluster, host in taken.values()]


def _host(cluster: FoundCluster, facts: Mapping[str, Any], selection: Selection) -> tuple[Host | None, Problem | None]:
    """The host of a cluster, or why it has none."""
    text: object = facts["name"]
    if selection.host_name:
        try:
            text = selection.host_name(facts)
        except Exception as error:  # noqa: BLE001 - an expression of the user may fail in every way
            what = f"cannot be evaluated for context {cluster.context}"
            return None, Problem("host_name", what, str(error), f"Use what {FACTS} has: {', '.join(sorted(facts))}")
    name = names.host_name(text) if isinstance(text, str) else ""
    peer = names.peer_name(name)
    if not peer:
        what = f"the name of context {cluster.context} makes no name that a peer can have: a DNS label"
        fix = "Set host_name to an expression that makes one, add a regular expression to names, or exclude it"
        return None, Problem(cluster.where, what, str(text), fix)
    variables = {**cluster.variables, FACTS: facts}
    return Host(name, variables if peer == name else {**variables, PEER_NAME: peer}), None
