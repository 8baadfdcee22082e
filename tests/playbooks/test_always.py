# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task that fails once for all hosts leaves a playbook's section C(always) to run, with every supported Ansible.

tests/checks/test_playbooks.py holds that all such sections are of the kind that this one is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.environment import ansible_environment
from tests.support.forked_ansible import ansible_playbook
from tests.support.paths import ROOT

PLAYBOOKS = ROOT / "playbooks"
HOSTS = ("east", "west")
FAILING: dict[str, Any] = {
    "name": "Lock the fabric",
    "ansible.builtin.fail": {"msg": "another run works on it"},
    "run_once": True,
    "register": "fabric_locked",
}


def test_every_host_is_reported_when_a_task_of_an_imported_file_fails_once(tmp_path: Path) -> None:
    (tmp_path / "tasks").symlink_to(PLAYBOOKS / "tasks")
    (tmp_path / "failing.yml").write_text(yaml.safe_dump([FAILING]), encoding="utf-8")
    play = yaml.safe_load((PLAYBOOKS / "site.yml").read_text(encoding="utf-8"))[-1]
    (block,) = play["tasks"]
    block["block"] = [{"ansible.builtin.import_tasks": "failing.yml", "tags": "always"}]
    play["hosts"] = "all"
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
    variables = {"site_json": "report.json", "clusterlink_api_key": "seen-by-nobody"}
    arguments = ["-i", ",".join(HOSTS), "play.yml", "--tags", "mesh", "-vvv", "-e", json.dumps(variables)]
    run = ansible_playbook(arguments, cwd=tmp_path, env=ansible_environment())
    assert run.returncode == 2, run.stdout + run.stderr
    reported = [host for host in HOSTS if f"{host} failed and is not up to date" in " ".join(run.stdout.split())]
    assert reported == [*HOSTS], run.stdout + run.stderr
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["failed"] == [*HOSTS]
    assert "seen-by-nobody" not in run.stdout, "what a task reads of hosts is none of its arguments"


WRITING = [
    pytest.param(play, id=f"{path.stem}: {play['name']}")
    for path in sorted(PLAYBOOKS.glob("*.yml"))
    for play in yaml.safe_load(path.read_text(encoding="utf-8"))
    for task in play.get("tasks", [])
    if "tasks/workflow.yml" in str(task.get("always")) and path.stem not in ("preflight", "show")
]


@pytest.mark.parametrize("play", WRITING)
def test_a_workflow_is_told_what_failed_whichever_play_ends_the_run(tmp_path: Path, play: dict[str, Any]) -> None:
    (tmp_path / "tasks").symlink_to(PLAYBOOKS / "tasks")
    (block,) = play["tasks"]
    done = {"mesh_result": {"changed": True}, "upgrade_found": {"worse": "", "upgraded": False}}
    steps = [{"name": "Write to the cluster", "ansible.builtin.set_fact": done}, FAILING]
    play = {**play, "hosts": "all", "roles": [], "module_defaults": {}, "tasks": [{**block, "block": steps}]}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
    environment = ansible_environment(ANSIBLE_SHOW_CUSTOM_STATS="1", ANSIBLE_CALLBACK_RESULT_FORMAT="json")
    run = ansible_playbook(["-i", ",".join(HOSTS), "play.yml"], cwd=tmp_path, env=environment)
    assert run.returncode == 2, run.stdout + run.stderr
    reached = HOSTS[:1] if play.get("serial") else HOSTS
    told = run.stdout.partition("RUN: ")[2]
    assert told, run.stdout + run.stderr
    assert json.loads(told)["fabric_run"] == {"changed": [*reached], "failed": [*reached], "waiting": []}


def test_what_an_earlier_play_has_changed_is_still_told(tmp_path: Path) -> None:
    (tmp_path / "tasks").symlink_to(PLAYBOOKS / "tasks")
    plays = [
        {
            "hosts": "all",
            "gather_facts": False,
            "tasks": [
                {"ansible.builtin.set_fact": {"mesh_result": {"changed": f"{{{{ inventory_hostname == '{host}' }}}}"}}},
                {"ansible.builtin.include_tasks": "tasks/workflow.yml"},
            ],
        }
        for host in ("west", "east")
    ]
    (tmp_path / "play.yml").write_text(yaml.safe_dump(plays), encoding="utf-8")
    environment = ansible_environment(ANSIBLE_SHOW_CUSTOM_STATS="1", ANSIBLE_CALLBACK_RESULT_FORMAT="json")
    run = ansible_playbook(["-i", ",".join(HOSTS), "play.yml"], cwd=tmp_path, env=environment)
    told = json.loads(run.stdout.partition("RUN: ")[2])
    assert told["fabric_run"] == {"changed": [*HOSTS], "failed": [], "waiting": []}
