# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules of this collection with the connection of a test's cluster, run directly or as tasks of a real playbook."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.direct import OF_THE_INVENTORY, run_directly
from tests.support.playbooks import keep, run_playbook

if TYPE_CHECKING:
    from tests.support.clusters import Clusters


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
    """Runs modules of this collection: directly where the result is what matters, else as tasks of a real playbook.

    Attributes:
        output: What the last playbook printed, at verbosity 3.
    """

    def __init__(self, clusters: Clusters, folder: Path, *, playbook: bool = False) -> None:
        self._clusters = clusters
        self._folder = folder
        self._playbook = playbook
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
        """The results of several tasks, run one after another whether they fail or not."""
        results: list[dict[str, Any]] = []
        for playbook, group in groupby(calls, self._needs_playbook):
            if playbook:
                results += self._play(list(group), environment)
            else:
                results += [self._directly(call, environment) for call in group]
        return results

    def _needs_playbook(self, call: Call) -> bool:
        return self._playbook or call.own_process or call.name in OF_THE_INVENTORY

    def _directly(self, call: Call, environment: Mapping[str, str] | None) -> dict[str, Any]:
        args = self._arguments(call)
        return Result(run_directly(call.name, args, self._folder, check=call.check, environment=environment))

    def _play(self, calls: list[Call], environment: Mapping[str, str] | None) -> list[dict[str, Any]]:
        results = self._folder / "results.json"
        results.unlink(missing_ok=True)
        variables = ", ".join(f"result_{number}" for number in range(len(calls)))
        play = {
            "hosts": "localhost",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
            "tasks": [
                *(self._task(call, number) for number, call in enumerate(calls)),
                keep(f"[{variables}]", results),
            ],
        }
        playbook = self._folder / "playbook.yml"
        playbook.write_text(json.dumps([play]), encoding="utf-8")
        run = run_playbook(
            *("-vvv", "-i", "localhost,", "-c", "local", str(playbook)), cwd=self._folder, environment=environment
        )
        self.output = run.output
        if not results.exists():
            pytest.fail(f"the playbook did not get to its end:\n{run.output}", pytrace=False)
        return [Result(each) for each in json.loads(results.read_text(encoding="utf-8"))]

    def _arguments(self, call: Call) -> dict[str, Any]:
        to_cluster = {"kubeconfig": str(self._clusters.kubeconfig), "context": self._clusters.contexts[0]}
        return {**(to_cluster if call.connection else {}), **call.args}

    def _task(self, call: Call, number: int) -> dict[str, Any]:
        return {
            f"skyshift.clusterlink.{call.name}": self._arguments(call),
            "environment": {"CLUSTERLINK_TEST_OWN_PROCESS": "1"} if call.own_process else {},
            "register": f"result_{number}",
            "check_mode": call.check,
            "diff": True,
            "ignore_errors": True,
        }
