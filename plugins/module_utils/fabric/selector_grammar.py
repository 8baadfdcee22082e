# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys by which a declaration selects clients and services, compiled to selectors over a gateway's attributes.

    client   labels, namespace, service_account, peers, peer_labels
    service  service, namespace, labels, peers, peer_labels

All given keys must match; a list matches any of its values; without keys, everything matches. A key without a value
or labels is a problem, since it would select nothing and so match everything.
C(workloadSelector) instead of these keys is a Kubernetes label selector over the attributes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..clusterlink import api
from ..common.fields import Item
from ..common.naming import did_you_mean, label_value_fault
from .groups import Clusters
from .selectors import OPERATORS, SET_OPERATORS, Requirement, Selector, attribute_fault

RAW = "workloadSelector"
CLIENT_WORDS = frozenset({"labels", "namespace", "service_account", "peers", "peer_labels", RAW})
_TYPO = 0.8
"""How alike a label's key and a key of this grammar are, for the key to be a likely typo."""
_NULL_FIX = "Give it a value, or remove the key: a selector without keys, {}, matches everything"
_EMPTY_FIX = "Name a label, or remove the key: a selector without keys, {}, matches everything"
_PEER_ATTRIBUTES = (api.PEER_NAME, api.PEER_LABELS)
_CLIENT_ATTRIBUTES = (api.CLIENT_NAMESPACE, api.CLIENT_SERVICE_ACCOUNT, api.CLIENT_LABELS, *_PEER_ATTRIBUTES)
_SERVICE_ATTRIBUTES = (api.EXPORT_NAME, api.EXPORT_NAMESPACE, api.EXPORT_LABELS, *_PEER_ATTRIBUTES)


def read_list(
    item: Item, key: str, read: Callable[[Item, Clusters | None], Selector], clusters: Clusters | None = None
) -> tuple[Selector, ...]:
    """Read a list of selectors, any of which may match, with C(read_client) or C(read_service).

    Args:
        item: The policy that has the list.
        key: The list's key, C(from) or C(to).
        read: Reads one selector.
        clusters: Resolves hosts and groups; without it, C(peers) are literal names of peers.
    """
    given = item.get(key)
    selectors = tuple(read(each, clusters) for each in item.items(key))
    if given is None or given == []:
        item.problem(key, "is empty, so the policy has no rule", given, f"{key}: [{{}}] matches everything")
    return selectors


def read_client(item: Item, clusters: Clusters | None) -> Selector:
    """Read a selector of clients."""
    item.refuse_nulls(_NULL_FIX)
    if RAW in item:
        return _read_raw(item, _CLIENT_ATTRIBUTES)
    requirements = [
        *_any_of(item, "namespace", api.CLIENT_NAMESPACE, item.get("namespace")),
        *_any_of(item, "service_account", api.CLIENT_SERVICE_ACCOUNT, item.get("service_account")),
        *_labels(item, "labels", api.CLIENT_LABELS),
        *_peers(item, clusters),
    ]
    item.finish(also=[RAW])
    return Selector.of(requirements)


def read_service(item: Item, clusters: Clusters | None) -> Selector:
    """Read a selector of services."""
    item.refuse_nulls(_NULL_FIX)
    if RAW in item:
        return _read_raw(item, _SERVICE_ATTRIBUTES)
    requirements = [
        *_any_of(item, "service", api.EXPORT_NAME, item.get("service")),
        *_any_of(item, "namespace", api.EXPORT_NAMESPACE, item.get("namespace")),
        *_labels(item, "labels", api.EXPORT_LABELS),
        *_peers(item, clusters),
    ]
    item.finish(also=[RAW])
    return Selector.of(requirements)


