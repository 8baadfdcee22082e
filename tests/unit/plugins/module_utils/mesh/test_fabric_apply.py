# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module makes of what happened; the real thing is in tests/integration/test_fabric_apply.py."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.api import API_VERSION, ownership_labels
from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube import wait
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.errors import ApiError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.outcome import Mode, Outcome
from ansible_collections.skyshift.clusterlink.plugins.modules import fabric_apply

if TYPE_CHECKING:
    from tests.unit.fakes import MemoryCluster

PEER = {
    "apiVersion": API_VERSION,
    "kind": "Peer",
    "metadata": {"name": "p", "namespace": "a"},
    "spec": {"gateways": []},
}
EXPORT = {"apiVersion": API_VERSION, "kind": "Export", "metadata": {"name": "e", "namespace": "a"}, "spec": {"port": 1}}
PENDING = {"kind": "Peer", "name": "far", "namespace": "a", "reason": "no address"}


def run(monkeypatch: pytest.MonkeyPatch, cluster: MemoryCluster, *, check: bool = False, **arguments: Any) -> Outcome:
    monkeypatch.setattr(fabric_apply, "connect", lambda _params: nullcontext(cluster))
    monkeypatch.setattr(wait, "_PAUSE", 0.01)
    validated = ArgumentSpecValidator(fabric_apply.TASK.argument_spec).validate(arguments)
    assert validated.error_messages == []
    return fabric_apply.run(validated.validated_parameters, Mode(check=check))


def test_failure_on_the_way_says_what_was_changed_by_then(
    memory_cluster: type[MemoryCluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = memory_cluster()
    cluster.refusals = {("apply", Ref.of(EXPORT)): ApiError(Problem("Export a/e", "quota"), status=403)}
    outcome = run(monkeypatch, cluster, objects=[PEER, EXPORT], pending=[PENDING])
    assert (outcome.failed, outcome.changed) == (True, True)
    assert outcome.values["created"] == [Ref.of(PEER).as_dict()]
    assert outcome.values["msg"] == "Export a/e: quota."
    assert outcome.values["incomplete"] == [PENDING]


def test_what_is_not_ready_in_time_is_owed_beside_what_is_pending(
    memory_cluster: type[MemoryCluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = run(monkeypatch, memory_cluster(), objects=[PEER], pending=[PENDING], wait_timeout=0)
    assert (outcome.failed, outcome.changed) == (True, True)
    assert [entry["reason"] for entry in outcome.values["incomplete"]] == [
        "no address",
        "no condition PeerReachable yet",
    ]
    assert outcome.values["problems"][0]["where"] == "Peer a/p"


def test_what_is_pending_alone_is_no_failure(
    memory_cluster: type[MemoryCluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = run(monkeypatch, memory_cluster(), pending=[PENDING])
    assert (outcome.failed, outcome.changed) == (False, False)
    assert outcome.values["incomplete"] == [PENDING]


def test_removal_takes_what_was_pending_too(
    memory_cluster: type[MemoryCluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    far = {**PEER, "metadata": {"name": "far", "namespace": "a"}}
    cluster = memory_cluster()
    run(monkeypatch, cluster, objects=[far], wait=False)
    outcome = run(monkeypatch, cluster, objects=[far], pending=[PENDING], state="absent")
    assert [entry["name"] for entry in outcome.values["deleted"]] == ["far"]
    assert outcome.values["incomplete"] == []
    assert cluster.objects == {}


def test_namespace_that_could_not_be_looked_at_is_owed_and_keeps_what_it_has(
    memory_cluster: type[MemoryCluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = memory_cluster()
    run(monkeypatch, cluster, objects=[EXPORT], wait=False)
    outcome = run(monkeypatch, cluster, keep_namespaces=["a"])
    assert (outcome.failed, outcome.changed) == (False, False)
    reason = "its content is unknown, so nothing of the fabric in it is removed"
    assert outcome.values["incomplete"] == [{"kind": "Namespace", "name": "a", "namespace": "", "reason": reason}]
    assert run(monkeypatch, cluster, keep_namespaces=["a"], state="absent").values["incomplete"] == []
    assert cluster.objects == {}


def test_check_mode_waits_for_nothing(memory_cluster: type[MemoryCluster], monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = run(monkeypatch, memory_cluster(), check=True, objects=[PEER])
    assert (outcome.failed, outcome.changed) == (False, True)


def test_imports_that_lose_sources_are_reported(
    memory_cluster: type[MemoryCluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = ownership_labels("fabric")
    there = [imported("web", "east", "west", labels=labels), imported("db", "east", labels=labels)]
    outcome = run(monkeypatch, memory_cluster(*there), check=True, objects=[imported("web", "west")])
    assert outcome.warnings == [
        "Import a/db loses all its sources: east.",
        "Import a/web loses the source east and keeps west.",
    ]
    assert [(each["name"], each["lost"], each["left"]) for each in outcome.values["lost"]] == [
        ("db", ["east"], []),
        ("web", ["east"], ["west"]),
    ]


def imported(name: str, *peers: str, labels: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": "Import",
        "metadata": {"name": name, "namespace": "a", "labels": labels or {}},
        "spec": {"port": 80, "sources": [{"peer": peer} for peer in peers]},
    }
