# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose an object is: ours, or that of an operator, a command line or a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..common.naming import FIELD_MANAGER
from ..errors import Problem
from . import api


def is_ours(obj: Mapping[str, Any]) -> bool:
    """Whether this collection created the object or took it over."""
    labels = obj["metadata"].get("labels") or {}
    return bool(labels.get(api.MANAGED_BY_LABEL) == api.MANAGED_BY)


def fabric_of(obj: Mapping[str, Any]) -> str:
    """The fabric whose declaration or gateway this object of ours belongs to; empty for another origin."""
    return str(obj["metadata"]["labels"].get(api.FABRIC_LABEL, "")) if is_ours(obj) else ""


def other_managers(obj: Mapping[str, Any]) -> list[str]:
    """The field managers that set the object's fields, besides ours and those that only report a status."""
    entries = obj["metadata"].get("managedFields") or []
    return sorted(
        {
            str(entry.get("manager"))
            for entry in entries
            if entry.get("manager") != FIELD_MANAGER and not entry.get("subresource")
        }
    )


def not_ours(obj: Mapping[str, Any]) -> Problem | None:
    """Why an object of a gateway must not be touched: somebody else made it; None when it is ours."""
    if is_ours(obj):
        return None
    metadata = obj["metadata"]
    place = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return Problem(
        where=f"{obj['kind']} {place}{metadata['name']}",
        what="it is there already, and this collection did not make it",
        found=f"managed by {', '.join(other_managers(obj)) or 'an unknown manager'}",
        fix="Remove that gateway by what made it, or set force_conflicts to take it over",
    )
