# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why each object is written or deleted, as sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def change_reasons(changes: Iterable[Mapping[str, Any]]) -> list[str]:
    """One sentence without a full stop for each change.

    Args:
        changes: Ansible's diff, one entry for each object, with the object's name as its header.
    """
    return [f"{change['after_header']}: {change_reason(change['before'], change['after'])}" for change in changes]


def change_reason(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Why an object is written or deleted, from the two sides of its diff."""
    # Only a whole object has its kind. Otherwise the diff shows fields that are added, removed or released.
    if not before and "kind" in after:
        return "it does not exist"
    if not after and "kind" in before:
        return "it exists and must be absent"
    paths = sorted({*_paths(before), *_paths(after)})
    return f"{', '.join(paths)} {'differs' if len(paths) == 1 else 'differ'}"


def _paths(value: Any, prefix: str = "") -> Iterator[str]:
    """The paths of a mapping's leaves; a list is one leaf."""
    if isinstance(value, Mapping) and value:
        for key, below in value.items():
            yield from _paths(below, f"{prefix}.{key}" if prefix else str(key))
    elif prefix:
        yield prefix
