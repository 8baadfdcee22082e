# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a workflow is told, and what is written; the report itself is tried in module_utils/mesh/test_run_report.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.outcome import Mode
from ansible_collections.skyshift.clusterlink.plugins.modules.run_report import TASK

CLUSTERS = {
    "K8S_east": {"clusterlink_peer_name": "east", "clusterlink_api_key": "secret", "mesh_result": {"changed": True}},
    "west": {"fabric_locked": {"failed": True, "msg": "another run works on it"}},
}


def told(**arguments: Any) -> dict[str, Any]:
    validated = ArgumentSpecValidator(TASK.argument_spec).validate(arguments)
    assert validated.error_messages == []
    return TASK.run(validated.validated_parameters, Mode(check=True)).values


def test_a_workflow_is_told_what_all_plays_have_changed_and_what_else_was_found() -> None:
    values = told(clusters=CLUSTERS, left=["K8S_east"], earlier=["north", "east"], findings={"fabric_drift": ["a"]})
    run = {"changed": ["east", "north"], "failed": ["west"], "waiting": []}
    data = {"fabric_run": run, "fabric_drift": ["a"]}
    assert values["ansible_stats"] == {"data": data, "per_host": False, "aggregate": False}
    assert (values["run"], values["lines"][1]) == (run, "west failed and is not up to date  another run works on it")


def test_a_file_is_written_in_check_mode_too_without_a_hosts_other_variables(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    told(clusters=CLUSTERS, left=["K8S_east"], path=str(path))
    text = path.read_text(encoding="utf-8")
    written = json.loads(text)
    assert written["failed"] == ["west"]
    assert {name: one["error"] for name, one in written["clusters"].items()} == {
        "east": "",
        "west": "another run works on it",
    }
    assert text == json.dumps(written, indent=4, sort_keys=True) + "\n"
    assert "secret" not in text
    assert path.stat().st_mode & 0o777 == 0o644
    with pytest.raises(ClusterlinkError, match="cannot be written"):
        told(clusters=CLUSTERS, path=str(tmp_path / "absent" / "report.json"))


def test_without_an_inventory_the_data_is_needed() -> None:
    with pytest.raises(ClusterlinkError, match="is required where no inventory can be read"):
        told()