def read_allowed(item: Item, clusters: Clusters) -> Selector:
    """Read the C(from) of a service's rule: a selector of clients or, without any of its keys, pods' labels."""
    item.refuse_nulls(_NULL_FIX)
    if not item.keys() or item.keys() & CLIENT_WORDS:
        return read_client(item, clusters)
    names = sorted(item.keys())
    for name in names:
        if fix := did_you_mean(name, CLIENT_WORDS, _TYPO):
            item.report.doubt(item.path(name), "selects pods by a label of that name", fix, item.host)
    return Selector.of(each for name in names for each in _label(item, name, name, item.get(name), api.CLIENT_LABELS))


def _labels(item: Item, key: str, prefix: str) -> list[Requirement]:
    labels = item.mapping(key)
    if item.get(key) == {}:
        item.problem(key, "is empty, so it selects everything", fix=_EMPTY_FIX)
    return [each for name in sorted(labels) for each in _label(item, f"{key}.{name}", name, labels[name], prefix)]


def _label(item: Item, path: str, name: str, value: Any, prefix: str) -> list[Requirement]:
    fault = attribute_fault(prefix + name)
    if fault:
        item.problem(path, f"the key {fault}", name, "Select on another label")
        return []
    return _any_of(item, path, prefix + name, value)


def _peers(item: Item, clusters: Clusters | None) -> list[Requirement]:
    labels = _labels(item, "peer_labels", api.PEER_LABELS)
    if clusters is None or item.get("peers") == []:
        return [*_any_of(item, "peers", api.PEER_NAME, item.get("peers")), *labels]
    peers = clusters.many(item, "peers", external=True)
    return [Requirement(api.PEER_NAME, "In", tuple(sorted(peers))), *labels] if peers else labels


def _any_of(item: Item, path: str, attribute: str, value: Any) -> list[Requirement]:
    """The requirement that the attribute has one of the values; none for an absent value."""
    if value is None:
        return []
    values = value if isinstance(value, list) else [value]
    if not values:
        item.problem(path, "is an empty list, which matches nothing", value, "Name a value, or leave it out")
    for each in values:
        fault = label_value_fault(each) if isinstance(each, str) else "must be a string, or a list of strings"
        if fault:
            item.problem(path, fault, each, "" if isinstance(each, str) else "Put it in quotes")
            return []
    return [Requirement(attribute, "In", tuple(sorted({str(each) for each in values})))]


def _read_raw(item: Item, known: tuple[str, ...]) -> Selector:
    raw = item.item(RAW)
    for key in sorted(item.keys() - {RAW}):
        item.problem(key, f"cannot be combined with {RAW}", fix=f"Use only {RAW}, or only the other keys")
    labels = raw.mapping("matchLabels")
    requirements = [
        each
        for key in sorted(labels)
        if _is_attribute(raw, f"matchLabels.{key}", key, known)
        for each in _any_of(raw, f"matchLabels.{key}", key, labels[key])
    ]
    for expression in raw.items("matchExpressions"):
        requirements += _read_expression(expression, known)
    raw.finish()
    return Selector.of(requirements)


def _read_expression(expression: Item, known: tuple[str, ...]) -> list[Requirement]:
    key = expression.text("key", required=True)
    operator = expression.choice("operator", OPERATORS, required=True)
    values = expression.get("values") or []
    expression.finish()
    if not key or not operator or not _is_attribute(expression, "key", key, known):
        return []
    if operator in SET_OPERATORS:
        return [Requirement(key, operator, each.values) for each in _any_of(expression, "values", key, values)]
    if values:
        expression.problem("values", f"must be left out for the operator {operator}", values)
    return [Requirement(key, operator)]


def _is_attribute(item: Item, path: str, key: str, known: tuple[str, ...]) -> bool:
    """Whether gateways know the attribute here; a selector on an unknown attribute matches never, or always."""
    if key not in known and not key.startswith(tuple(each for each in known if each.endswith("."))):
        names = ", ".join(f"{each}KEY" if each.endswith(".") else each for each in known)
        fix = did_you_mean(key, known) or f"Known attributes: {names}"
        item.problem(path, "is not an attribute that a gateway knows here", key, fix)
        return False
    fault = attribute_fault(key)
    if fault:
        item.problem(path, f"the key {fault}", key, "Select on another label")
    return not fault
