# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with an inventory is said at once, also where it has no host of the fabric."""

from __future__ import annotations

from typing import Any

from ansible_collections.skyshift.clusterlink.plugins.action.fabric_preflight import inventory_problems

EAST = {"clusterlink_context": "east"}


class HostVars(dict[str, dict[str, Any]]):
    """The variables of every host, none of which has a template."""

    def raw_get(self, host: str) -> dict[str, Any]:
        return self[host]


def refused(hosts: dict[str, dict[str, Any]], *extra: str, limit: str = "") -> list[str]:
    """Where each problem is."""
    variables = {
        "groups": {"clusters": list(hosts)},
        "hostvars": HostVars(hosts),
        "ansible_play_hosts_all": [limit] if limit else list(hosts),
    }
    return [problem.where for problem in inventory_problems(variables, extra, ["enrol_name"])]


def test_an_inventory_of_one_cluster_is_fine() -> None:
    assert refused({"east": EAST}, "enrol_name") == []


def test_a_group_without_hosts_hides_no_extra_variable_that_nothing_knows() -> None:
    assert refused({}, "fabric_replaceca", "enrol_nam") == ["enrol_nam", "fabric_replaceca", "clusterlink_group"]


def test_a_limit_without_hosts_of_the_group_hides_no_problem_of_them() -> None:
    hosts = {"east": {**EAST, "clusterlink_servces": [], "clusterlink_wait_timeout": "soon"}}
    assert refused(hosts, limit="other") == ["clusterlink_servces", "--limit", "clusterlink_wait_timeout"]
