# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pages say of playbooks: each has its section, with output and parameters that it really has."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.certificates.report import report as certificates
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.link_view import HEADINGS
from ansible_collections.skyshift.clusterlink.plugins.module_utils.mesh.drift_report import report as drift
from ansible_collections.skyshift.clusterlink.plugins.module_utils.mesh.fabric_report import report as fabric
from ansible_collections.skyshift.clusterlink.plugins.module_utils.mesh.run_report import report as run
from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "playbooks.md").read_text(encoding="utf-8")
SECTIONS = {
    name: text
    for heading, text in re.findall(r"^## [^:\n]+: (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    for name in heading.split(", ")
}
PLAYBOOKS = {path.stem for path in ROOT.glob("playbooks/*.yml")}

FOUND: dict[str, Any] = {"valid": True, "since": "", "reason": "Valid", "message": ""}
WEB = {"name": "web", "namespace": "default", "port": 80, **FOUND}
LINK = {"name": "east", "gateways": [{"host": "192.0.2.1", "port": 30443}], "reachable": True}
LINK = {**LINK, "since": "2026-01-31T12:00:00Z", "reason": "Heartbeat", "message": ""}
ENTRY = {
    "owner": "east",
    "purpose": "peer",
    "place": "secret",
    "where": "",
    "fingerprint": "b1:5e",
    "valid": True,
    "issuer_generation": "ca-8729fc524766db83",
    "not_before": "2030-01-01T12:00:00Z",
    "days_left": 200.0,
    "not_after": "2031-01-01T12:00:00Z",
    "life_left": 55,
    "served": None,
    "fault": "",
}
CA = {**ENTRY, "owner": "demo", "purpose": "fabric_ca", "place": "file", "fingerprint": "ca:ca"}
DRIFT = {
    "kind": "Deployment",
    "name": "cl-dataplane",
    "namespace": "system",
    "drift": "changed",
    "conflict": True,
    "before": {"spec": {"replicas": 5}},
    "after": {"spec": {"replicas": 1}},
    "by": [{"manager": "gitops", "operation": "Apply", "time": "2026-01-02T00:00:00Z"}],
}
AWAY = {"failed": True, "msg": "https://192.0.2.7:6443 does not respond"}

PRINTED: dict[str, list[str]] = {
    "site": run({"east": {}, "west": {"mesh_result": AWAY}}, ["west"])["lines"],
    "show": fabric(
        {
            "east": {"peers": [], "exports": [WEB], "imports": []},
            "north": {"peers": [LINK], "exports": [], "imports": [{**WEB, "sources": [{"peer": "east"}]}]},
        }
    )["table"],
    "certificates": certificates(
        {"east": {"certificates": [ENTRY, {**ENTRY, "place": "wire"}], "clock": 0}},
        {"certificates": [{**ENTRY, "place": "file"}, CA]},
        30,
    )["table"],
    "drift": drift({"east": {"drift": [DRIFT]}})["table"],
}


def test_each_playbook_has_a_section() -> None:
    assert set(SECTIONS) == PLAYBOOKS


@pytest.mark.parametrize("playbook", PRINTED)
def test_output_is_shown_as_it_is_printed(playbook: str) -> None:
    (shown,) = re.findall(r"^```text\n(.*?)\n```$", SECTIONS[playbook], re.MULTILINE | re.DOTALL)
    assert [line for line in shown.splitlines() if line] == [line for line in PRINTED[playbook] if line]


def test_columns_of_links_are_named() -> None:
    assert ", ".join(HEADINGS) in SECTIONS["links"]


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.stem)
def test_commands_name_playbooks_and_their_parameters(page: Any) -> None:
    for line in page.read_text(encoding="utf-8").splitlines():
        for name in re.findall(r"ansible-playbook .*?skyshift\.clusterlink\.(\w+)", line):
            assert name in PLAYBOOKS
            text = (ROOT / "playbooks" / f"{name}.yml").read_text(encoding="utf-8")
            for parameter in re.findall(r"-e (\w+)=", line.partition(f"clusterlink.{name}")[2]):
                assert parameter.startswith(("clusterlink_", "fabric_")) or parameter in text, line
