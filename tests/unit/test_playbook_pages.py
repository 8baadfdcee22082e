# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pages say of playbooks: each has its section, with output and parameters that it really has."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from ansible_collections.skyshift.clusterlink.plugins.module_utils.certificates.report import report as certificates
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.declaration import parse
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.link_view import (
    Direction,
    LinkState,
    links_table,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.mesh.drift_report import report as drift
from ansible_collections.skyshift.clusterlink.plugins.module_utils.mesh.fabric_report import report as fabric
from ansible_collections.skyshift.clusterlink.plugins.module_utils.mesh.run_report import report as run
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.rotation import IDLE, steps
from ansible_collections.skyshift.clusterlink.plugins.modules import gateway
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

SINCE = "2026-01-31T12:00:00Z"
UP, GONE = Direction("reachable", SINCE), Direction("missing", "", "the Peer does not exist")
LINKS = [
    LinkState("backup", "east", "west", UP, UP, ("on demand",), wanted=True),
    LinkState("east-north", "north", "east", UP, GONE, ("service default/web",), wanted=True),
]
RETURNED = yaml.safe_load(gateway.RETURN)


def refused() -> list[str]:
    """What the preflight says of a declaration with two mistakes."""
    service = {"name": "web", "namespace": "Shop", "port": 80, "exported_by": ["wets"], "imported_by": ["north"]}
    hosts = ["east", "west", "north"]
    with pytest.raises(ClusterlinkError) as caught:
        parse({"groups": {"clusters": hosts}, "peers": {each: {} for each in hosts}, "services": [service]})
    return caught.value.message().splitlines()


PRINTED: dict[str, list[str]] = {
    "preflight": refused(),
    "links": links_table(LINKS),
    "upgrade": ["north (canary):", *RETURNED["reasons"]["sample"]],
    "rotate_ca": steps(IDLE, ["east", "west"], []),
    "teardown": RETURNED["kept"]["sample"],
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


@pytest.mark.parametrize(
    ("playbook", "sentence"),
    [
        ("enrol_request", "Send this file: "),
        ("enrol_request", "Send its fingerprint over another channel: "),
        ("enrol_sign", "Send the CA's fingerprint over another channel: "),
        (
            "evict_peer",
            "cannot be read. The eviction continues without it: its links fail when the old CA is no longer",
        ),
        ("upgrade", ", which made the fabric worse: "),
    ],
)
def test_sentences_are_the_playbooks(playbook: str, sentence: str) -> None:
    says = (ROOT / "playbooks" / f"{playbook}.yml").read_text(encoding="utf-8")
    assert [sentence in " ".join(text.split()) for text in (says, SECTIONS[playbook])] == [True, True]


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.stem)
def test_commands_name_playbooks_and_their_parameters(page: Any) -> None:
    for line in page.read_text(encoding="utf-8").splitlines():
        for name in re.findall(r"ansible-playbook .*?skyshift\.clusterlink\.(\w+)", line):
            assert name in PLAYBOOKS
            text = (ROOT / "playbooks" / f"{name}.yml").read_text(encoding="utf-8")
            for parameter in re.findall(r"-e (\w+)=", line.partition(f"clusterlink.{name}")[2]):
                assert parameter.startswith(("clusterlink_", "fabric_")) or parameter in text, line
