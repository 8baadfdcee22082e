# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The declaration of shared namespaces."""

from __future__ import annotations

from dataclasses import dataclass

from ..clusterlink import api
from ..common.fields import Item
from ..common.naming import label_key_fault, label_value_fault
from .groups import Clusters
from .resources import Origin, Probe, read_probe
from .selectors import OPERATORS, SET_OPERATORS, Requirement, Selector
from .services import read_allow


@dataclass(frozen=True)
class SharedNamespace:
    """One entry of C(clusterlink_shared_namespaces).

    Attributes:
        name: The namespace, which is the same in every cluster.
        clusters: The clusters that share it.
        selector: The labels of the shared Services.
        allowed: The clients that may use them.
        lb_scheme: How an import chooses among its sources.
        probe: How the imports are probed.
        origin: Where it is declared.
    """

    name: str
    clusters: tuple[str, ...]
    selector: Selector
    allowed: tuple[Selector, ...]
    lb_scheme: str
    probe: Probe
    origin: Origin


def read_shared(item: Item, clusters: Clusters) -> SharedNamespace:
    """Read an entry of C(clusterlink_shared_namespaces): name, clusters, selector, allow, lb_scheme, probe."""
    name = item.name(required=True)
    members = clusters.many(item, "clusters")
    if len(members) < 2 and not (item.get("clusters") and not members):  # noqa: PLR2004 - two make a pair
        item.problem("clusters", "names fewer than two clusters", item.get("clusters"), "Name hosts or groups")
    allowed = read_allow(item, clusters)
    if item.get("allow") is None and members:
        allowed = (_all_of(name, members),)
    probe = read_probe(item.item("probe"))
    shared = SharedNamespace(
        name=name,
        clusters=tuple(sorted(members)),
        selector=_read_selector(item.item("selector")),
        allowed=allowed,
        lb_scheme=item.choice("lb_scheme", api.LB_SCHEMES, api.LB_SCHEMES[0]),
        probe=probe if "probe" in item else Probe(scheme="tcp"),
        origin=Origin(item.where, "", f"shared namespace {name}"),
    )
    item.finish()
    return shared


def _all_of(namespace: str, members: tuple[str, ...]) -> Selector:
    """All pods of the namespace in these clusters."""
    return Selector.of(
        [
            Requirement(api.CLIENT_NAMESPACE, "In", (namespace,)),
            Requirement(api.PEER_NAME, "In", tuple(sorted(members))),
        ]
    )


def _read_selector(item: Item) -> Selector:
    """Read a Kubernetes label selector."""
    requirements = [Requirement(key, "In", (value,)) for key, value in item.labels("matchLabels").items()]
    for expression in item.items("matchExpressions"):
        key = expression.text("key", required=True)
        operator = expression.choice("operator", OPERATORS, required=True)
        values = [value for value, _path in expression.values("values")]
        faults = [label_value_fault(each) if isinstance(each, str) else "must be a string" for each in values]
        if key and (fault := label_key_fault(key)):
            expression.problem("key", f"the key {fault}", key)
        for fault, value in zip(faults, values, strict=True):
            if fault:
                expression.problem("values", fault, value)
        if operator and bool(values) != (operator in SET_OPERATORS):
            what = "is required" if operator in SET_OPERATORS else "must be left out"
            expression.problem("values", f"{what} for the operator {operator}", values or None)
        expression.finish()
        if key and operator and not any(faults):
            requirements.append(Requirement(key, operator, tuple(sorted(values))))
    item.finish(also=["matchLabels", "matchExpressions"])
    return Selector.of(requirements)
