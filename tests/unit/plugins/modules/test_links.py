# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What link_info, link_plan and fabric_impact make of data; what they read by themselves is tried on real clusters."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.outcome import Mode, Outcome
from ansible_collections.skyshift.clusterlink.plugins.modules import fabric_impact, link_info, link_plan

DECLARATION = {
    "fabric": "demo",
    "groups": {"clusters": ["east", "west"]},
    "peers": {"east": {}, "west": {}},
    "services": [{"name": "web", "port": 80, "exported_by": "east", "imported_by": "west"}],
}
UP = {"labels": {}, "fabric": "demo", "reachable": True, "since": "", "reason": "Heartbeat", "message": ""}
SOURCE = {"peer": "east", "export_name": "web", "export_namespace": "default"}
INFOS = {
    "east": {"served": True, "peers": [{"name": "west", **UP}], "imports": []},
    "west": {
        "served": True,
        "peers": [{"name": "east", **UP}],
        "imports": [{"namespace": "default", "name": "old", "sources": [SOURCE]}],
    },
}


def run(module: ModuleType, **arguments: Any) -> Outcome:
    given = {"declaration": DECLARATION, **arguments}
    validated = ArgumentSpecValidator(module.TASK.argument_spec).validate(given)
    assert validated.error_messages == []
    outcome: Outcome = module.TASK.run(validated.validated_parameters, Mode())
    return outcome


def problems(module: ModuleType, **arguments: Any) -> list[str]:
    with pytest.raises(ClusterlinkError) as caught:
        run(module, **arguments)
    return [problem.where for problem in caught.value.problems]


@pytest.mark.parametrize(("module", "given"), [(link_info, {}), (link_plan, {"name": "x"}), (fabric_impact, {})])
def test_without_an_inventory_the_data_is_needed(module: ModuleType, given: dict[str, str]) -> None:
    assert "declaration" in problems(module, declaration=None, **given)


def test_links_are_reported_as_data_and_as_a_table() -> None:
    values = run(link_info, infos=INFOS).values
    assert [(each["name"], each["ready"], each["for"]) for each in values["links"]] == [
        ("east-west", True, ["service default/web"])
    ]
    assert (len(values["table"]), values["problems"], values["summary"]) == (2, [], "")


def test_one_link_is_reported_by_its_name_and_an_unknown_name_is_an_error() -> None:
    assert len(run(link_info, infos=INFOS, name="east-west").values["links"]) == 1
    assert problems(link_info, infos=INFOS, name="east-wets") == ["name"]


def test_a_link_that_is_wanted_says_what_each_side_holds() -> None:
    addresses = {"east": {"host": "e", "port": 1}, "west": {"host": "w", "port": 2}}
    values = run(link_plan, infos=INFOS, addresses=addresses, name="main", source="east", target="west").values
    assert values["sides"]["west"] == {"peer": "east", "gateways": [addresses["east"]]}
    assert problems(link_plan, infos=INFOS, name="main", source="east", target="west") == ["target", "source"]


def test_a_removal_that_cuts_traffic_fails_unless_it_is_forced() -> None:
    outcome = run(fabric_impact, peers=["east"])
    assert outcome.failed
    assert "Import default/web of west loses all its sources: east" in outcome.values["msg"]
    forced = run(fabric_impact, peers=["east"], force=True)
    assert (forced.failed, forced.warnings) == (False, ["Import default/web of west loses all its sources: east."])
    assert forced.values["losses"] == outcome.values["losses"]


def test_a_removal_that_cuts_nothing_is_fine() -> None:
    assert not run(fabric_impact, peers=["west"], services=["default/other"]).failed


def test_what_is_there_counts_when_it_is_given() -> None:
    assert "Import default/old of west" in run(fabric_impact, infos=INFOS, services=["default/web"]).values["msg"]


@pytest.mark.parametrize("service", ["web", "/web", "default/"])
def test_a_service_is_named_with_its_namespace(service: str) -> None:
    assert problems(fabric_impact, services=["default/web", service]) == ["services[1]"]
