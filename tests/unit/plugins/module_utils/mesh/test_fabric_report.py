# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

from ansible_collections.skyshift.clusterlink.plugins.filter.fabric_report import FilterModule
from ansible_collections.skyshift.clusterlink.plugins.module_utils.mesh.fabric_report import report

REACHABLE: dict[str, Any] = {
    "name": "east",
    "gateways": [{"host": "192.0.2.1", "port": 30443}],
    "reachable": True,
    "since": "2025-01-31T12:00:00Z",
    "reason": "Heartbeat",
    "message": "",
}


def test_a_link_says_from_where_to_where_and_its_state() -> None:
    said = report({"north": {"peers": [REACHABLE], "exports": [], "imports": []}})
    assert said["table"] == [
        "LINK FROM  TO    GATEWAY          STATE",
        "north      east  192.0.2.1:30443  reachable since 2025-01-31T12:00:00Z",
    ]
    assert said["clusters"]["north"]["peers"] == [REACHABLE]


def test_a_broken_link_says_why() -> None:
    broken = {**REACHABLE, "reachable": False, "message": "no heartbeat"}
    assert (
        "not reachable since 2025-01-31T12:00:00Z: no heartbeat" in report({"north": {"peers": [broken]}})["table"][1]
    )


def test_a_cluster_that_was_not_read_is_a_row_and_a_problem() -> None:
    said = FilterModule().filters()["fabric_report"]({"north": {"msg": "https://n: away\nCheck it"}, "east": {}})
    assert said["table"] == ["NOT READ  REASON", "east      it was not read", "north     https://n: away; Check it"]
    assert said["problems"][1] == "north cannot be read: https://n: away; Check it"
    assert not said["clusters"]["north"]["read"]


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
    assert report({"north": {"peers": [], "imports": [imported]}})["table"] == [
        "IMPORTED BY  SERVICE   PORT  FROM        STATE",
        "north        shop/web  80    east, west  valid",
    ]


def test_answers_stand_beside_their_cluster() -> None:
    answer = {"name": "web", "ok": True}
    said = report({"north": {"peers": []}}, {"north": {"results": [answer]}})
    assert said["clusters"]["north"]["answers"] == [answer]
