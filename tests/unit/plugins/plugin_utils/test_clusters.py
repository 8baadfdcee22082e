# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many clusters asked side by side."""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError, Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.outcome import Mode, Outcome, Task
from ansible_collections.skyshift.clusterlink.plugins.plugin_utils.clusters import reader
from tests.support.waiting import PATIENCE_SECONDS

HOSTS = ("east", "west", "north")
VARIABLES = {"hostvars": {host: {"clusterlink_context": f"kind-{host}"} for host in HOSTS}}
SPEC = {"context": {"type": "str"}, "retry_timeout": {"type": "float", "default": 20.0}, "more": {"type": "int"}}


def echo(params: dict[str, Any], _mode: Mode) -> Outcome:
    return Outcome(values=dict(params))


def test_each_host_is_asked_with_its_own_variables_and_what_the_caller_gives() -> None:
    found = reader(Task(SPEC, echo), VARIABLES, HOSTS, {"west": {"more": 7}})()
    assert {host: each["context"] for host, each in found.items()} == {host: f"kind-{host}" for host in HOSTS}
    assert [each["more"] for each in found.values()] == [None, 7, None]


def test_hosts_are_asked_at_the_same_time() -> None:
    meeting = threading.Barrier(len(HOSTS), timeout=PATIENCE_SECONDS)

    def meet(_params: dict[str, Any], _mode: Mode) -> Outcome:
        meeting.wait()
        return Outcome(values={"met": True})

    assert all(each["met"] for each in reader(Task(SPEC, meet), VARIABLES, HOSTS)().values())


def test_a_missing_package_is_named_before_any_host_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    with pytest.raises(ClusterlinkError, match="Python package kubernetes: cannot be imported"):
        reader(Task(SPEC, echo, requires=("kubernetes",)), VARIABLES, HOSTS)


def test_a_cluster_that_cannot_be_read_does_not_hide_the_others() -> None:
    def refuse_west(params: dict[str, Any], mode: Mode) -> Outcome:
        if params["context"] == "kind-west":
            raise ClusterlinkError(Problem("host", "is unreachable"))
        return echo(params, mode)

    variables = {"hostvars": {**VARIABLES["hostvars"], "north": {"clusterlink_retry_timeout": "soon"}}}
    found = reader(Task(SPEC, refuse_west), variables, HOSTS)()
    assert ["msg" in each for each in found.values()] == [False, True, True]
    assert found["west"]["msg"] == "host: is unreachable."
    assert found["north"]["msg"].startswith("north: the connection's variables: argument 'retry_timeout' is of type")


def test_hosts_that_failed_in_this_run_are_tried_once() -> None:
    play = {"ansible_play_hosts_all": list(HOSTS), "ansible_play_hosts": ["east", "north"]}
    found = reader(Task(SPEC, echo), {**VARIABLES, **play}, HOSTS)()
    assert [each["retry_timeout"] for each in found.values()] == [20.0, 0.0, 20.0]


@pytest.mark.parametrize(
    "known", [{"fabric_unread": {"west": "no route"}}, {"preflight_found": {"unread": {"west": "no route"}}}]
)
def test_what_this_run_cannot_read_is_not_asked_again(known: dict[str, Any]) -> None:
    found = reader(Task(SPEC, echo), {**VARIABLES, **known}, HOSTS)()
    assert found["west"] == {"failed": True, "msg": "no route", "problems": []}
    assert "msg" not in found["east"]


def test_a_playbooks_own_patience_is_for_hosts_without_one() -> None:
    hostvars = {**VARIABLES["hostvars"], "west": {"clusterlink_retry_timeout": 60}}
    variables = {"hostvars": hostvars, "fabric_retry_timeout": 5}
    found = reader(Task(SPEC, echo), variables, HOSTS)()
    assert [each["retry_timeout"] for each in found.values()] == [5.0, 60.0, 5.0]


def test_nothing_is_asked_of_no_host_and_a_reader_asks_again_each_time() -> None:
    calls: list[str] = []

    def count(params: dict[str, Any], mode: Mode) -> Outcome:
        calls.append(params["context"])
        return echo(params, mode)

    assert reader(Task(SPEC, count), VARIABLES, ())() == {}
    read = reader(Task(SPEC, count), VARIABLES, ["east"])
    assert read() == read()
    assert calls == ["kind-east", "kind-east"]
