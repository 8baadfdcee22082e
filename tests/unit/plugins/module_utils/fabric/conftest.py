# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small fabric, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.declaration import parse, parse_addresses
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.plan import Plan, compile_plan

Data = dict[str, Any]
Declare = Callable[..., Data]


@pytest.fixture
def declare() -> Declare:
    """Three clusters east, west and north, with whatever else is given; hosts' own variables by their names."""

    def build(**parts: Any) -> Data:
        hosts = ("east", "west", "north")
        own = {host: parts.pop(host, {}) for host in hosts}
        groups = {"clusters": list(hosts), "eu": ["east", "west"], "nobody": [], **parts.pop("groups", {})}
        return {"fabric": "demo", "groups": groups, "peers": own, **parts}

    return build


@pytest.fixture
def web() -> Data:
    """The service of the documentation's example."""
    return {
        "name": "web",
        "namespace": "default",
        "port": 80,
        "exported_by": ["east", "west"],
        "imported_by": ["north"],
        "allow": [{"from": {"app": "frontend"}}],
    }


@pytest.fixture
def plan() -> Callable[[Data], Plan]:
    """Plans a declaration whose gateways all have an address, but for those that are given as unknown."""

    def build(data: Data, unknown: str = "") -> Plan:
        addresses = {host: {"host": f"{host}.example.com", "port": 443} for host in data["peers"] if host != unknown}
        return compile_plan(parse(data), parse_addresses(addresses))

    return build


@pytest.fixture
def problems() -> Callable[[Data], list[str]]:
    """What is wrong with a declaration, in sentences, which name entries by their index alone."""

    def find(data: Data) -> list[str]:
        with pytest.raises(ClusterlinkError) as caught:
            parse(data)
        return [str(replace(problem, entry="")) for problem in caught.value.problems]

    return find


@pytest.fixture
def problem(problems: Callable[[Data], list[str]]) -> Callable[[Data], str]:
    """The one thing that is wrong with a declaration."""

    def find(data: Data) -> str:
        (sole,) = problems(data)
        return sole

    return find
