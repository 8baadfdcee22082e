# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Likely typos in the C(from) of rules and policies. Pods' labels are not known, so the declaration is compared with
itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations

from ..clusterlink import api
from .cluster_resources import ClusterResources
from .model import Declaration
from .selectors import Selector

_Uses = dict[str, dict[str, str]]
"""By attribute and value, who selects clients by it first, or what has it."""

_KEYS = {api.CLIENT_LABELS: "label", api.PEER_LABELS: "peer label"}
_NAMES = {api.CLIENT_NAMESPACE: "namespace", api.CLIENT_SERVICE_ACCOUNT: "service account"}
_SHORTEST, _SHORT, _LONG = 4, 5, 8
"""Letters of a word in which two swapped ones, a missing one and another one are a typo. In shorter words they are too
often meant, such as C(reader) and C(leader).
"""


def likely_typos(declaration: Declaration, resources: Mapping[str, ClusterResources]) -> Iterator[str]:
    """A warning for two values of the same kind that differ by a slip, unless the clusters have or a rule lists both.

    Args:
        declaration: The expanded declaration.
        resources: Every cluster's resources.
    """
    there = _there(declaration, resources)
    for attribute, values in _selected(declaration).items():
        known = there.get(attribute, {})
        for one, two in sorted(_alike({**values, **known})):
            meant = (one in known and two in known) or values.get(one) == values.get(two)
            if not meant and is_slip(one, two):
                wrong, right = (two, one) if one in known else (one, two)
                other = f"{known[right]} has" if right in known else f"{values[right]} by"
                yield (
                    f"{values[wrong][0].upper()}{values[wrong][1:]} selects clients by {_named(attribute, wrong)}, and "
                    f"{other} {_named(attribute, right)}. Perhaps the same is meant."
                )


def is_slip(one: str, two: str) -> bool:
    """Whether they differ by case, or in one word by two swapped letters, a missing one or another one."""
    if one.lower() == two.lower():
        return one != two
    words = [re.split(r"[-_.]", each) for each in (one, two)]
    differing = [pair for pair in zip(*words, strict=False) if pair[0] != pair[1]]
    if len(words[0]) != len(words[1]) or len(differing) != 1:
        return False
    short, long = sorted(differing[0], key=len)
    if not (short + long).isalpha():
        return False
    at = next((place for place, letter in enumerate(short) if letter != long[place]), len(short))
    if len(long) != len(short):
        return len(short) >= _SHORT and short[at:] == long[at + 1 :]
    swapped = short[:at] + short[at : at + 2][::-1] + short[at + 2 :]
    if swapped == long:
        return len(short) >= _SHORTEST
    return len(short) >= _LONG and short[at + 1 :] == long[at + 1 :]


def _alike(values: Iterable[str]) -> set[tuple[str, str]]:
    """The pairs that are the same without one letter of each, for of many values few are worth a closer look."""
    shortened: dict[str, set[str]] = {}
    for value in values:
        lower = value.lower()
        for rest in (lower, *(lower[:at] + lower[at + 1 :] for at in range(len(lower)))):
            shortened.setdefault(rest, set()).add(value)
    return {pair for each in shortened.values() for pair in combinations(sorted(each), 2)}


def _selected(declaration: Declaration) -> _Uses:
    """What rules and policies select clients by; a label's key alone, too."""
    uses: _Uses = {}
    for owner, selector in _selectors(declaration):
        for each in (each for each in selector.requirements if each.key != api.PEER_NAME):
            for prefix in _KEYS:
                if each.key.startswith(prefix):
                    uses.setdefault(prefix, {}).setdefault(each.key.removeprefix(prefix), owner)
            for value in each.values:
                uses.setdefault(each.key, {}).setdefault(value, owner)
    return uses


def _selectors(declaration: Declaration) -> Iterator[tuple[str, Selector]]:
    for service in declaration.services:
        for client in service.allowed:
            yield f"the service {service.namespace}/{service.name}", client
    policies = [each.policy for each in declaration.policies]
    policies += [each for peer in declaration.peers.values() for each in peer.policies]
    for policy in policies:
        for client in policy.clients:
            yield f"the policy {policy}", client


def _there(declaration: Declaration, resources: Mapping[str, ClusterResources]) -> _Uses:
    """What the clusters have: their labels and the namespaces of their exports and imports."""
    found: _Uses = {}
    for name, peer in declaration.peers.items():
        for key, value in peer.labels.items():
            found.setdefault(api.PEER_LABELS, {}).setdefault(key, name)
            found.setdefault(api.PEER_LABELS + key, {}).setdefault(value, name)
    for name, own in resources.items():
        for namespace in sorted(own.namespaces):
            found.setdefault(api.CLIENT_NAMESPACE, {}).setdefault(namespace, name)
    return found


def _named(attribute: str, value: str) -> str:
    if attribute in _KEYS or attribute in _NAMES:
        return f"the {(_KEYS | _NAMES)[attribute]} {value}"
    prefix = next(each for each in _KEYS if attribute.startswith(each))
    return f"the {_KEYS[prefix]} {attribute.removeprefix(prefix)}={value}"
