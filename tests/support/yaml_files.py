# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The repository's YAML files, each parsed once by a process, in C: libyaml takes a tenth of the time."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from yaml import SafeLoader
else:
    SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class AnsibleYaml(SafeLoader):
    """Takes the text of what carries one of Ansible's tags, such as C(!unsafe)."""


AnsibleYaml.add_multi_constructor("!", lambda _loader, _tag, node: node.value)


def parse(text: str) -> Any:
    """The only document of a text."""
    return yaml.load(text, Loader=AnsibleYaml)  # noqa: S506 - a safe loader


@functools.cache
def load(path: Path) -> Any:
    """The only document of a file, which nobody may change."""
    return parse(path.read_text(encoding="utf-8"))


def mappings(node: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in a YAML document, outer before inner."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from mappings(value)
    elif isinstance(node, list):
        for value in node:
            yield from mappings(value)


def tasks_in(found: Any) -> Iterator[dict[str, Any]]:
    """All plays, blocks and tasks in a list of these, however deep."""
    for each in found if isinstance(found, list) else []:
        yield each
        for part in ("pre_tasks", "tasks", "post_tasks", "block", "rescue", "always"):
            yield from tasks_in(each.get(part))


def tasks_of(path: Path) -> list[dict[str, Any]]:
    """All plays, blocks and tasks of a file."""
    return list(tasks_in(load(path)))
