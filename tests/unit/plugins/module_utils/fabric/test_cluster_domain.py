# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster whose Services have another domain than cluster.local, the only one that ClusterLink knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.plan import Plan

Data = dict[str, Any]
Declare = Callable[..., Data]
Planner = Callable[..., Plan]

CORP = {"cluster_domain": "corp.example"}


def exported(plan: Plan, host: str) -> dict[str, Data]:
    return {each["metadata"]["name"]: each["spec"] for each in plan.peers[host].objects if each["kind"] == "Export"}


def test_its_exports_name_the_whole_host(declare: Declare, plan: Planner, web: Data) -> None:
    own = {**CORP, "exports": [{"name": "db", "namespace": "shop", "port": 1}]}
    planned = plan(declare(services=[web], east=own))
    assert exported(planned, "east") == {
        "web": {"port": 80, "host": "web.default.svc.corp.example"},
        "db": {"port": 1, "host": "db.shop.svc.corp.example"},
    }
    assert exported(planned, "west") == {"web": {"port": 80}}


def test_a_host_that_is_declared_stays(declare: Declare, plan: Planner, web: Data) -> None:
    planned = plan(declare(services=[{**web, "host": "db.example.com"}], east=CORP))
    assert exported(planned, "east")["web"]["host"] == "db.example.com"


def test_a_relay_there_finds_its_data_plane(declare: Declare, plan: Planner, web: Data) -> None:
    origin = {**web, "exported_by": ["east"], "imported_by": ["west"], "allow": [], "import_as": {"name": "far-web"}}
    relay = {**web, "name": "far-web", "exported_by": ["west"], "imported_by": ["north"], "relay": True}
    planned = plan(declare(services=[origin, relay], west=CORP))
    host = "relay-far-web-default.clusterlink-system.svc.corp.example"
    assert exported(planned, "west")["far-web"]["host"] == host


def test_an_import_that_nothing_there_can_look_up_is_refused(
    declare: Declare, problem: Callable[[Data], str], web: Data
) -> None:
    said = problem(declare(services=[web], north=CORP))
    assert said.startswith(
        "clusterlink_services[0]: is imported by north, whose clusterlink_cluster_domain is corp.exa"
    )
    assert "Import it into namespace clusterlink-system (import_as), or with merge: true" in said


@pytest.mark.parametrize("way", [{"import_as": {"namespace": "clusterlink-system"}}, {"merge": True}])
def test_imports_without_an_alias_work(declare: Declare, plan: Planner, web: Data, way: Data) -> None:
    planned = plan(declare(services=[{**web, **way}], north=CORP))
    assert [each["kind"] for each in planned.peers["north"].objects].count("Import") == 1


def test_a_domain_that_is_none_is_refused(declare: Declare, problem: Callable[[Data], str], web: Data) -> None:
    said = problem(declare(services=[web], east={"cluster_domain": "Corp.example"}))
    assert said.startswith("east: clusterlink_cluster_domain: is not a DNS name")
    assert "Perhaps corp.example is meant" in said


@pytest.mark.parametrize(
    ("domains", "advice"),
    [
        (
            {"east": CORP, "west": CORP},
            "under a name of its own, such as name: web-9090 with host: web.default.svc.corp.example.",
        ),
        ({"east": CORP}, "host: web.default.svc.corp.example in east, web.default.svc.cluster.local in west."),
    ],
)
def test_the_advice_for_a_further_port_names_the_clusters_own_domain(
    declare: Declare, problem: Callable[[Data], str], web: Data, domains: Data, advice: str
) -> None:
    said = problem(declare(services=[web, {**web, "port": 9090}], **domains))
    assert said.endswith(advice)
    assert ("clusterlink_exports of each cluster" in said) == (len(domains) == 1)


def test_the_same_advice_for_a_clusters_own_exports(declare: Declare, problem: Callable[[Data], str]) -> None:
    exports = [{"name": "db", "port": 5432}, {"name": "db", "port": 9187}]
    said = problem(declare(east={**CORP, "exports": exports}))
    assert said.endswith("such as name: db-9187 with host: db.default.svc.corp.example.")
