# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every playbook begins with the checks of preflight.yml, and no setting of its user changes where or how its tasks
run, or whether a cluster that fails stops the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.yaml_files import load, tasks_in, tasks_of

PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"
WITHOUT_FABRIC = {"lab"}
"""Builds clusters; there is no fabric to check."""
PART_OF_OTHERS = {"preflight"}
READ_ONLY = {"certificates", "links", "show"}
"""They report what they find, so the clusters are not checked."""
REPORTS = {"certificates", "drift", "links", "plan", "preflight"}
"""They fail for what they find, and tell a workflow before."""
WITHOUT_JOB = {"enrol_request", "enrol_sign", "enrol_install"}
"""No job runs them, as tests/checks/test_awx_configuration.py holds."""
WORKFLOW = {"tasks/workflow.yml", "tasks/report.yml"}
"""The one file that tells a workflow's following nodes what a run has done, and the file that includes it."""
WITHOUT_FOLDER = {"links", "show"}
"""They need no certificate."""
REPLACING_THE_CA = {"evict_peer", "rotate_ca"}
CONTROLLER = {
    "ansible_connection": "local",
    "ansible_become": False,
    "ansible_python_interpreter": "{{ ansible_playbook_python }}",
}
ONE_AFTER_ANOTHER = {"Upgrade one peer after the other", "Issue the new CA's certificates, one peer after the other"}
"""Plays whose tasks run for one host at a time. In all others, a task that runs once speaks for all hosts."""
ALL_OR_NONE = {*ONE_AFTER_ANOTHER, "Show the changes"}
"""Plays that a host's failure ends, because nothing may go on before it is repaired."""
WRITES = re.compile(
    r"^skyshift\.clusterlink\.(gateway|gateway_certificate|mesh|fabric_apply|peer|access_policy|service_(export|import))$"
)
"""Modules and roles that write to clusters, unless their play is in check mode."""
IN_A_BLOCK = {"block", "ansible.builtin.import_role", "ansible.builtin.import_tasks"}

NAMES = sorted({path.stem for path in PLAYBOOKS.glob("*.yml")} - WITHOUT_FABRIC)


def plays(name: str) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = load(PLAYBOOKS / f"{name}.yml")
    return loaded


@pytest.mark.parametrize("name", sorted(set(NAMES) - PART_OF_OTHERS))
def test_the_first_play_is_the_preflight(name: str) -> None:
    first = plays(name)[0]
    assert first["ansible.builtin.import_playbook"] == "preflight.yml"
    told = first.get("vars", {})
    read = told.get("preflight_folder", True) is not False
    assert read == (name not in WITHOUT_FOLDER), "a store that cannot be reached is the preflight's problem"
    assert (read and told.get("preflight_clusters", True) is not False) == (name not in READ_ONLY)
    assert told.get("preflight_rotation", False) == (name in REPLACING_THE_CA)


@pytest.mark.parametrize("name", sorted(WITHOUT_FOLDER))
def test_who_uses_the_fabrics_folder_has_it_checked(name: str) -> None:
    text = (PLAYBOOKS / f"{name}.yml").read_text(encoding="utf-8")
    uses = ("clusterlink_pki_dir", "load_folder", "clusterlink.fabric\n", "clusterlink.gateway\n")
    assert not [use for use in uses if use in text]


