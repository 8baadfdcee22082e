# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a server-side apply would change an object, and what it changed. Pure.

The API server records, for each field manager, the fields that it applied (metadata.managedFields, fieldsV1). An
object holds what we want when we own exactly the wanted fields and each has the wanted value: then nothing that a
controller fills in, the server defaults or another manager adds counts, and a field that we applied once and want no
more does. The record also tells which lists the server merges by key and which it replaces as a whole.

``is_applied`` never says yes wrongly. It may say no where the server writes a value in another form than was asked
for; a dry run of the apply and ``difference`` then say exactly.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..clusterlink.api import FIELD_MANAGER

Object = Mapping[str, Any]

# What a managedFields record never holds.
_IDENTITY = frozenset({"apiVersion", "kind"})
_METADATA_IDENTITY = frozenset({"name", "namespace"})

# What changes without anybody wanting it.
_VOLATILE = frozenset({"creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"})
# kubectl keeps a copy of the whole object in it, of a Secret's data too.
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True)
class Difference:
    """What differs between two states of an object: only the fields that do, a Secret's data as fingerprints."""

    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether anything differs."""
        return bool(self.before or self.after)


def is_applied(desired: Object, observed: Object) -> bool:
    """Whether applying C(desired) would surely change nothing, neither values nor whose fields they are.

    Args:
        desired: The fields wanted, as they would be applied.
        observed: The object as the server has it, with its managedFields.
    """
    owned = _owned(observed)
    if owned is None:
        return False
    metadata = {key: value for key, value in desired.get("metadata", {}).items() if key not in _METADATA_IDENTITY}
    wanted = {key: value for key, value in desired.items() if key not in _IDENTITY and key != "metadata"}
    if metadata:
        wanted["metadata"] = metadata
    return _holds(wanted, observed, owned)


def applied(observed: Object) -> dict[str, Any]:
    """What we applied of an object, with the values that it has now: to be applied again with some of them changed."""
    ours: dict[str, Any] = _part(observed, _owned(observed) or {}) if _owned(observed) else {}
    identity = {key: value for key, value in observed["metadata"].items() if key in _METADATA_IDENTITY}
    named = {key: value for key, value in observed.items() if key in _IDENTITY}
    return {**named, **ours, "metadata": {**identity, **ours.get("metadata", {})}}


def difference(before: Object, after: Object) -> Difference:
    """What an apply changed, or in a dry run would change, among the fields that were or are ours.

    Controllers write to an object, too, and may do so between the two looks at it.

    Args:
        before: The object as the server had it.
        after: The object as the server has it, or would have it.

    Returns:
        The fields that differ. Where only their ownership does, the fields that we come to own or cease to.
    """
    had_fields, has_fields = _owned(before) or {}, _owned(after) or {}
    ours = _union(had_fields, has_fields)
    left, right = _changes(_part(_shown(before), ours), _part(_shown(after), ours))
    if left or right:
        return Difference(left, right)
    had, has = set(_paths(had_fields)), set(_paths(has_fields))
    if had == has:
        return Difference()
    return Difference(_ownership(had - has), _ownership(has - had))


def creation(desired: Object) -> Difference:
    """The difference that making an object makes: the fields asked for."""
    return Difference({}, _shown(desired))


def removal(observed: Object) -> Difference:
    """The difference that an object's removal makes."""
    return Difference(_shown(observed), {})


@dataclass(frozen=True, order=True)
class Writer:
    """Who wrote a field, as an object's managedFields record it.

    Attributes:
        manager: The field manager.
        operation: C(Apply) or C(Update).
        time: When its record was written last (RFC 3339).
    """

    manager: str
    operation: str
    time: str


