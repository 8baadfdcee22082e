# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The declaration and the options of hosts, gathered from a real inventory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.connection import CONNECTION_SPEC
from ansible_collections.skyshift.clusterlink.plugins.module_utils.outcome import Mode
from ansible_collections.skyshift.clusterlink.plugins.modules.fabric_plan import TASK
from ansible_collections.skyshift.clusterlink.plugins.plugin_utils.inventory import (
    CONNECTION_VARIABLES,
    gather,
    host_options,
)
from ansible_collections.skyshift.clusterlink.plugins.plugin_utils.variables import value_problems
from tests.support.inventories import WEB, Data, inventory

Gather = Callable[..., Data]
Setting = Callable[..., tuple[Data, Templar]]


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


def test_a_hundred_clusters_are_gathered_and_planned(task_of: Setting) -> None:
    hosts = [f"c{index:02d}" for index in range(100)]
    services = [
        {**WEB, "name": f"svc{index}", "exported_by": [hosts[index], hosts[index + 1]], "imported_by": hosts[60:80]}
        for index in range(50)
    ]
    own = {"clusterlink_gateway_host": "{{ inventory_hostname }}.example.com", "clusterlink_services": services}
    task = task_of({"clusters": {"hosts": dict.fromkeys(hosts), "vars": own}}, host="c00")
    outcome = TASK.run({"declaration": gather(*task), "addresses": {}, "observed": {}, "look_up": []}, Mode())
    assert len([probe for part in outcome.values["plan"]["peers"].values() for probe in part["probes"]]) == 1000


@pytest.fixture
def hostvars(task_of: Setting) -> Callable[..., Data]:
    """The variables of all hosts of an inventory."""
    return lambda **parts: task_of(inventory(**parts))[0]["hostvars"]


def test_every_connection_option_has_a_host_variable(hostvars: Callable[..., Data]) -> None:
    values: Data = {
        "kubeconfig": {"kind": "Config"},
        "validate_certs": False,
        "proxy_headers": {"user_agent": "x"},
        "persist_config": True,
        "impersonate_groups": ["a"],
        "retry_timeout": 3.0,
        "exec_plugin_timeout": 5.0,
    }
    given = {option: values.get(option, f"/{option}") for option in CONNECTION_SPEC}
    own = {CONNECTION_VARIABLES[option]: value for option, value in given.items()}
    found = host_options(CONNECTION_SPEC, hostvars(east=own), "east")
    assert {**found, "proxy_headers": {"user_agent": "x"}} == given


def test_options_that_the_caller_gives_precede_the_hosts_variables(hostvars: Callable[..., Data]) -> None:
    own = {"clusterlink_context": "kind-west", "clusterlink_retry_timeout": 9}
    found = host_options(CONNECTION_SPEC, hostvars(west=own), "west", {"retry_timeout": 0})
    assert found["retry_timeout"] == 0


@pytest.mark.parametrize(
    ("host", "own", "words"),
    [
        ("west", {"clusterlink_context": "{{ nowhere }}"}, "'nowhere' is undefined"),
        ("west", {"clusterlink_validate_certs": "perhaps"}, "'validate_certs' is of type "),
        ("moon", {}, "has no such host"),
        ("west", {}, "the host names no cluster of its own"),
    ],
)
def test_options_that_cannot_be_read_are_reported_with_the_host(
    hostvars: Callable[..., Data], host: str, own: Data, words: str
) -> None:
    with pytest.raises(ClusterlinkError) as error:
        host_options(CONNECTION_SPEC, hostvars(west=own), host)
    (problem,) = error.value.problems
    assert problem.host == host
    assert words in str(problem)


def test_a_value_that_cannot_be_rendered_is_a_problem_of_its_variable(hostvars: Callable[..., Data]) -> None:
    found = value_problems(hostvars(west={"clusterlink_retry_timeout": "{{ nowhere }}"}), ["west"])
    assert [(each.host, each.where, each.what) for each in found] == [
        ("west", "clusterlink_retry_timeout", "cannot be templated")
    ]
