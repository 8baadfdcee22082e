# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What playbooks give to the following nodes of a workflow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.skyshift.clusterlink.plugins.plugin_utils.variables import name_problems

PLAYBOOKS = Path(__file__).resolve().parents[4] / "playbooks"


def tasks(node: Any) -> Iterator[dict[str, Any]]:
    """All tasks in plays, blocks and task files."""
    for item in node if isinstance(node, list) else []:
        yield item
        for section in ("pre_tasks", "tasks", "block", "rescue", "always"):
            yield from tasks(item.get(section))


def test_what_a_playbook_gives_to_the_next_node_of_a_workflow_is_no_unknown_variable_there() -> None:
    """AWX makes them extra variables of the following jobs, and the preflight refuses those that nothing knows."""
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in PLAYBOOKS.rglob("*.yml")]
    found = [task for file in files for task in tasks(file)]
    given = {"fabric_run", *(name for task in found for name in (task.get("vars") or {}).get("workflow_findings", {}))}
    assert {"fabric_drift", "fabric_certificates", "fabric_links", "fabric_plan", "fabric_upgraded"} <= given
    for file in files:
        parameters = (file[0].get("vars") or {}).get("preflight_parameters", [])
        assert list(name_problems({}, given, parameters)) == []
