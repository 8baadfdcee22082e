# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with an inventory is said at once, also where it has no host of the fabric."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.skyshift.clusterlink.plugins.action.fabric_preflight import inventory_problems
from tests.support.environment import ansible_environment
from tests.support.forked_ansible import ansible_playbook

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


def test_without_an_inventory_every_playbook_ends_with_one_error(tmp_path: Path) -> None:
    run = ansible_playbook(
        ["-i", "/dev/null", "skyshift.clusterlink.preflight"], cwd=tmp_path, env=ansible_environment()
    )
    assert run.returncode == 2, run.stdout + run.stderr
    said = (
        "clusterlink_group: names an inventory group that has no hosts (found: clusters). Add a host for each cluster"
    )
    assert said in " ".join(run.stdout.split())
    assert run.stdout.count("where: ") == 1, run.stdout
