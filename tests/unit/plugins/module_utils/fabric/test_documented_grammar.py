# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role mesh documents exactly the keys of the declaration that are read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.fields import Item
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.declaration import parse

SPEC = Path(__file__).resolve().parents[5] / "roles" / "mesh" / "meta" / "argument_specs.yml"
EXPRESSION = {"key": "app", "operator": "Exists"}
CLIENT = {"namespace": "shop"}
RAW, RAW_SERVICE = (
    {"workloadSelector": {"matchExpressions": [{"key": f"{whose}.clusterlink.net/labels.app", "operator": "Exists"}]}}
    for whose in ("client", "export")
)
SERVICE = {"name": "web", "port": 80, "exported_by": "east", "imported_by": "west", "allow": [{"from": CLIENT}]}
POLICY = {"name": "p", "namespace": "default", "from": [CLIENT, RAW], "to": [{"service": "web"}, RAW_SERVICE]}
DECLARATION = {
    "groups": {},
    "links": [{"source": "east", "target": "west"}],
    "services": [SERVICE],
    "shared_namespaces": [
        {
            "name": "train",
            "clusters": ["east", "west"],
            "selector": {"matchExpressions": [EXPRESSION]},
            "allow": [{"from": CLIENT}],
        }
    ],
    "policies": [POLICY],
    "peers": {
        "east": {},
        "west": {
            "peers": [{"name": "other", "gateways": [{"host": "g", "port": 1}]}],
            "exports": [{"name": "db", "port": 1}],
            "imports": [{"name": "api", "port": 1, "sources": [{"peer": "east", "export_name": "web"}]}],
            "access_policies": [{**POLICY, "name": "q"}],
        },
    },
}
FREE = ("allow.from", "matchLabels")
"""What is read with keys of the user's own: labels, beside the words of a client in C(allow)."""


def documented(options: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, set[str]]]:
    """Each mapping's path, and the keys that it may have."""
    for name, option in options.items():
        if "options" in option:
            below = f"{path}.{name}".lstrip(".")
            yield below, set(option["options"])
            yield from documented(option["options"], below)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """By path, the keys that are known when a mapping has been read."""
    known: dict[str, set[str]] = {}
    finish = Item.finish

    def recorded(self: Item, also: Iterable[str] = (), **how: Any) -> None:
        also = list(also)
        path = re.sub(r"\[\d+\]", "", self.where)
        known.setdefault(path, set()).update(self._read, also)
        finish(self, also, **how)

    monkeypatch.setattr(Item, "finish", recorded)
    parse(DECLARATION)
    return {path: keys for path, keys in known.items() if path}


def test_the_role_documents_the_keys_that_are_read(read: dict[str, set[str]]) -> None:
    spec = yaml.safe_load(SPEC.read_text(encoding="utf-8"))["argument_specs"]
    grammar = dict(documented(spec["declaration"]["options"]))
    read = {path: keys for path, keys in read.items() if not path.endswith(FREE)}
    assert {path: grammar.get(path) for path in read} == read
    assert grammar.keys() - read.keys() == set()


def test_the_role_documents_every_list_of_the_declaration() -> None:
    spec = yaml.safe_load(SPEC.read_text(encoding="utf-8"))["argument_specs"]
    lists = {name for name, option in spec["main"]["options"].items() if option["type"] == "list"}
    assert set(spec["declaration"]["options"]) == lists
