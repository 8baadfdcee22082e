# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of a value in Kubernetes' own words, such as an affinity, and every place where a value differs from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from .fields import Item

Check = Callable[[str], str]
"""The fault of a text, or an empty string."""


@dataclass(frozen=True)
class Text:
    """A string.

    Attributes:
        choices: The allowed ones; none for any.
        fault: The fault of a wrong one.
    """

    choices: tuple[str, ...] = ()
    fault: Check | None = None


@dataclass(frozen=True)
class Number:
    """A whole number from C(least) to C(most)."""

    least: int
    most: int = 2**31 - 1


@dataclass(frozen=True)
class Texts:
    """A mapping from label keys to strings in which C(fault) finds none; a value of a record."""

    fault: Check


@dataclass(frozen=True)
class Items:
    """A list."""

    shape: Shape


@dataclass(frozen=True)
class Record:
    """A mapping with these keys alone."""

    fields: Mapping[str, Shape]
    required: tuple[str, ...] = field(default=())


Shape: TypeAlias = "Text | Number | Texts | Items | Record"


def check_shape(item: Item, key: str, shape: Shape, required: bool = False) -> None:
    """Report every place where the value of a key differs from its shape; a null or missing value is none.

    Args:
        item: The mapping.
        key: Its key.
        shape: The shape of the key's value.
        required: Whether the key must have a value.
    """
    value = item.get(key, required)
    if value is not None:
        _check(item, key, value, shape)


def _check(item: Item, path: str, value: Any, shape: Shape) -> None:
    if isinstance(shape, Text):
        _check_text(item, path, value, shape)
    elif isinstance(shape, Number):
        if isinstance(value, bool) or not isinstance(value, int) or not shape.least <= value <= shape.most:
            item.problem(path, f"must be a whole number from {shape.least} to {shape.most}", value)
    elif isinstance(shape, Texts):
        item.texts(path, shape.fault)
    elif isinstance(shape, Items):
        if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
            item.problem(path, "must be a list", value)
            return
        for index, each in enumerate(value):
            _check(item, f"{path}[{index}]", each, shape.shape)
    else:
        _check_record(Item(value, item.path(path), item.report, item.host), shape)


def _check_text(item: Item, path: str, value: Any, shape: Text) -> None:
    if not isinstance(value, str):
        item.problem(path, "must be a string", value, "Put it in quotes")
    elif shape.choices and value not in shape.choices:
        item.problem(path, f"must be one of {', '.join(shape.choices)}", value)
    elif shape.fault and (fault := shape.fault(value)):
        item.problem(path, fault, value)


def _check_record(item: Item, shape: Record) -> None:
    if item.readable:
        for key, each in shape.fields.items():
            check_shape(item, key, each, key in shape.required)
        item.finish()


def plain(value: Any) -> Any:
    """A value of an inventory as JSON has it, without the keys whose value is null."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items() if each is not None}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [plain(each) for each in value]
    return str(value) if isinstance(value, str) else value
