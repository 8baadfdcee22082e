# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan as a playbook gets it."""

from __future__ import annotations

import base64
import json
import re
import sys
from pathlib import Path

import yaml

from tests.support.environment import ansible_environment
from tests.support.forked_ansible import ansible_playbook
from tests.support.inventories import WEB, Data, inventory


def run_playbook(tmp_path: Path, data: Data, task: Data, *options: str) -> Data:
    """The result of the task, run in a playbook for the group."""
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    tasks: list[Data] = [
        {"skyshift.clusterlink.fabric_plan": task, "register": "planned", "ignore_errors": True},
        # In base 64 it is one word, whatever the format of the output.
        {"ansible.builtin.debug": {"msg": "RESULT:{{ planned | to_json | b64encode }}"}},
    ]
    play = {
        "hosts": "clusters",
        "gather_facts": False,
        "connection": "local",
        "vars": {"ansible_python_interpreter": sys.executable},
        "tasks": [{**each, "run_once": True} for each in tasks],
    }
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False), encoding="utf-8")
    run = ansible_playbook(["-i", "hosts.yml", "play.yml", *options], cwd=tmp_path, env=ansible_environment())
    assert run.returncode == 0, run.stdout + run.stderr
    (word,) = re.findall(r"RESULT:([\w+/=]+)", run.stdout)
    result: Data = json.loads(base64.b64decode(word))
    return result


def test_playbook_limited_to_one_host_gets_the_whole_plan_and_check_mode_the_same(tmp_path: Path) -> None:
    addresses = {"east": {"host": "192.0.2.1", "port": 443}}
    data = inventory(clusterlink_services=[WEB])
    result = run_playbook(tmp_path, data, {"addresses": addresses}, "--limit", "west")
    assert not result["changed"]
    assert list(result["plan"]["peers"]) == ["east", "north", "west"]
    assert result["summary"] == {"links": 2, "objects": 7, "peers": 3, "pending": 3, "services": 1}
    assert run_playbook(tmp_path, data, {"addresses": addresses}, "--check")["plan"] == result["plan"]


def test_playbook_gets_every_problem_as_data(tmp_path: Path) -> None:
    broken = [{**WEB, "port": 0, "imported_by": "moon"}]
    result = run_playbook(tmp_path, inventory(clusterlink_services=broken), {})
    assert result["failed"]
    assert result["msg"].splitlines()[0] == "2 problems:"
    assert [problem["where"] for problem in result["problems"]] == [
        "clusterlink_services[0].port",
        "clusterlink_services[0].imported_by",
    ]


def test_declaration_given_as_an_argument_needs_no_inventory(tmp_path: Path) -> None:
    declaration = {"peers": {"a": {}, "b": {}}, "link_mode": "mesh"}
    result = run_playbook(tmp_path, inventory(), {"declaration": declaration})
    assert list(result["plan"]["peers"]) == ["a", "b"]


def test_argument_of_another_type_is_refused(tmp_path: Path) -> None:
    result = run_playbook(tmp_path, inventory(), {"addresses": "east"})
    assert result["msg"].startswith("argument 'addresses' is of type ")