def writers(before: Object, after: Object | None) -> list[Writer]:
    """Who set the fields of C(before) that C(after) has otherwise; the latest first.

    Nobody is known for a field that was taken out, as the server forgets who did that. What a controller says in the
    status is left out.

    Args:
        before: The object as the server had it, with its managedFields.
        after: The object as an apply makes it; None when it is to go, and everybody who wrote to it counts.
    """
    entries = [
        entry for entry in before.get("metadata", {}).get("managedFields") or [] if entry.get("subresource") != "status"
    ]
    if after is not None:
        had, has = set(_paths(_owned(before) or {})), set(_paths(_owned(after) or {}))
        moved = difference(before, after).after.get("metadata", {}).get("managedFields") is not None
        entries = [
            entry
            for entry in entries
            if _part(before, entry.get("fieldsV1") or {}) != _part(after, entry.get("fieldsV1") or {})
            or (moved and entry.get("manager") != FIELD_MANAGER and (had ^ has) & set(_paths(entry["fieldsV1"])))
        ]
    found = {Writer(entry.get("manager", ""), entry.get("operation", ""), entry.get("time", "")) for entry in entries}
    return sorted(found, key=lambda writer: (writer.time, writer), reverse=True)


def is_changed_by_hand(observed: Object, managers: Iterable[str]) -> bool:
    """Whether those who hold fields of an object that we applied are people at kubectl, not another system.

    kubectl's imperative commands (edit, patch, label, scale, replace) write as C(kubectl-COMMAND) or C(kubectl) with
    the operation Update (staging/src/k8s.io/kubectl/pkg/cmd in Kubernetes). C(kubectl apply) is declared state of
    somebody's: on the client's side as C(kubectl-client-side-apply), on the server's with the operation Apply.

    Args:
        observed: The object as the server has it, with its managedFields.
        managers: The names of those who hold fields that we want otherwise.
    """
    if _owned(observed) is None:
        return False
    by_hand = {
        entry.get("manager", "")
        for entry in observed["metadata"]["managedFields"]
        if entry.get("operation") == "Update" and (entry.get("manager", "") + "-").startswith("kubectl-")
    }
    declared = {
        entry.get("manager", "")
        for entry in observed["metadata"]["managedFields"]
        if entry.get("operation") == "Apply" or entry.get("manager") == "kubectl-client-side-apply"
    }
    return set(managers) <= by_hand - declared


def applied_part(observed: Object) -> dict[str, Any]:
    """The fields of an object that we applied, a Secret's as fingerprints; empty when we never did."""
    owned = _owned(observed)
    found: dict[str, Any] = _part(_shown(observed), owned) if owned else {}
    return found


def _owned(obj: Object) -> dict[str, Any] | None:
    """The fieldsV1 of what we applied, or None when we never did."""
    for entry in obj.get("metadata", {}).get("managedFields") or []:
        if entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply" and not entry.get("subresource"):
            fields: dict[str, Any] = entry.get("fieldsV1") or {}
            return fields
    return None


def _holds(wanted: Any, observed: Any, fields: Mapping[str, Any]) -> bool:
    """Whether C(observed) holds C(wanted) where C(fields) says which parts we own.

    A fieldsV1 map has ``f:NAME`` for a field, ``k:{KEYS}`` for an item of a list that is merged by key, ``v:VALUE`` for
    an item of a set, ``.`` for the thing itself, and nothing below what is owned as a whole.
    """
    parts = {key: below for key, below in fields.items() if key != "."}
    if not parts:
        return bool(wanted == observed)
    if isinstance(wanted, Mapping) and isinstance(observed, Mapping):
        return parts.keys() == {f"f:{key}" for key in wanted} and all(
            key in observed and _holds(value, observed[key], parts[f"f:{key}"]) for key, value in wanted.items()
        )
    if isinstance(wanted, list) and isinstance(observed, list):
        return len(parts) == len(wanted) and all(
            _item_holds(wanted, observed, key, below) for key, below in parts.items()
        )
    return False


