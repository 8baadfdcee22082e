# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that has nothing to change, against kubernetes.core.k8s with the same objects."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from typing import Any

from tests.bench.timing import LAB_CACHE, LAB_KUBECONFIG, OURS, ROOT, WORK, report, seconds

ROUNDS = 9
BUNDLE = "ansible==14.5.0" if sys.version_info >= (3, 12) else "ansible==12.3.0"
"""The bundle of collections from PyPI that carries kubernetes.core, for the ansible-core of constraints.txt."""
VENV = WORK / BUNDLE.replace("==", "-")
KINDS = (
    "namespaces,customresourcedefinitions,serviceaccounts,roles,rolebindings,clusterroles,clusterrolebindings,secrets,"
    "services,deployments,peers,exports,imports,accesspolicies,privilegedaccesspolicies"
)
MANIFEST = "{{ lookup('ansible.builtin.file', manifest) | from_json }}"
SET_BY_SERVER = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid")


def objects(context: str) -> list[dict[str, Any]]:
    """The collection's objects in the cluster, as somebody would have written them down."""
    listed = subprocess.run(
        [
            str(LAB_CACHE / "bin" / "kubectl"),
            f"--kubeconfig={LAB_KUBECONFIG}",
            f"--context={context}",
            "get",
            KINDS,
            "--all-namespaces",
            "--selector=app.kubernetes.io/managed-by=skyshift.clusterlink",
            "--output=json",
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    items: list[dict[str, Any]] = json.loads(listed)["items"]
    for item in items:
        item.pop("status", None)
        for name in SET_BY_SERVER:
            item["metadata"].pop(name, None)
    return items


def bundle() -> list[str]:
    """The ansible-playbook of a virtual environment of its own with kubernetes.core, made on first use."""
    if not (VENV / "made").exists():
        print(f"Installing {BUNDLE} into {VENV.relative_to(ROOT)} (about a minute)", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
        pinned = [f"{name}=={version(name)}" for name in ("ansible-core", "cryptography", "kubernetes")]
        subprocess.run([str(VENV / "bin" / "pip"), "install", "--quiet", BUNDLE, *pinned], check=True)
        (VENV / "made").touch()
    return [str(VENV / "bin" / "ansible-playbook"), "--inventory", str(WORK / "inventory.json")]


def playbook(name: str, options: dict[str, str], **keywords: str) -> str:
    """The path of a playbook of one kubernetes.core.k8s task with these options and keywords."""
    connection = {"kubeconfig": "{{ kubeconfig }}", "context": "{{ context }}"}
    task = {"kubernetes.core.k8s": {**connection, **options}, "no_log": True, **keywords}
    path = WORK / f"{name}.json"
    path.write_text(json.dumps([{"hosts": "clusters", "gather_facts": False, "tasks": [task]}]), encoding="utf-8")
    return str(path)


def main() -> bool:
    """Print both ratios; returns whether both limits are kept."""
    WORK.mkdir(parents=True, exist_ok=True)
    hosts: dict[str, Any] = {}
    for name in ("east", "west", "north"):
        manifest = WORK / f"{name}.json"
        manifest.touch(mode=0o600)
        manifest.write_text(json.dumps(objects(f"kind-{name}")))
        hosts[name] = {"context": f"kind-{name}", "manifest": str(manifest)}
    variables = {"kubeconfig": str(LAB_KUBECONFIG), "ansible_connection": "local"}
    (WORK / "inventory.json").write_text(json.dumps({"clusters": {"hosts": hosts, "vars": variables}}))
    theirs = bundle()
    interpreter = ["--extra-vars", f"ansible_python_interpreter={VENV}/bin/python"]
    commands = {
        "site": [str(OURS), "site.yml"],
        "list": [*theirs, *interpreter, playbook("one_list", {"definition": MANIFEST})],
        "each": [*theirs, *interpreter, playbook("one_each", {"definition": "{{ item }}"}, loop=MANIFEST)],
    }
    clean = {"ANSIBLE_CONFIG": str(ROOT / "tests" / "bench" / "ansible.cfg")}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(ROUNDS + 1):  # the first warms the caches and is not counted
        for name, command in commands.items():
            if name == "each" and turn not in (0, 1):
                continue
            took = seconds(command, **({} if name == "site" else clean))
            if turn:
                times[name].append(took)
    return all(
        [
            report("Nothing to change, to one k8s task with a list", times["site"], times["list"], 1.3),
            report("Nothing to change, to one k8s task an object", times["site"], times["each"], 0.2),
        ]
    )
