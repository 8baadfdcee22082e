# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that no policy lets through to an import, to prove that gateways refuse what is not allowed.

A pod that matches no client selector of the allowing policies is refused, whatever else it is. So a stranger is chosen
by negating one requirement of each of these selectors; any pod that meets the negations will do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..clusterlink import api
from .authorization import Client, Side, client_attributes, peer_attributes, service_attributes, source_attributes
from .selectors import Requirement, Selector

_VALUE = "clusterlink-stranger"
_DEFAULT_NAMESPACE, _DEFAULT_ACCOUNT = "default", "default"


@dataclass(frozen=True)
class Stranger:
    """The pods of a namespace that have these labels, meet these requirements, and run as this service account.

    Attributes:
        namespace: The pods' namespace.
        labels: Labels that they have.
        expressions: Requirements on their labels, of operators NotIn and DoesNotExist, so that a pod without any meets
            them.
        service_account: The account that they run as; empty for any.
    """

    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)
    expressions: tuple[Requirement, ...] = ()
    service_account: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The stranger as option C(client) of module probe."""
        return {
            "namespace": self.namespace,
            **({"service_account": self.service_account} if self.service_account else {}),
            "labels": dict(self.labels),
            "match_expressions": [
                {"key": each.key, "operator": each.operator, "values": list(each.values)} for each in self.expressions
            ],
        }


def stranger_of(imported: Mapping[str, Any], importing: Side, exporters: Mapping[str, Side]) -> Stranger | None:
    """A client that is refused by every source of the import; None when policies leave none.

    Args:
        imported: The Import object.
        importing: The importing cluster.
        exporters: Every cluster of the fabric, by peer.
    """
    namespace = imported["metadata"]["namespace"]
    for allowed in (_let_out(imported, importing, exporters), _let_in(imported, exporters)):
        if allowed is None:
            continue
        relevant = [each for each in allowed if _may_match(each, importing)]
        for place in dict.fromkeys((namespace, _DEFAULT_NAMESPACE)):
            found = _outside(relevant, place)
            if found and not _matches_any(relevant, found, importing):
                return found
    return None


def _let_out(imported: Mapping[str, Any], importing: Side, exporters: Mapping[str, Side]) -> set[Selector] | None:
    """The clients that the importing gateway allows to any source."""
    namespace = imported["metadata"]["namespace"]
    services = [source_attributes(imported, each, exporters.get(each["peer"])) for each in imported["spec"]["sources"]]
    return {each for service in services for each in importing.policies.allowed_clients(service, namespace)}


def _let_in(imported: Mapping[str, Any], exporters: Mapping[str, Side]) -> set[Selector] | None:
    """The clients that any exporting gateway allows; None when one is unknown."""
    allowed: set[Selector] = set()
    for source in imported["spec"]["sources"]:
        exporter = exporters.get(source["peer"])
        if exporter is None:
            return None
        name, namespace = source["exportName"], source["exportNamespace"]
        labels = exporter.exports.get((namespace, name)) or {}
        service = service_attributes(name, namespace, labels, exporter.peer, exporter.labels)
        allowed |= set(exporter.policies.allowed_clients(service, namespace))
    return allowed


def _may_match(selector: Selector, importing: Side) -> bool:
    """Whether the selector can match a pod of the importing cluster."""
    own = selector.without(api.CLIENT_NAMESPACE, api.CLIENT_SERVICE_ACCOUNT, api.CLIENT_LABELS)
    return own.matches(peer_attributes(importing.peer, importing.labels))


def _outside(selectors: Iterable[Selector], namespace: str) -> Stranger | None:
    """Pods of the namespace that differ from each selector in one requirement; None when one has none to differ in."""
    labels: dict[str, str] = {}
    expressions: list[Requirement] = []
    account = ""
    for selector in sorted(selectors):
        if not all(each.matches({api.CLIENT_NAMESPACE: namespace}) for each in _of(selector, api.CLIENT_NAMESPACE)):
            continue
        requirement = next(_of(selector, api.CLIENT_LABELS), None)
        if requirement is None:
            accounts = list(_of(selector, api.CLIENT_SERVICE_ACCOUNT))
            account = account or next((other for each in accounts if (other := _other_account(each))), "")
            if not account:
                return None
            continue
        key = requirement.key.removeprefix(api.CLIENT_LABELS)
        if requirement.operator == "In":
            expressions.append(Requirement(key, "NotIn", requirement.values))
        elif requirement.operator == "Exists":
            expressions.append(Requirement(key, "DoesNotExist"))
        else:
            labels[key] = requirement.values[0] if requirement.values else _VALUE
    return Stranger(namespace, labels, tuple(sorted(set(expressions))), account)


def _of(selector: Selector, prefix: str) -> Iterator[Requirement]:
    """The requirements on the attribute, those that a pod without the attribute does not meet first."""
    found = [each for each in selector.requirements if each.key.startswith(prefix)]
    yield from sorted(found, key=lambda each: each.operator not in ("In", "Exists"))


def _other_account(requirement: Requirement) -> str:
    """An account that does not meet the requirement; empty when there may be none."""
    if requirement.operator == "NotIn":
        return requirement.values[0]
    return "" if requirement.operator != "In" or _DEFAULT_ACCOUNT in requirement.values else _DEFAULT_ACCOUNT


def _matches_any(selectors: Iterable[Selector], stranger: Stranger, importing: Side) -> bool:
    """Whether a pod with these labels alone is allowed, as when two selectors contradict each other."""
    client = Client(stranger.namespace, stranger.labels, stranger.service_account or _VALUE)
    attributes = client_attributes(client, importing.peer, importing.labels)
    return any(each.matches(attributes) for each in selectors) or not all(
        each.matches(stranger.labels) for each in stranger.expressions
    )
