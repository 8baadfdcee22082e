# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Label selectors over a gateway's attributes of clients and services (api.py names them)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..common.naming import label_key_fault, label_value_fault

SET_OPERATORS = ("In", "NotIn")
OPERATORS = (*SET_OPERATORS, "Exists", "DoesNotExist")


@dataclass(frozen=True, order=True)
class Requirement:
    """One requirement of a selector, as an expression of Kubernetes' matchExpressions."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    @property
    def valid(self) -> bool:
        """Whether a gateway accepts it."""
        return (
            not attribute_fault(self.key)
            and self.operator in OPERATORS
            and bool(self.values) == (self.operator in SET_OPERATORS)
            and not any(label_value_fault(value) for value in self.values)
        )

    def matches(self, attributes: Mapping[str, str]) -> bool:
        """Whether the attributes match; as in Kubernetes, NotIn matches a missing attribute."""
        there = self.key in attributes
        if self.operator == "Exists":
            return there
        if self.operator == "DoesNotExist":
            return not there
        return (there and attributes[self.key] in self.values) == (self.operator == "In")


@dataclass(frozen=True, order=True)
class Selector:
    """A selector of all these requirements; without requirements, it matches everything."""

    requirements: tuple[Requirement, ...] = ()

    @classmethod
    def of(cls, requirements: Iterable[Requirement]) -> Selector:
        """The selector with its requirements in canonical order."""
        return cls(tuple(sorted(set(requirements))))

    @classmethod
    def from_dict(cls, form: Mapping[str, Any]) -> Selector:
        """The selector of a Kubernetes label selector."""
        labels = (form.get("matchLabels") or {}).items()
        expressions = form.get("matchExpressions") or ()
        return cls.of(
            [Requirement(key, "In", (value,)) for key, value in labels]
            + [
                Requirement(each["key"], each["operator"], tuple(sorted(each.get("values") or ())))
                for each in expressions
            ]
        )

    @property
    def valid(self) -> bool:
        """Whether a gateway accepts it."""
        return all(each.valid for each in self.requirements)

    def matches(self, attributes: Mapping[str, str]) -> bool:
        """Whether the attributes match every requirement."""
        return all(each.matches(attributes) for each in self.requirements)

    def without(self, *prefixes: str) -> Selector:
        """The selector without the requirements on attributes with these prefixes."""
        return Selector(tuple(each for each in self.requirements if not each.key.startswith(prefixes)))

    def as_dict(self) -> dict[str, Any]:
        """The Kubernetes form: matchLabels for single values, matchExpressions for the rest."""
        labels: dict[str, str] = {}
        expressions: list[dict[str, Any]] = []
        for each in self.requirements:
            if each.operator == "In" and len(each.values) == 1 and each.key not in labels:
                labels[each.key] = each.values[0]
            else:
                values = {"values": list(each.values)} if each.values else {}
                expressions.append({"key": each.key, "operator": each.operator, **values})
        form: dict[str, Any] = {}
        if labels:
            form["matchLabels"] = labels
        if expressions:
            form["matchExpressions"] = expressions
        return form


def attribute_fault(key: str) -> str:
    """Why a gateway would refuse a selector on this attribute, or an empty string.

    It checks attributes like label keys, which have one '/' and 63 characters after it. It ignores an invalid policy
    and reports it only in the control plane's log (v0.4.1, pkg/apis, AccessPolicySpec.Validate).
    """
    if key.count("/") > 1:
        return "has a '/', and ClusterLink's policies cannot select on such labels"
    fault = label_key_fault(key)
    return f"makes the attribute {key}, which {fault}" if fault else ""
