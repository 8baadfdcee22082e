# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""meta/runtime.yml and the modules say the same about which of them talk to a cluster and how they are run."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(path.stem for path in ROOT.glob("plugins/modules/*.py") if path.stem != "__init__")
CONNECTION = "- skyshift.clusterlink.connection\n"
# Their connection is to another cluster than the fabric's, which the others' must never be taken for.
ELSEWHERE = {"fabric_store"}
SHARED_ACTION = "fabric_apply"
MOST_CODE = 140  # lines besides the documentation, imports and headers included


def runtime() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8")))


def source(module: str) -> str:
    return (ROOT / "plugins" / "modules" / f"{module}.py").read_text(encoding="utf-8")


def test_the_group_for_module_defaults_is_every_module_with_connection_options() -> None:
    connecting = {module for module in MODULES if CONNECTION in source(module)} - ELSEWHERE
    assert set(runtime()["action_groups"]["cluster"]) == connecting


def test_the_group_of_those_that_need_the_ca_takes_its_options_from_one_variable() -> None:
    group = runtime()["action_groups"]["authority"]
    shared = yaml.safe_load((ROOT / "roles/_common/vars/main.yml").read_text(encoding="utf-8"))
    assert set(group) == {module for module in MODULES if "skyshift.clusterlink.own_ca" in source(module)}
    for module in group:
        task = importlib.import_module(f"ansible_collections.skyshift.clusterlink.plugins.modules.{module}").TASK
        assert set(shared["clusterlink_authority"]) <= set(task.argument_spec), module
    files = [*ROOT.glob("playbooks/**/*.yml"), *ROOT.glob("roles/*/tasks/*.yml")]
    assert not [str(path) for path in files if "ownca_" in path.read_text(encoding="utf-8")]


def test_every_module_has_an_action_and_those_that_only_run_the_task_are_one_file() -> None:
    actions = {path.stem: path for path in ROOT.glob("plugins/action/*.py")}
    assert sorted(actions) == MODULES
    copies = {
        module for module, path in actions.items() if "(TaskAction)" in path.read_text() and not path.is_symlink()
    }
    assert copies == {SHARED_ACTION}
    assert {str(path.readlink()) for path in actions.values() if path.is_symlink()} == {f"{SHARED_ACTION}.py"}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_documentation_and_little_code(module: str) -> None:
    documentation = 0
    for node in ast.parse(source(module)).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("DOCUMENTATION", "EXAMPLES", "RETURN"):
            documentation += (node.end_lineno or node.lineno) - node.lineno + 1
    code = len(source(module).splitlines()) - documentation
    assert code <= MOST_CODE, "the logic belongs in module_utils"
