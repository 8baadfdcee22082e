# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

from ansible_collections.skyshift.clusterlink.plugins.filter.fabric_table import fabric_table

REACHABLE: dict[str, Any] = {
    "name": "east",
    "gateways": [{"host": "192.0.2.1", "port": 30443}],
    "reachable": True,
    "since": "2025-01-31T12:00:00Z",
    "reason": "Heartbeat",
    "message": "",
}


def test_a_link_says_from_where_to_where_and_its_state() -> None:
    assert fabric_table({"north": {"peers": [REACHABLE], "exports": [], "imports": []}}) == [
        "LINK FROM  TO    GATEWAY          STATE",
        "north      east  192.0.2.1:30443  reachable since 2025-01-31T12:00:00Z",
    ]


def test_a_broken_link_says_why() -> None:
    broken = {**REACHABLE, "reachable": False, "message": "no heartbeat"}
    assert "not reachable since 2025-01-31T12:00:00Z: no heartbeat" in fabric_table({"north": {"peers": [broken]}})[1]


def test_a_cluster_that_was_not_read_is_left_out() -> None:
    assert fabric_table({"north": {}}) == []


def test_an_import_names_its_sources() -> None:
    imported = {
        "name": "web",
        "namespace": "shop",
        "port": 80,
        "sources": [{"peer": "east"}, {"peer": "west"}],
        "valid": True,
        "since": "",
        "reason": "Valid",
        "message": "",
    }
    assert fabric_table({"north": {"imports": [imported]}}) == [
        "IMPORTED BY  SERVICE   PORT  FROM        STATE",
        "north        shop/web  80    east, west  valid",
    ]
