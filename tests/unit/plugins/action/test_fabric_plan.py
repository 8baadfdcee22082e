# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The declaration gathered from a real inventory, and the plan as a playbook gets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.outcome import Mode
from ansible_collections.skyshift.clusterlink.plugins.modules.fabric_plan import TASK
from ansible_collections.skyshift.clusterlink.plugins.plugin_utils.inventory import gather

ROOT = Path(__file__).resolve().parents[4]

Data = dict[str, Any]
Gather = Callable[..., Data]
Setting = Callable[..., tuple[Data, Templar]]

WEB = {
    "name": "web",
    "port": 80,
    "exported_by": ["east", "west"],
    "imported_by": ["north"],
    "allow": [{"from": {"app": "frontend"}}],
}


def inventory(**parts: Any) -> Data:
    """Three clusters; hosts' own variables by their names, and the group's."""
    hosts = {host: parts.pop(host, {}) for host in ("east", "west", "north")}
    return {"clusters": {"hosts": hosts, "vars": {"clusterlink_fabric": "demo", **parts}}}


@pytest.fixture
def task_of(tmp_path: Path) -> Setting:
    """The variables and the templar of a task that runs for a host of an inventory."""

    def build(data: Data, host: str = "east", play_vars: Data | None = None) -> tuple[Data, Templar]:
        path = tmp_path / "hosts.yml"
        path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
        loader = DataLoader()
        hosts = InventoryManager(loader=loader, sources=[str(path)])
        variables = VariableManager(loader=loader, inventory=hosts)
        task_vars = {**variables.get_vars(host=hosts.get_host(host)), **(play_vars or {})}
        task_vars["hostvars"] = HostVars(hosts, variables, loader)
        return task_vars, Templar(loader=loader, variables=task_vars)

    return build


@pytest.fixture
def gathered(task_of: Setting) -> Gather:
    """The declaration that such a task gathers."""
    return lambda *args, **options: gather(*task_of(*args, **options))


def test_variables_of_the_group_and_of_every_host_are_gathered(gathered: Gather) -> None:
    data = inventory(
        clusterlink_services=[WEB],
        clusterlink_link_mode="mesh",
        east={"clusterlink_labels": {"region": "eu"}, "clusterlink_context": "kind-east"},
        west={"clusterlink_exports": [{"name": "db", "port": 1}]},
    )
    found = gathered(data)
    assert (found["fabric"], found["link_mode"], found["services"]) == ("demo", "mesh", [WEB])
    assert found["peers"] == {
        "east": {"context": "kind-east", "labels": {"region": "eu"}},
        "west": {"exports": [{"name": "db", "port": 1}]},
        "north": {},
    }
    assert set(found["groups"]) >= {"all", "clusters"}


def test_templates_are_rendered_for_the_host_that_has_them(gathered: Gather) -> None:
    data = inventory(
        clusterlink_gateway_host="{{ inventory_hostname }}.example.com",
        clusterlink_services=[{**WEB, "port": "{{ web_port }}", "imported_by": "{{ groups['clusters'][2:] }}"}],
        web_port=8080,
    )
    found = gathered(data)
    assert [own["gateway_host"] for own in found["peers"].values()] == [
        "east.example.com",
        "west.example.com",
        "north.example.com",
    ]
    assert (found["services"][0]["port"], found["services"][0]["imported_by"]) == (8080, ["north"])


def test_another_group_can_hold_the_peers(gathered: Gather) -> None:
    data = inventory(clusterlink_group="mesh")
    data["mesh"] = {"hosts": {"east": {}, "north": {}}}
    assert list(gathered(data)["peers"]) == ["east", "north"]


def test_task_for_a_host_outside_the_group_gets_what_the_group_says(gathered: Gather) -> None:
    data = inventory(clusterlink_services=[WEB])
    data["other"] = {"hosts": {"bastion": {}}}
    assert gathered(data, host="bastion")["services"] == [WEB]


def test_variables_of_a_play_go_before_those_of_the_group(gathered: Gather) -> None:
    found = gathered(inventory(clusterlink_services=[WEB]), play_vars={"clusterlink_services": []})
    assert found["services"] == []


@pytest.mark.parametrize("other", ["mesh", "{{ 'me' + 'sh' }}"])
def test_hosts_that_disagree_on_what_is_said_once_are_refused(gathered: Gather, other: str) -> None:
    with pytest.raises(ClusterlinkError) as error:
        gathered(inventory(west={"clusterlink_link_mode": other}))
    (problem,) = error.value.problems
    assert str(problem) == (
        "west: clusterlink_link_mode: is not what east has, and it is said once for the whole fabric. "
        "Set it in the variables of the group, or of all."
    )


def test_one_template_that_renders_differently_is_refused(gathered: Gather) -> None:
    with pytest.raises(ClusterlinkError) as error:
        gathered(inventory(clusterlink_fabric="demo-{{ inventory_hostname }}"))
    assert str(error.value.problems[0]).startswith("west: clusterlink_fabric: is not what east has")


def test_variable_that_cannot_be_rendered_is_named_with_its_host(gathered: Gather) -> None:
    with pytest.raises(ClusterlinkError) as error:
        gathered(inventory(north={"clusterlink_labels": {"region": "{{ nowhere }}"}}))
    (problem,) = error.value.problems
    assert (problem.host, problem.where, problem.what) == ("north", "clusterlink_labels", "cannot be templated")
    assert "'nowhere' is undefined" in problem.found


def test_host_may_fail_on_variables_that_the_plan_does_not_need(gathered: Gather) -> None:
    found = gathered(inventory(north={"clusterlink_kubeconfig": "{{ nowhere }}"}))
    assert found["peers"]["north"] == {}


def test_a_hundred_clusters_are_gathered_and_planned_in_about_a_second(task_of: Setting) -> None:
    hosts = [f"c{index:02d}" for index in range(100)]
    services = [
        {**WEB, "name": f"svc{index}", "exported_by": [hosts[index], hosts[index + 1]], "imported_by": hosts[60:80]}
        for index in range(50)
    ]
    own = {"clusterlink_gateway_host": "{{ inventory_hostname }}.example.com", "clusterlink_services": services}
    task = task_of({"clusters": {"hosts": dict.fromkeys(hosts), "vars": own}}, host="c00")
    started = time.process_time()
    outcome = TASK.run({"declaration": gather(*task), "addresses": {}, "observed": {}}, Mode())
    seconds = time.process_time() - started
    assert len([probe for part in outcome.values["plan"]["peers"].values() for probe in part["probes"]]) == 1000
    assert seconds < 1.5, "half a second was measured"


def run_playbook(tmp_path: Path, data: Data, task: Data, *options: str) -> Data:
    """The result of the task, run in a playbook for the group."""
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    tasks = [
        {"skyshift.clusterlink.fabric_plan": task, "register": "planned", "ignore_errors": True},
        {
            "ansible.builtin.copy": {"content": "{{ planned | to_json }}", "dest": str(tmp_path / "result.json")},
            "check_mode": False,
        },
    ]
    play = {
        "hosts": "clusters",
        "gather_facts": False,
        "connection": "local",
        "vars": {"ansible_python_interpreter": sys.executable},
        "tasks": [{**each, "run_once": True} for each in tasks],
    }
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False), encoding="utf-8")
    subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", "-i", "hosts.yml", "play.yml", *options],
        cwd=tmp_path,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        },
        check=True,
    )
    result: Data = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
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
    assert result["msg"].startswith("argument 'addresses' is of type str")
