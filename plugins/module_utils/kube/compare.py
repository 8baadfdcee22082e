# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a server-side apply would change an object, and what it changed. Pure.

The API server records, for each field manager, the fields that it applied (metadata.managedFields, fieldsV1). An
object is up to date when we own exactly the desired fields and each has the desired value. So fields of a controller,
the server's defaults and fields of other managers do not count. A field that we applied once and desire no longer does.
The record also shows which lists the server merges by key and which it replaces as a whole.

``is_applied`` has no false positives. It is False where the server stores a value in another form than the desired one;
a dry run of the apply and ``difference`` then give the exact result.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..common.naming import FIELD_MANAGER
from ..common.types import Object

# Fields that a managedFields record never holds.
_IDENTITY = frozenset({"apiVersion", "kind"})
_METADATA_IDENTITY = frozenset({"name", "namespace"})

# Fields that change by themselves.
_VOLATILE = frozenset({"creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"})
# kubectl keeps a copy of the whole object in it, of a Secret's data too.
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True)
class Difference:
    """The fields that differ between two states of an object; a Secret's data as fingerprints."""

    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether anything differs."""
        return bool(self.before or self.after)


def is_applied(desired: Object, observed: Object) -> bool:
    """Whether applying C(desired) would certainly change nothing, neither values nor field ownership.

    Args:
        desired: The desired fields, as they would be applied.
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
    """The fields of an object that we applied, with their present values: to be applied again with changes."""
    ours: dict[str, Any] = _part(observed, _owned(observed) or {}) if _owned(observed) else {}
    identity = {key: value for key, value in observed["metadata"].items() if key in _METADATA_IDENTITY}
    named = {key: value for key, value in observed.items() if key in _IDENTITY}
    return {**named, **ours, "metadata": {**identity, **ours.get("metadata", {})}}


def difference(before: Object, after: Object) -> Difference:
    """The changes of an apply, or of its dry run, among the fields that we owned or own.

    Other fields do not count, since controllers may write to the object between the two reads.

    Args:
        before: The object as the server had it.
        after: The object as the server has it, or would have it.

    Returns:
        The fields that differ. Where only their ownership differs, the fields that we start or stop to own.
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
    """The difference of a creation: the desired fields."""
    return Difference({}, _shown(desired))


def removal(observed: Object) -> Difference:
    """The difference of a deletion."""
    return Difference(_shown(observed), {})


@dataclass(frozen=True, order=True)
class Writer:
    """Who wrote a field, as an object's managedFields record it.

    Attributes:
        manager: The field manager.
        operation: C(Apply) or C(Update).
        time: When its record was last written (RFC 3339).
    """

    manager: str
    operation: str
    time: str


def writers(before: Object, after: Object | None) -> list[Writer]:
    """Who set the fields of C(before) that differ in C(after); the latest first.

    The server keeps no record of who removed a field. Writers of the status alone are left out.

    Args:
        before: The object as the server had it, with its managedFields.
        after: The object as an apply makes it; None for a deletion, where all writers count.
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
    """Whether people with kubectl, and no other system, set these fields of an object that we applied.

    kubectl's imperative commands (edit, patch, label, scale, replace) write as C(kubectl-COMMAND) or C(kubectl) with
    the operation Update (staging/src/k8s.io/kubectl/pkg/cmd in Kubernetes). C(kubectl apply) is somebody's declared
    state: client-side as C(kubectl-client-side-apply), server-side with the operation Apply.

    A number of pods that a HorizontalPodAutoscaler set counts as set by hand, too: whoever applies one knows that no
    autoscaler does so any more.

    Args:
        observed: The object as the server has it, with its managedFields.
        managers: The managers of the fields that we set to other values.
    """
    if _owned(observed) is None:
        return False
    by_hand = {
        entry.get("manager", "")
        for entry in observed["metadata"]["managedFields"]
        if entry.get("operation") == "Update"
        and ((entry.get("manager", "") + "-").startswith("kubectl-") or _is_autoscalers(entry))
    }
    declared = {
        entry.get("manager", "")
        for entry in observed["metadata"]["managedFields"]
        if entry.get("operation") == "Apply" or entry.get("manager") == "kubectl-client-side-apply"
    }
    return set(managers) <= by_hand - declared


def is_owned_by_others(observed: Object, *path: str) -> bool:
    """Whether a field manager besides us has set the field, so that it stays when we no longer apply it.

    Args:
        observed: The object as the server has it, with its managedFields.
        path: The names of the fields that lead to it.
    """
    for entry in observed["metadata"].get("managedFields") or []:
        fields: Any = entry.get("fieldsV1") or {}
        for name in path:
            fields = fields.get(f"f:{name}") if fields else None
        ours = entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply"
        if fields is not None and not ours:
            return True
    return False


def _is_autoscalers(entry: Mapping[str, Any]) -> bool:
    """Whether the entry is of Kubernetes' controller of HorizontalPodAutoscalers."""
    return entry.get("manager") == "kube-controller-manager" and entry.get("subresource") == "scale"


def applied_part(observed: Object) -> dict[str, Any]:
    """The fields of an object that we applied, a Secret's as fingerprints; empty when we never applied it."""
    owned = _owned(observed)
    found: dict[str, Any] = _part(_shown(observed), owned) if owned else {}
    return found


def _owned(obj: Object) -> dict[str, Any] | None:
    """The fieldsV1 record of our apply, or None when we never applied the object."""
    for entry in obj.get("metadata", {}).get("managedFields") or []:
        if entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply" and not entry.get("subresource"):
            fields: dict[str, Any] = entry.get("fieldsV1") or {}
            return fields
    return None


def _holds(wanted: Any, observed: Any, fields: Mapping[str, Any]) -> bool:
    """Whether C(observed) holds C(wanted), where C(fields) names the parts that we own.

    A fieldsV1 map has ``f:NAME`` for a field, ``k:{KEYS}`` for an item of a list that is merged by key, ``v:VALUE`` for
    an item of a set, ``.`` for the value itself, and nothing below a value that is owned as a whole.
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
    # We own a key that the server defaulted (a port's protocol), although it is not in the desired object.
    return _holds({**value, **ours}, theirs, {**{f"f:{part}": {} for part in value}, **below})


def _by_key(items: Sequence[Any], key: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The item with this key; a missing part of the key counts as the server's default."""
    for item in items:
        if isinstance(item, Mapping) and all(item.get(part, value) == value for part, value in key.items()):
            return item
    return None


def _union(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of two records. A value that one owns as a whole and the other in parts counts as a whole."""
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
    """The fields of an object that a diff shows: no volatile fields, no status, no secrets."""
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
    """A list of named items (containers, volumes, ports) by name, or None for any other list."""
    if not all(isinstance(item, Mapping) and isinstance(item.get("name"), str) for item in items):
        return None
    named = {item["name"]: item for item in items}
    return named if len(named) == len(items) else None
