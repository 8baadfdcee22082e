# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of a report may be in the home folder, and is written in check mode, too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.environment import ansible_environment
from tests.support.forked_ansible import ansible_playbook
from tests.support.paths import ROOT


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.mark.parametrize("options", [(), ("--check",)], ids=["", "check"])
def test_a_reports_path_may_begin_with_the_home_folder(home: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    tasks = [
        {
            "ansible.builtin.import_tasks": str(ROOT / "playbooks/tasks/write_report.yml"),
            "vars": {"report_path": f"{start}/{name}.json", "report_content": name},
        }
        for name, start in (("tilde", "~"), ("variable", "$HOME"), ("braces", "${HOME}"))
    ]
    own = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": own, "tasks": tasks}
    (tmp_path / "play.json").write_text(json.dumps([play]), encoding="utf-8")
    run = ansible_playbook(
        ["-i", "localhost,", *options, "play.json"], cwd=tmp_path, env=ansible_environment(HOME=str(home))
    )
    assert run.returncode == 0, run.stdout + run.stderr
    written = {path.stem: path.read_text(encoding="utf-8") for path in home.glob("*.json")}
    assert written == {name: name for name in ("tilde", "variable", "braces")}
    assert not list(tmp_path.glob("[~$]*"))
    for path in home.glob("*.json"):
        path.unlink()
