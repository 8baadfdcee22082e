# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that the roles' tasks get from the variables of their own host, or of the one that is named."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from tests.support.playbooks import keep, run_playbook

HOSTS: dict[str, dict[str, Any]] = {
    "east": {
        "clusterlink_kubeconfig": "{{ folder }}/{{ inventory_hostname }}",
        "clusterlink_proxy_headers": {"user_agent": "{{ inventory_hostname }}", "basic_auth": "a:b"},
        "clusterlink_impersonate_groups": ["a", "{{ inventory_hostname }}"],
        "clusterlink_validate_certs": False,
        "clusterlink_ca_cert": "{{ nowhere | default(omit) }}",
        "clusterlink_labels": {"not": "an option"},
    },
    "west": {"clusterlink_context": "{{ nowhere }}", "clusterlink_api_key": "s3cret"},
    "north": {"clusterlink_retry_timeout": 7, "of": "nobody"},
}
TASKS = ("own", "other", "set")
DEFAULTS = {"retry_timeout": 20, "exec_plugin_timeout": 60}
EAST = {
    "kubeconfig": "/k/east",
    "proxy_headers": {"user_agent": "east", "basic_auth": "a:b"},
    "impersonate_groups": ["a", "east"],
    "validate_certs": False,
}
"""What its inventory says; the roles' defaults are the task's own host's alone."""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """By host, the connection of a task of its own, of one of another host, and of one whose play has a variable."""
    folder = tmp_path_factory.mktemp("connection")
    inventory = {"clusters": {"hosts": HOSTS, "vars": {"folder": "/k", "ansible_connection": "local"}}}
    (folder / "hosts.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    show = {"ansible.builtin.debug": {"msg": "{{ clusterlink_connection }}"}, "ignore_errors": True}
    results = ", ".join(
        f"'{name}': dict(groups.all | zip(groups.all | map('extract', hostvars, ['{name}', 'msg'])))" for name in TASKS
    )
    steps = [
        {**show, "register": "own"},
        {**show, "register": "other", "vars": {"clusterlink_of": "{{ of | default('east') }}"}},
        {**show, "register": "set", "vars": {"clusterlink_context": "{{ inventory_hostname }}"}},
        {**keep(f"{{{results}}}", folder / "found.json"), "run_once": True},
    ]
    play = {"hosts": "clusters", "gather_facts": False, "roles": ["skyshift.clusterlink._common"], "tasks": steps}
    (folder / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
    run = run_playbook("-i", "hosts.yml", "-vvv", "play.yml", cwd=folder)
    assert run.code == 0, run.output
    kept: dict[str, dict[str, Any]] = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    return {host: {name: kept[name][host] for name in TASKS} for host in HOSTS}


def test_a_variable_that_is_set_is_an_option(found: dict[str, dict[str, Any]]) -> None:
    assert found["east"]["own"] == {**EAST, **DEFAULTS}
    assert found["north"]["own"] == {**DEFAULTS, "retry_timeout": 7}


def test_another_hosts_variables_are_templated_for_it(found: dict[str, dict[str, Any]]) -> None:
    assert found["east"]["other"] == found["west"]["other"] == EAST


def test_a_host_that_does_not_exist_is_no_connection(found: dict[str, dict[str, Any]]) -> None:
    assert "clusterlink_of: names a host that the inventory does not have (found: nobody)" in found["north"]["other"]


def test_a_tasks_own_variables_precede_the_inventory(found: dict[str, dict[str, Any]]) -> None:
    assert found["west"]["set"] == {"context": "west", "api_key": "s3cret", **DEFAULTS}


def test_a_template_that_fails_names_host_and_variable_and_no_other_value(found: dict[str, dict[str, Any]]) -> None:
    fault = found["west"]["own"]
    assert "west: clusterlink_context: cannot be templated (found: 'nowhere' is undefined" in fault
    assert "s3cret" not in fault