def _item_holds(wanted: Sequence[Any], observed: Sequence[Any], key: str, below: Mapping[str, Any]) -> bool:
    sort, _colon, text = key.partition(":")
    if sort not in ("k", "v"):
        return False
    value = json.loads(text)
    if sort == "v":
        return value in wanted and value in observed
    ours, theirs = _by_key(wanted, value), _by_key(observed, value)
    if ours is None or theirs is None:
        return False
    # A key that the server defaulted (a port's protocol) is owned without having been asked for.
    return _holds({**value, **ours}, theirs, {**{f"f:{part}": {} for part in value}, **below})


def _by_key(items: Sequence[Any], key: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The item with this key, where a part of the key that is not given counts as the server's default."""
    for item in items:
        if isinstance(item, Mapping) and all(item.get(part, value) == value for part, value in key.items()):
            return item
    return None


def _union(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of two records. What one owns as a whole and the other in parts is taken as a whole."""
    both = {key: _union(one[key], other[key]) if one[key] and other[key] else {} for key in one if key in other}
    return {**one, **other, **both}


def _part(value: Any, fields: Mapping[str, Any]) -> Any:
    """The fields of a value that a record names."""
    parts = {key: below for key, below in fields.items() if key != "."}
    if isinstance(value, Mapping) and parts:
        return {key[2:]: _part(value[key[2:]], below) for key, below in parts.items() if key[2:] in value}
    if isinstance(value, list) and parts:
        items = ((_item(value, key), below) for key, below in parts.items())
        return [_part(item, below) for item, below in items if item is not None]
    return value


def _item(items: Sequence[Any], key: str) -> Any:
    """The item of a list that a ``k:`` or ``v:`` names, or None."""
    value = json.loads(key[2:])
    if key.startswith("k:"):
        return _by_key(items, value)
    return value if value in items else None


def _paths(fields: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, below in fields.items():
        if key == ".":
            continue
        path = f"{prefix}.{key[2:]}" if key.startswith("f:") else f"{prefix}[{key[2:]}]"
        if not below:
            yield path.lstrip(".")
        yield from _paths(below, path)


def _ownership(paths: set[str]) -> dict[str, Any]:
    return {"metadata": {"managedFields": {FIELD_MANAGER: sorted(paths)}}} if paths else {}


def _shown(obj: Object) -> dict[str, Any]:
    """What of an object may and should be shown: no volatile fields, no status, nothing secret."""
    shown = {key: value for key, value in obj.items() if key != "status"}
    metadata = {key: value for key, value in obj.get("metadata", {}).items() if key not in _VOLATILE}
    annotations = dict(metadata.pop("annotations", None) or {})
    annotations.pop(_LAST_APPLIED, None)
    if annotations:
        metadata["annotations"] = annotations
    shown["metadata"] = metadata
    if obj.get("kind") == "Secret":
        for key in ("data", "stringData"):
            if obj.get(key):
                shown[key] = {name: _fingerprint(value) for name, value in obj[key].items()}
    return shown


def _fingerprint(value: str) -> str:
    return f"sha256 {hashlib.sha256(value.encode()).hexdigest()[:16]}"


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    left: dict[str, Any] = {}
    right: dict[str, Any] = {}
    for key in [*before, *(key for key in after if key not in before)]:
        if before.get(key) == after.get(key) and (key in before) == (key in after):
            continue
        one, other = _changed_value(before.get(key), after.get(key))
        if key in before:
            left[key] = one
        if key in after:
            right[key] = other
    return left, right


def _changed_value(before: Any, after: Any) -> tuple[Any, Any]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return _changes(before, after)
    if isinstance(before, list) and isinstance(after, list):
        old, new = _named(before), _named(after)
        if old is not None and new is not None:
            left, right = _changes(old, new)
            return (
                [{"name": name, **item} for name, item in left.items()],
                [{"name": name, **item} for name, item in right.items()],
            )
    return before, after


def _named(items: Sequence[Any]) -> dict[str, Any] | None:
    """A list of things with names (containers, volumes, ports) by name, or None when it is not such a list."""
    if not all(isinstance(item, Mapping) and isinstance(item.get("name"), str) for item in items):
        return None
    named = {item["name"]: item for item in items}
    return named if len(named) == len(items) else None