def test_each_part_of_site_has_its_tag_and_all_parts_run_between_lock_and_report() -> None:
    preflight, play = plays("site")
    assert preflight["tags"] == "always"
    (block,) = play["tasks"]
    assert [each["tags"] for each in block["always"]] == ["always"]
    parts = [
        (each.get("ansible.builtin.import_role", {}).get("name", "").rpartition(".")[2], each["tags"])
        for each in block["block"]
    ]
    assert parts == [
        ("", "always"),  # who cannot be read leaves the run
        ("", "always"),
        ("fabric", "certificates"),
        ("gateway", "gateway"),
        ("mesh", "mesh"),
        ("mesh", ["never", "verify"]),  # the plan, which role mesh compiles unless only verify runs
        ("verify", "verify"),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_who_writes_to_clusters_waits_for_none_that_the_preflight_could_not_read(name: str) -> None:
    """Of a link's ends, the link's plan says which cannot be read; the other clusters do not concern it."""
    every = [task for play in plays(name) for task in tasks_in([play])]
    files = [task.get("ansible.builtin.import_tasks") for task in every]
    if "tasks/lock.yml" in files and name != "link":
        order = ["tasks/require_read.yml", "tasks/lock.yml"]
        if name == "evict_peer":  # it records the eviction first, which needs no cluster
            order.reverse()
        assert [each for each in files if each in order] == order


@pytest.mark.parametrize("name", NAMES)
def test_who_writes_to_clusters_has_locked_the_fabric(name: str) -> None:
    steps = ["write" if _writes(task) else task.get("ansible.builtin.import_tasks", "") for task in _writing(name)]
    if "write" in steps:
        assert "tasks/lock.yml" in steps[: steps.index("write")]
    assert ("write" in steps) == (name in {"evict_peer", "link", "rotate_ca", "site", "teardown", "upgrade"})


def _writing(name: str) -> Iterator[dict[str, Any]]:
    """The tasks of plays that check mode does not hold back, in their order."""
    for play in plays(name):
        if not play.get("check_mode"):
            yield from tasks_in(play.get("pre_tasks"))
            yield from ({"ansible.builtin.import_role": {"name": each["role"]}} for each in play.get("roles", ()))
            yield from tasks_in(play.get("tasks"))


def _writes(task: dict[str, Any]) -> bool:
    roles = [task.get(f"ansible.builtin.{way}_role") or {} for way in ("import", "include")]
    names = [role["name"] for role in roles if role and not role.get("tasks_from", "").startswith("compile")]
    return any(WRITES.match(str(each)) for each in (*names, *task))


@pytest.mark.parametrize("name", NAMES)
def test_tasks_run_on_the_controller_in_order_whatever_the_user_has_set(name: str) -> None:
    own = [play for play in plays(name) if "hosts" in play]
    for play in own:
        assert play["strategy"] == "linear", play["name"]
        assert (play.get("serial") == 1) == (play["name"] in ONE_AFTER_ANOTHER), play["name"]
        assert play["any_errors_fatal"] == (play["name"] in ALL_OR_NONE), play["name"]
        assert {key: play["vars"].get(key) for key in CONTROLLER} == CONTROLLER, play["name"]
        if name != "preflight":
            assert "skyshift_fabric" in play["hosts"], play["name"]


@pytest.mark.parametrize("name", NAMES)
def test_what_always_runs_begins_outside_an_imported_file(name: str) -> None:
    """ansible-core 2.16 ends a play if a task fails once for all hosts and the next is in a block within C(always)."""
    tasks = [task for play in plays(name) for task in play.get("tasks", [])]
    always = [task["always"] for task in tasks if "always" in task]
    assert not [steps for steps in always if not IN_A_BLOCK.isdisjoint(steps[0])]


@pytest.mark.parametrize("name", sorted(set(NAMES) - WITHOUT_JOB))
def test_every_play_of_a_job_tells_the_workflow_what_it_has_done(name: str) -> None:
    """Also when every host has failed, after which no further play starts; what only reports does so in its last."""
    own = [each for each in plays(name) if each.get("hosts") and "add_host" not in str(each)]
    for play in own[-1:] if name in REPORTS else own:
        always = [step for task in play["tasks"] for step in task.get("always", [])]
        steps = list(tasks_in(play["tasks"])) if name in REPORTS else always
        assert any(_file(step) in WORKFLOW for step in steps), play["name"]
        if name not in REPORTS:
            assert len(play["tasks"]) == 1, f"{play['name']}: a task outside the block ends the run without a word"


def test_one_file_gives_variables_to_a_workflow() -> None:
    files = {path: tasks_of(path) for path in PLAYBOOKS.rglob("*.yml")}
    giving = [path.name for path, tasks in files.items() if any(_gives(task) for task in tasks)]
    assert giving == ["workflow.yml"]
    assert "workflow.yml" in map(_file, files[PLAYBOOKS / "tasks" / "report.yml"])


def test_whoever_saves_the_folder_says_which_tasks_change_it() -> None:
    """Check mode writes no file, so that the store cannot see what a real run would save."""
    places = [*PLAYBOOKS.rglob("*.yml"), *PLAYBOOKS.parent.glob("roles/fabric/tasks/*.yml")]
    imports = [
        (path.name, task.get("vars") or {})
        for path in places
        for task in tasks_of(path)
        if str(task.get("ansible.builtin.import_tasks", "")).endswith(("save_folder.yml", "store.yml"))
    ]
    saving = [(name, told) for name, told in imports if told.get("fabric_store_state") != "loaded"]
    assert len(saving) >= 6
    whether = re.compile(r"\b(changed|recorded)\b")  # by tasks, or by what the one that signs records
    assert [name for name, told in saving if not whether.search(told.get("fabric_store_pending", ""))] == []


def _gives(task: dict[str, Any]) -> bool:
    return bool({"ansible.builtin.set_stats", "skyshift.clusterlink.run_report"} & task.keys())


def _file(task: dict[str, Any]) -> str:
    """The file of tasks that a task includes or imports."""
    told = task.get("ansible.builtin.import_tasks") or task.get("ansible.builtin.include_tasks") or ""
    return str(told["file"] if isinstance(told, dict) else told)
