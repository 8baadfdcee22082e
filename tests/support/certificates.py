# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of certificates share: real runs of Ansible on localhost, openssl, and a search for secrets."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.direct import run_directly
from tests.support.playbooks import keep, run_playbook

Task = dict[str, Any]

# How a task is run: in Ansible's worker, or as a module in a process of its own, which an environment asks for.
WAYS = {"worker": {}, "process": {"CLUSTERLINK_TEST_OWN_PROCESS": "1"}}


class Play:
    """Runs tasks directly, or as a real playbook on localhost, at the highest verbosity.

    Attributes:
        environment: What the tasks' environment has besides; with something in it, modules run in their own processes.
        playbook: Whether a playbook runs the tasks although the environment is empty.
        output: Everything that the last playbook printed.
    """

    def __init__(self, folder: Path, *, playbook: bool = False) -> None:
        self.folder = folder
        self.playbook = playbook
        self.pki = folder / "pki"
        self.environment: dict[str, str] = {}
        self.output = ""

    def __call__(self, *tasks: Task, secrets: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """The tasks' results; a failed task is no error here.

        Args:
            tasks: Each a module's short name with its arguments, and keywords such as check_mode.
            secrets: Variables that stand in a file of their own, as in a vault.
        """
        if not (self.playbook or self.environment or secrets):
            return [_directly(task, self.folder) for task in tasks]
        results = self.folder / "results.json"
        names = [f"result_{number}" for number in range(len(tasks))]
        play = {
            "hosts": "localhost",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
            "environment": self.environment,
            "tasks": [
                *(
                    {**_with_full_names(task), "register": name, "ignore_errors": True, "diff": True}
                    for task, name in zip(tasks, names, strict=True)
                ),
                keep(f"[{', '.join(names)}]", results),
            ],
        }
        (self.folder / "secrets.json").write_text(json.dumps(secrets or {}), encoding="utf-8")
        (self.folder / "playbook.yml").write_text(json.dumps([play]), encoding="utf-8")
        self.run("-e", "@secrets.json", "playbook.yml")
        decoded: list[dict[str, Any]] = json.loads(results.read_text(encoding="utf-8"))
        return decoded

    def run(self, *arguments: str, inventory: str = "localhost,", check: bool = True) -> str:
        """What ansible-playbook prints."""
        run = run_playbook("-vvvv", "-i", inventory, "-c", "local", *arguments, cwd=self.folder)
        self.output = run.output
        assert not check or run.code == 0, run.output
        return run.output

    def ca(self, *, check_mode: bool = False, **arguments: Any) -> Task:
        return {"fabric_ca": {"path": str(self.pki), "fabric": "demo", **arguments}, "check_mode": check_mode}

    def peer(self, name: str, *, check_mode: bool = False, **arguments: Any) -> Task:
        own = {"path": str(self.pki), "fabric": "demo", "name": name}
        return {"peer_certificate": {**own, **arguments}, "check_mode": check_mode}


def _with_full_names(task: Task) -> Task:
    modules = ("fabric_ca", "peer_certificate")
    return {f"skyshift.clusterlink.{key}" if key in modules else key: value for key, value in task.items()}


def _directly(task: Task, folder: Path) -> dict[str, Any]:
    ((name, arguments),) = ((key, value) for key, value in task.items() if key not in ("check_mode", "no_log"))
    check = bool(task.get("check_mode"))
    return run_directly(name.removeprefix("skyshift.clusterlink."), arguments, folder, check=check)


def openssl(*arguments: str, check: bool = True) -> str:
    run = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 0 or not check, run.stderr
    return run.stdout + run.stderr


def contents(folder: Path) -> dict[str, bytes]:
    """The files in a folder but for git's, by their paths in it."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != ".gitignore"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def changed(results: list[dict[str, Any]]) -> list[bool]:
    failed = [result["msg"] for result in results if result.get("failed")]
    assert not failed, failed
    return [result["changed"] for result in results]


def secrets_in(output: str, *keys: bytes) -> list[str]:
    """The lines of private keys that stand in an output, also when they were encoded again."""
    flat = re.sub(r"\s|\\n", "", output)
    found = []
    for key in keys:
        lines = [line.decode() for line in key.splitlines() if not line.startswith(b"-----")]
        found += [line for line in lines if line in flat or base64.b64encode(line.encode()).decode()[:40] in flat]
    return found
