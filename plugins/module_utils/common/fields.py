# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read plain data strictly, and collect every problem instead of stopping at the first."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from ..errors import ClusterlinkError, Problem
from .naming import did_you_mean, dns_label_fault, label_key_fault, label_value_fault

MAX_PORT = 65535
_SHOWN = 100
_ENTRY = re.compile(r"clusterlink_\w+\[\d+\]")
"""An entry of a list of the inventory."""
_TRUTHS = {"true": True, "yes": True, "false": False, "no": False}


def shown(value: object) -> str:
    """The value for a problem: shortened JSON, in which "80" and 80 differ."""
    text = json.dumps(value, ensure_ascii=False, skipkeys=True, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


class Report:
    """The problems found so far."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._doubts: list[Problem] = []
        self._names: dict[tuple[str, str], str] = {}

    def name(self, where: str, name: str, host: str) -> None:
        """Remember the name of a list's entry, so that problems name it beside its index."""
        self._names[host, where] = name

    def add(self, where: str, what: str, found: object = None, fix: str = "", host: str = "") -> None:
        """Add a problem once; C(found) is the value found, if there is one."""
        problem = Problem(where, what, "" if found is None else shown(found), fix, host)
        if problem not in self.problems:
            self.problems.append(problem)

    def doubt(self, where: str, what: str, fix: str, host: str = "") -> None:
        """Add what may not be meant, and is no problem; it is added once."""
        doubt = Problem(where, what, fix=fix, host=host)
        if doubt not in self._doubts:
            self._doubts.append(doubt)

    def warnings(self) -> tuple[str, ...]:
        """The doubts, as sentences."""
        return tuple(str(self._named(each)) for each in self._doubts)

    def mentions(self, paths: str) -> bool:
        """Whether the regular expression fully matches the variable path of a problem."""
        return any(re.fullmatch(paths, problem.where) for problem in self.problems)

    def raise_any(self) -> None:
        """Raise C(ClusterlinkError) with all problems, if there are any."""
        if self.problems:
            raise ClusterlinkError([self._named(problem) for problem in self.problems])

    def _named(self, problem: Problem) -> Problem:
        """The problem with the name of the entry that it is in, as in C(clusterlink_services[0].port (shop/web))."""
        entry = _ENTRY.match(problem.where)
        name = self._names.get((problem.host, entry[0])) if entry else None
        return replace(problem, entry=name) if name else problem


class Item:
    """One mapping of the declaration.

    Every method reads one key, reports problems of its value, and then returns the default, so that all other problems
    are found, too. A key whose value is null counts as absent.
    """

    def __init__(self, value: object, where: str, report: Report, host: str = "") -> None:
        """Take the mapping at the variable path C(where), of the given host if it is a host variable."""
        self.where = where
        self.host = host
        self.report = report
        self.readable = isinstance(value, Mapping)
        self._values: dict[str, Any] = {}
        self._read: set[str] = set()
        self._raw = value
        if isinstance(value, Mapping):
            self._values = {str(key): item for key, item in value.items() if item is not None}
        else:
            self.problem("", "must be a mapping", value)

    def path(self, key: str) -> str:
        """The variable path of a key."""
        return f"{self.where}.{key}" if self.where and key else self.where or key

    def problem(self, key: str, what: str, found: object = None, fix: str = "") -> None:
        """Report a problem of a key's value, or of the whole mapping when the key is empty."""
        self.report.add(self.path(key), what, found, fix, self.host)

    def get(self, key: str, required: bool = False) -> Any:
        """The key's value, or None."""
        self._read.add(key)
        if required and self.readable and key not in self._values:
            self.problem(key, "is required")
        return self._values.get(key)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def keys(self) -> frozenset[str]:
        """The keys that have a value."""
        return frozenset(self._values)

    def peek(self, key: str) -> Any:
        """The key's value, or None, without counting the key as read."""
        return self._values.get(key)

    def is_null(self, key: str) -> bool:
        """Whether the key is there, with the value null."""
        return isinstance(self._raw, Mapping) and key in self._raw and self._raw[key] is None

    def refuse_nulls(self, fix: str) -> None:
        """Report every key whose value is null, also in nested mappings and lists of them."""
        for path in _nulls(self._raw):
            self.problem(path, "is null", fix=fix)

    def text(self, key: str, default: str = "", required: bool = False) -> str:
        """A string that is not empty."""
        value = self.get(key, required)
        if value is None:
            return default
        if not isinstance(value, str) or not value:
            self.problem(key, "must be a string that is not empty", value)
            return default
        return str(value)

    def name(
        self,
        key: str = "name",
        default: str = "",
        required: bool = False,
        fault: Callable[[str], str] = dns_label_fault,
    ) -> str:
        """A DNS label, or a name that C(fault) accepts; a faulty name is returned, too, for later messages."""
        value = self.text(key, default, required)
        what = fault(value) if value and key in self else ""
        if what:
            simple = value.lower().replace("_", "-")
            near = simple != value and not fault(simple)
            fix = f"Perhaps {simple} is meant" if near else "Choose a shorter or simpler name"
            self.problem(key, what, value, fix)
        return value

    def port(self, key: str = "port", default: int = 0, required: bool = False) -> int:
        """A TCP port, also as digits in a string, as C(-e) passes them."""
        value = self.get(key, required)
        if value is None:
            return default
        number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MAX_PORT:
            self.problem(key, f"must be a port number from 1 to {MAX_PORT}", value)
            return default
        return int(number)

    def count(self, key: str, most: int) -> int:
        """A positive integer; zero when it is absent."""
        value = self.get(key)
        if value is None:
            return 0
        number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= most:
            self.problem(key, f"must be a whole number from 1 to {most}", value)
            return 0
        return int(number)

    def choice(self, key: str, allowed: Sequence[str], default: str = "", required: bool = False) -> str:
        """One of the allowed words."""
        value = self.get(key, required)
        if value is None:
            return default
        if value not in allowed:
            fix = did_you_mean(value, allowed) if isinstance(value, str) else ""
            self.problem(key, f"must be one of {', '.join(allowed)}", value, fix)
            return default
        return str(value)

    def labels(self, key: str = "labels") -> dict[str, str]:
        """Kubernetes labels."""
        return self.texts(key, label_value_fault)

    def annotations(self, key: str) -> dict[str, str]:
        """Kubernetes annotations."""
        return self.texts(key, lambda _value: "")

    def texts(self, key: str, fault: Callable[[str], str]) -> dict[str, str]:
        """A mapping from label keys to strings in which C(fault) finds none."""
        texts: dict[str, str] = {}
        for name, each in self.mapping(key).items():
            path = f"{key}.{name}"
            wrong = label_key_fault(name)
            if wrong:
                self.problem(path, f"the key {wrong}", name)
            elif not isinstance(each, str):
                self.problem(path, "must be a string", each, "Put it in quotes")
            elif wrong := fault(each):
                self.problem(path, wrong, each)
            else:
                texts[name] = str(each)
        return texts

    def mapping(self, key: str) -> dict[str, Any]:
        """A mapping with string keys; empty when it is absent."""
        value = self.get(key)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.problem(key, "must be a mapping", value)
            return {}
        return {str(name): item for name, item in value.items()}

    def item(self, key: str) -> Item:
        """A mapping as an Item; empty when it is absent."""
        value = self.get(key)
        return Item({} if value is None else value, self.path(key), self.report, self.host)

    def values(self, key: str) -> list[tuple[Any, str]]:
        """A list's values, each with its path below this item, as C(key[0])."""
        value = self.get(key)
        if value is None:
            return []
        if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
            self.problem(key, "must be a list", value)
            return []
        return [(entry, f"{key}[{index}]") for index, entry in enumerate(value)]

    def items(self, key: str) -> list[Item]:
        """A list of mappings as Items; other values are problems and left out."""
        items = [Item(value, self.path(path), self.report, self.host) for value, path in self.values(key)]
        readable = [item for item in items if item.readable]
        for item in readable if not self.where else ():
            if name := _entry_name(item):
                self.report.name(item.where, name, self.host)
        return readable

    def finish(self, also: Iterable[str] = (), *, impossible: Mapping[str, str] = MappingProxyType({})) -> None:
        """Report the keys that no method has read.

        Args:
            also: Further known keys.
            impossible: What keys that people expect ask for, and why that cannot be, as sentences without a full stop.
        """
        known = self._read.union(also)
        for key in sorted(self._values.keys() - known):
            if key in impossible:
                self.problem(key, impossible[key], self._values[key], "Remove it")
                continue
            fix = did_you_mean(key, known) or f"Known keys: {', '.join(sorted(known))}"
            self.problem(key, "is not known", fix=fix)


def _entry_name(item: Item) -> str:
    """The name of a variable's entry, with its namespace if it has one; empty for an entry without a name."""
    name, namespace = item.peek("name"), item.peek("namespace")
    if not isinstance(name, str):
        return ""
    return f"{namespace}/{name}" if isinstance(namespace, str) and name else name


def _nulls(value: object, path: str = "") -> Iterator[str]:
    """The paths of the keys with the value null; a list's own null is no mapping, which its reader reports."""
    if isinstance(value, Mapping):
        for key, below in value.items():
            inner = f"{path}.{key}" if path else str(key)
            if below is None:
                yield inner
            else:
                yield from _nulls(below, inner)
    elif isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        for index, below in enumerate(value):
            yield from _nulls(below, f"{path}[{index}]")


def flag(value: object) -> bool | None:
    """A boolean, also as a word, as C(-e) passes it; None for anything else."""
    if isinstance(value, bool):
        return value
    return _TRUTHS.get(value.lower()) if isinstance(value, str) else None
