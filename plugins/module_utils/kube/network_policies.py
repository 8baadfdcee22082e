# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which NetworkPolicies keep a pod from a connection. Pure.

A pod that no policy selects for a direction is open. Otherwise a connection needs a rule of any of these policies
(networking.k8s.io/v1). What cannot be known here, such as named ports and ranges of addresses, counts as allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..common.kinds import Ref
from ..common.types import Object

Labels = Mapping[str, str]

INGRESS, EGRESS = "Ingress", "Egress"

_OTHER_SIDE = {INGRESS: "from", EGRESS: "to"}


@dataclass(frozen=True)
class OtherEnd:
    """The pod at the other end of a connection: its labels and those of its namespace."""

    namespace: str
    labels: Labels
    namespace_labels: Labels


def in_the_way(
    policies: Iterable[Object], direction: str, pod: Labels, port: int | None, other: OtherEnd | None
) -> list[Ref]:
    """The policies that keep a pod from a TCP connection; none when it is allowed.

    Args:
        policies: Those of the pod's namespace.
        direction: INGRESS or EGRESS.
        pod: The pod's labels.
        port: The port of the pod that accepts the connection; None when it is not known.
        other: The pod at the other end; None for an address outside the cluster.
    """
    selecting = [each for each in policies if _isolates(each, direction) and _selects(each["spec"], pod)]
    if any(_allows(each, direction, port, other) for each in selecting):
        return []
    return [Ref.of(each) for each in selecting]


def _isolates(policy: Object, direction: str) -> bool:
    spec = policy["spec"]
    # Without policyTypes, a policy is for ingress, and for egress if it has such rules.
    types = spec.get("policyTypes") or [INGRESS, *([EGRESS] if spec.get("egress") else [])]
    return direction in types


def _selects(spec: Object, pod: Labels) -> bool:
    return matches(spec.get("podSelector") or {}, pod)


def _allows(policy: Object, direction: str, port: int | None, other: OtherEnd | None) -> bool:
    space = policy["metadata"]["namespace"]
    return any(
        _covers(rule.get("ports"), port) and _reaches(rule.get(_OTHER_SIDE[direction]), space, other)
        for rule in policy["spec"].get(direction.lower()) or []
    )


def _covers(ports: Sequence[Mapping[str, Any]] | None, port: int | None) -> bool:
    if not ports:
        return True
    for each in ports:
        least = each.get("port")
        if each.get("protocol", "TCP") != "TCP":
            continue
        if port is None or not isinstance(least, int) or least <= port <= each.get("endPort", least):
            return True
    return False


def _reaches(peers: Sequence[Mapping[str, Any]] | None, space: str, other: OtherEnd | None) -> bool:
    if not peers:
        return True
    return any("ipBlock" in each or (other is not None and _is_peer(each, space, other)) for each in peers)


def _is_peer(peer: Mapping[str, Any], space: str, other: OtherEnd) -> bool:
    selector = peer.get("namespaceSelector")
    there = other.namespace == space if selector is None else matches(selector, other.namespace_labels)
    return there and matches(peer.get("podSelector") or {}, other.labels)


def matches(selector: Mapping[str, Any], labels: Labels) -> bool:
    """Whether a label selector selects an object with these labels; an empty one selects every object."""
    if not (selector.get("matchLabels") or {}).items() <= labels.items():
        return False
    return all(_fulfils(each, labels) for each in selector.get("matchExpressions") or [])


def _fulfils(expression: Mapping[str, Any], labels: Labels) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values") or []
    return {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }[expression["operator"]]
