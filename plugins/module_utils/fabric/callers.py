# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may call what, as the policies of a plan decide it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..clusterlink import api
from .authorization import Client, Side, explain, source_attributes
from .selectors import Requirement, Selector

EVERY_POD = "every pod"
NOBODY = "nobody"

_WORDS = (
    (api.CLIENT_LABELS, ""),
    (api.CLIENT_NAMESPACE, "namespace"),
    (api.CLIENT_SERVICE_ACCOUNT, "service_account"),
    (api.PEER_LABELS, "peer label "),
    (api.PEER_NAME, "peer"),
    (api.EXPORT_LABELS, "label "),
    (api.EXPORT_NAMESPACE, "namespace"),
    (api.EXPORT_NAME, "service"),
)
"""The start of an attribute, and the word for it; the key of a label follows."""


def callers(parts: Mapping[str, Mapping[str, Any]], labels: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    """For each import and each client that a policy allows, which sources it reaches.

    Args:
        parts: By cluster, its C(objects), from a plan.
        labels: By cluster, its peer's labels.

    Returns:
        C(cluster), C(service) as NAMESPACE/NAME, C(port), C(caller) as text, and C(reaches), the peers; an import that
        no client may call has the caller C(nobody).
    """
    sides = {host: Side.of(host, labels.get(host) or {}, part["objects"]) for host, part in parts.items()}
    found: list[dict[str, Any]] = []
    for host, part in sorted(parts.items()):
        for imported in (each for each in part["objects"] if each["kind"] == "Import"):
            metadata = imported["metadata"]
            where = {
                "cluster": host,
                "service": f"{metadata['namespace']}/{metadata['name']}",
                "port": imported["spec"]["port"],
            }
            rows = [{**where, "caller": text, "reaches": peers} for text, peers in _allowed(imported, host, sides)]
            found += rows or [{**where, "caller": NOBODY, "reaches": []}]
    return found


def selector_text(form: Mapping[str, Any], everything: str = EVERY_POD) -> str:
    """A Kubernetes label selector over ClusterLink's attributes as kubectl would write it, with short names.

    Args:
        form: The selector's matchLabels and matchExpressions.
        everything: The text of a selector without requirements.
    """
    return _text(Selector.from_dict(form), everything)


def _allowed(imported: Mapping[str, Any], host: str, sides: Mapping[str, Side]) -> Iterator[tuple[str, list[str]]]:
    namespace = imported["metadata"]["namespace"]
    services = [source_attributes(imported, each, sides.get(each["peer"])) for each in imported["spec"]["sources"]]
    selectors = (each for service in services for each in sides[host].policies.allowed_clients(service, namespace))
    for selector in dict.fromkeys(selectors):
        verdicts = explain(_example(selector, namespace), sides[host], imported, sides)
        reached = sorted({each.peer for each in verdicts if each.allowed})
        if reached:
            yield _text(selector, EVERY_POD), reached


def _example(selector: Selector, namespace: str) -> Client:
    """A pod that the selector matches, as far as a pod's attributes decide that."""
    wanted = {each.key: (*each.values, "any")[0] for each in selector.requirements if each.operator in ("In", "Exists")}
    own = {key: value for key, value in wanted.items() if key.startswith(api.CLIENT_LABELS)}
    labels = {key.removeprefix(api.CLIENT_LABELS): value for key, value in own.items()}
    client = Client(wanted.get(api.CLIENT_NAMESPACE, namespace), labels)
    return replace(client, service_account=wanted.get(api.CLIENT_SERVICE_ACCOUNT, client.service_account))


def _text(selector: Selector, everything: str) -> str:
    return ", ".join(map(_requirement, selector.requirements)) or everything


def _requirement(requirement: Requirement) -> str:
    name = _name(requirement.key)
    if requirement.operator in ("Exists", "DoesNotExist"):
        return name if requirement.operator == "Exists" else f"!{name}"
    if len(requirement.values) == 1:
        return f"{name}{'=' if requirement.operator == 'In' else '!='}{requirement.values[0]}"
    return f"{name} {'in' if requirement.operator == 'In' else 'notin'} ({', '.join(requirement.values)})"


def _name(key: str) -> str:
    start, word = next(((start, word) for start, word in _WORDS if key.startswith(start)), ("", ""))
    return f"{word}{key.removeprefix(start)}"
