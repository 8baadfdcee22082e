# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every task of the roles and playbooks that talks to a cluster gets its connection from role _common."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.skyshift.clusterlink.plugins.plugin_utils.inventory import CONNECTION_VARIABLES
from tests.support.looked_up import looked_up
from tests.support.yaml_files import load, parse

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "skyshift.clusterlink."
GROUP = f"group/{COLLECTION}cluster"
CONNECTION = "{{ clusterlink_connection }}"
MODULES = set(load(ROOT / "meta" / "runtime.yml")["action_groups"]["cluster"])

PLAY_PARTS = ("pre_tasks", "tasks", "post_tasks", "handlers")
BLOCK_PARTS = ("block", "rescue", "always")
INCLUDES = ("ansible.builtin.include_tasks", "ansible.builtin.import_tasks")
FREE_FORMS = ("action", "local_action")


@functools.cache
def documented_options() -> dict[str, dict[str, Any]]:
    """The connection options of the modules, as plugins/doc_fragments/connection.py documents them."""
    source = (ROOT / "plugins" / "doc_fragments" / "connection.py").read_text(encoding="utf-8")
    [text] = [
        ast.literal_eval(node.value)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DOCUMENTATION"
    ]
    return dict(parse(text)["options"])


class Walk:
    """Follows plays, blocks, handlers and included files down to each task.

    Attributes:
        faults: A sentence for each task that does not get its connection from role _common, or lists options itself.
        files: The files that were read.
        tasks: How many tasks of the group's modules there are.
    """

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.files: set[Path] = set()
        self.tasks = 0

    def file(self, path: Path, *, covered: bool = False) -> None:
        """Read a playbook, or a file of tasks; C(covered): whether C(module_defaults) apply where it is included."""
        self.files.add(path)
        for entry in load(path) or []:
            self._entry(entry, path, covered)

    def _entry(self, entry: dict[str, Any], path: Path, covered: bool) -> None:
        covered = covered or entry.get("module_defaults", {}).get(GROUP) == CONNECTION
        parts = [part for part in (*PLAY_PARTS, *BLOCK_PARTS) if part in entry]
        for part in parts:
            for inner in entry[part]:
                self._entry(inner, path, covered)
        for key in INCLUDES:
            if key in entry:
                included = entry[key]["file"] if isinstance(entry[key], dict) else entry[key]
                self.file(path.parent / included, covered=covered)
        for fault in _task_faults(entry, covered):
            self.faults.append(f"{path.name}: {entry.get('name')}: {fault}")
        self.tasks += _module(entry) in MODULES


def _module(task: dict[str, Any]) -> str:
    """The name of the collection's module that the task runs, or an empty string."""
    names = [key.removeprefix(COLLECTION) for key in task if str(key).startswith(COLLECTION)]
    return names[0] if names else ""


def _task_faults(task: dict[str, Any], covered: bool) -> Iterator[str]:
    yield from (f"name the module as the key, not by {form}" for form in FREE_FORMS if form in task)
    module = _module(task)
    if module not in MODULES:
        return
    if not covered:
        yield f"{module} is not under module_defaults of {GROUP}: {CONNECTION}"
    own = sorted(documented_options().keys() & (task[f"{COLLECTION}{module}"] or {}).keys())
    if own:
        yield f"{module} lists connection options itself: {', '.join(own)}"


def entry_points() -> Iterator[Path]:
    """The playbooks, and of each role the files that are not only included by another of its files."""
    yield from ROOT.glob("playbooks/*.yml")
    yield from ROOT.glob("roles/*/handlers/*.yml")
    for role in ROOT.glob("roles/*"):
        tasks, spec = role / "tasks", role / "meta" / "argument_specs.yml"
        names = set(load(spec)["argument_specs"]) if spec.exists() else set()
        files = {path.resolve() for path in tasks.glob("*.yml")}
        included = {tasks / name for path in files for name in _included(load(path) or [])}
        yield from sorted((files - included) | {tasks / f"{name}.yml" for name in names} & files)


def _included(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (str(node[key]) for key in INCLUDES if isinstance(node.get(key), str))
        for value in node.values():
            yield from _included(value)
    elif isinstance(node, list):
        for value in node:
            yield from _included(value)


@functools.cache
def walk_everything() -> Walk:
    walk = Walk()
    for path in entry_points():
        walk.file(path)
    return walk


def test_every_task_gets_its_connection_from_the_shared_variables() -> None:
    walk = walk_everything()
    assert not walk.faults, "\n".join(walk.faults)
    assert walk.tasks >= len(MODULES), "the walk finds the tasks"


def test_the_walk_reads_every_file_of_tasks() -> None:
    there = {*ROOT.glob("playbooks/**/*.yml"), *ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("roles/*/handlers/*.yml")}
    assert there - walk_everything().files == set()


TASK = {"name": "t", f"{COLLECTION}fabric_info": {"namespace": "x"}}
LISTED = {"name": "t", f"{COLLECTION}fabric_info": {"context": "{{ clusterlink_context | default(omit) }}"}}
DEFAULTS = {"module_defaults": {GROUP: CONNECTION}}


@pytest.mark.parametrize(
    ("document", "faults"),
    [
        ([{"hosts": "all", "tasks": [TASK]}], 1),
        ([{"hosts": "all", **DEFAULTS, "tasks": [TASK]}], 0),
        ([{"hosts": "all", **DEFAULTS, "post_tasks": [LISTED]}], 1),
        ([{"hosts": "all", "handlers": [LISTED]}], 2),
        ([{"block": [{**DEFAULTS, "block": [TASK], "rescue": [TASK]}], "always": [TASK]}], 1),
        ([{"name": "b", "module_defaults": {GROUP: {"context": "kind-east"}}, "block": [TASK]}], 1),
        ([{"name": "i", "ansible.builtin.include_tasks": "inner.yml"}], 1),
        ([{"name": "i", **DEFAULTS, "ansible.builtin.import_tasks": "inner.yml"}], 0),
        ([{"name": "f", "action": f"{COLLECTION}fabric_info context=kind-east"}], 1),
        ([{"name": "s", f"{COLLECTION}fabric_store": {"context": "management"}}], 0),
    ],
)
def test_a_task_without_the_shared_connection_is_found(
    tmp_path: Path, document: list[dict[str, Any]], faults: int
) -> None:
    (tmp_path / "outer.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
    (tmp_path / "inner.yml").write_text(yaml.safe_dump([TASK]), encoding="utf-8")
    walk = Walk()
    walk.file(tmp_path / "outer.yml")
    assert len(walk.faults) == faults, walk.faults


def test_the_shared_connection_has_every_option_of_the_modules() -> None:
    connection = load(ROOT / "roles" / "_common" / "vars" / "main.yml")["clusterlink_connection"]
    specs = load(ROOT / "roles" / "variables" / "meta" / "argument_specs.yml")["argument_specs"]
    specified = specs["variables"]["options"]
    options = documented_options()
    assert {option: f"clusterlink_{option}" for option in options} == CONNECTION_VARIABLES == looked_up(connection)
    for option, documented in options.items():
        variable = specified[f"clusterlink_{option}"]
        for key in ("type", "elements", "default"):
            assert variable.get(key) == documented.get(key), (option, key)
        assert set(variable.get("options", {})) == set(documented.get("suboptions", {})), option
