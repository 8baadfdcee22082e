# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks that report, on clusters that cannot be reached: as AWX shows them, as JSON, and for a workflow."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.environment import ansible_environment
from tests.support.forked_ansible import ansible_playbook
from tests.support.paths import ROOT

HOSTS = {"east": "https://127.0.0.1:1", "west": "https://127.0.0.1:2"}
SERVICE = {"name": "web", "namespace": "shop", "port": 80, "exported_by": ["east"], "imported_by": ["west"]}
ENVIRONMENT = ansible_environment(ANSIBLE_SHOW_CUSTOM_STATS="1", ANSIBLE_CALLBACK_RESULT_FORMAT="json")
ONLINE = {"plan": {"plan_online": True}}


@pytest.mark.parametrize("playbook", ["certificates", "drift", "links", "plan", "show"])
def test_a_cluster_that_cannot_be_reached_is_a_row_of_a_table_that_can_be_read(tmp_path: Path, playbook: str) -> None:
    hosts = {host: {"clusterlink_host": server, "clusterlink_api_key": "x"} for host, server in HOSTS.items()}
    own = {"clusterlink_services": [{**SERVICE, "allow": [{"from": {"app": "x"}}]}], "clusterlink_retry_timeout": 0}
    own |= {f"clusterlink_gateway_{key}": value for key, value in {"host": "192.0.2.1", "port": 443}.items()}
    inventory = {"clusters": {"hosts": hosts, "vars": own}}
    (tmp_path / "hosts.json").write_text(json.dumps(inventory), encoding="utf-8")
    variables = {f"{playbook}_json": str(tmp_path / "report.json"), **ONLINE.get(playbook, {})}
    command = ["-i", "hosts.json", f"skyshift.clusterlink.{playbook}", "-e", json.dumps(variables)]
    run = ansible_playbook(command, cwd=tmp_path, env=ENVIRONMENT)
    assert run.returncode == 2, run.stdout + run.stderr

    tables = [
        json.loads(each) for each in re.findall(r"^ok: \[\w+\] => (\{.*?^\})", run.stdout, re.DOTALL | re.MULTILINE)
    ]
    lines = [line for table in tables if isinstance(table["msg"], list) for line in table["msg"]]
    assert not [line for line in lines if "\n" in line]
    for host, server in HOSTS.items():
        assert any(host in line.split() or f"{host}:" in line for line in lines), lines
        assert len([line for line in lines if f"{server}: the API server is unreachable" in line]) == 1, lines

    report: dict[str, Any] = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert all(f"{server}: the API server is unreachable" in json.dumps(report) for server in HOSTS.values())
    told = json.loads(run.stdout.partition("RUN: ")[2])["fabric_run"]
    assert told == {"changed": [], "failed": [] if playbook == "links" else [*HOSTS], "waiting": []}


def test_an_upgrade_writes_what_it_has_found_and_done_so_far_as_json(tmp_path: Path) -> None:
    found = {"changes": ["its version changes"], "upgraded": "{{ inventory_hostname == 'east' }}", "worse": ""}
    tasks = [
        {"name": "Record the upgrade", "ansible.builtin.set_fact": {"upgrade_found": {**found, "rollback": ""}}},
        {"name": "Report it", "ansible.builtin.import_tasks": str(ROOT / "playbooks/tasks/upgrade_report.yml")},
    ]
    own = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    play = {"name": "Upgrade", "hosts": "all", "connection": "local", "gather_facts": False, "vars": own}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([{**play, "tasks": tasks}]), encoding="utf-8")
    command = ["-i", ",".join(HOSTS), "play.yml", "-e", "upgrade_json=report.json"]
    run = ansible_playbook(command, cwd=tmp_path, env=ENVIRONMENT)
    assert run.returncode == 0, run.stdout + run.stderr
    clusters = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["clusters"]
    assert [clusters[host]["upgraded"] for host in HOSTS] == [True, False]
    assert clusters["west"] == {**found, "upgraded": False, "rollback": ""}
