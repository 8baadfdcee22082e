# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules of this collection, run as the tasks of a real playbook."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.paths import PROGRAMS, ROOT

if TYPE_CHECKING:
    from tests.support.clusters import Clusters


def ansible_environment(**more: str) -> dict[str, str]:
    """The environment of a run of Ansible: ours without any connection option, and without colour."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("K8S_AUTH_")}
    return {
        **ours,
        "PATH": f"{PROGRAMS}{os.pathsep}{ours['PATH']}",
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        **more,
    }


@dataclass(frozen=True)
class Call:
    """One task.

    Attributes:
        name: The module, without the collection's name.
        args: Its arguments; kubeconfig and context are those of the first cluster unless given.
        check: In check mode.
        own_process: In a process of the module's own, rather than in Ansible's worker.
        connection: Add kubeconfig and context, for a module that has these options.
    """

    name: str
    args: Mapping[str, Any]
    check: bool = False
    own_process: bool = False
    connection: bool = True


class Result(dict[str, Any]):
    """A task's result, which says all of itself where something is missing in it."""

    def __missing__(self, key: str) -> Any:
        pytest.fail(f"there is no {key!r} in {dict(self)}")


class Ansible:
    """Runs modules of this collection as the tasks of a real playbook.

    Attributes:
        output: What the last run printed, at verbosity 3.
    """

    def __init__(self, clusters: Clusters, folder: Path) -> None:
        self._clusters = clusters
        self._folder = folder
        self.output = ""

    def __call__(
        self, name: str, args: Mapping[str, Any], *, environment: Mapping[str, str] | None = None, **how: bool
    ) -> dict[str, Any]:
        """The result of one task, as a playbook would register it; a failed task is no error here.

        Args:
            name: As for C(Call).
            args: As for C(Call).
            environment: Variables of the Ansible process.
            how: The other attributes of C(Call).
        """
        return self.each(Call(name, args, **how), environment=environment)[0]

    @staticmethod
    def task(name: str, args: Mapping[str, Any], **how: bool) -> Call:
        """A task for C(each)."""
        return Call(name, args, **how)

    def each(self, *calls: Call, environment: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """The results of several tasks of one playbook, run one after another whether they fail or not."""
        results = self._folder / "results.json"
        results.unlink(missing_ok=True)
        variables = ", ".join(f"result_{number}" for number in range(len(calls)))
        play = {
            "hosts": "localhost",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
            "tasks": [
                *(self._task(call, number) for number, call in enumerate(calls)),
                {
                    "ansible.builtin.copy": {
                        "content": f"{{{{ [{variables}] | to_json }}}}",
                        "dest": str(results),
                        "mode": "0600",
                    }
                },
            ],
        }
        playbook = self._folder / "playbook.yml"
        playbook.write_text(json.dumps([play]), encoding="utf-8")
        run = subprocess.run(
            ["ansible-playbook", "-vvv", "-i", "localhost,", "-c", "local", str(playbook)],
            cwd=self._folder,
            env=ansible_environment(**(environment or {})),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.output = run.stdout
        if not results.exists():
            pytest.fail(f"the playbook did not get to its end:\n{run.stdout}", pytrace=False)
        return [Result(each) for each in json.loads(results.read_text(encoding="utf-8"))]

    def _task(self, call: Call, number: int) -> dict[str, Any]:
        to_cluster = {"kubeconfig": str(self._clusters.kubeconfig), "context": self._clusters.contexts[0]}
        return {
            f"skyshift.clusterlink.{call.name}": {**(to_cluster if call.connection else {}), **call.args},
            "environment": {"CLUSTERLINK_TEST_OWN_PROCESS": "1"} if call.own_process else {},
            "register": f"result_{number}",
            "check_mode": call.check,
            "diff": True,
            "ignore_errors": True,
        }
