# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/operations.md says what is refused, with each switch that allows it, and no switch that is not there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
SWITCH = re.compile(r"_(force|replace|allow|skip|ignore|left_out)(_|$)")
"""What a switch is named after; a boolean variable of another name is one unless it is listed below."""
OTHERS = {
    "clusterlink_enrolled",
    "clusterlink_network_policy",
    "clusterlink_persist_config",
    "clusterlink_store_validate_certs",
    "clusterlink_validate_certs",
    "fabric_store_pending",
}
"""Boolean variables that say what there is, and allow nothing that is refused otherwise."""


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def switches() -> set[str]:
    """The variables of roles and the parameters of playbooks that allow what is refused otherwise."""
    found = set()
    for path in ROOT.glob("roles/*/meta/argument_specs.yml"):
        for entry in load(path)["argument_specs"].values() if path.parts[-3] != "lab" else ():
            for name, option in (entry.get("options") or {}).items():
                if SWITCH.search(name) or (option["type"] == "bool" and name not in OTHERS):
                    found.add(name)
    for path in ROOT.glob("playbooks/*.yml"):
        for name in (load(path)[0].get("vars") or {}).get("preflight_parameters", []):
            if SWITCH.search(name):
                found.add(name)
    return found


def test_the_table_of_what_is_refused_has_every_switch() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    table = page.split("\n## What is refused")[1].split("\n## ")[0]
    cells = [line.strip("|").split("|")[1] for line in table.splitlines() if line.startswith("|")]
    assert {name for cell in cells for name in re.findall(r"\b[a-z]+(?:_[a-z]+)+", cell)} == switches()
