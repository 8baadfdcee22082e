# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Temporary pods into which a cluster's webhook puts containers of its own."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.probe.client_pod import (
    TEMPORARY_NAME,
    await_container,
)

OURS: dict[str, Any] = {"terminated": {"exitCode": 0, "message": "ours"}}
THEIRS: dict[str, Any] = {"terminated": {"exitCode": 0, "message": "theirs"}}
BROKEN: dict[str, Any] = {"waiting": {"reason": "ErrImagePull", "message": "no such sidecar"}}


def state(monkeypatch: pytest.MonkeyPatch, *reads: dict[str, dict[str, Any]]) -> Any:
    """The state that is waited for, from what the pod's containers show at each read, by name; the last for ever."""
    now, left = [0.0], list(reads)

    class Pods:
        @staticmethod
        def get(_kind: str, _name: str, _namespace: str) -> dict[str, Any]:
            shown = left.pop(0) if len(left) > 1 else left[0]
            return {"status": {"containerStatuses": [{"name": name, "state": each} for name, each in shown.items()]}}

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.append(now.pop() + seconds))
    cluster: Any = Pods()
    return await_container(cluster, "default", "probe", lambda each: "terminated" in each, 5)


def test_an_injected_container_stands_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    early = {"sidecar": THEIRS, TEMPORARY_NAME: {"running": {}}}
    assert state(monkeypatch, {"sidecar": THEIRS}, early, {"sidecar": THEIRS, TEMPORARY_NAME: OURS}) == OURS
    assert state(monkeypatch, {"sidecar": BROKEN}, {"sidecar": BROKEN, TEMPORARY_NAME: OURS}) == OURS


def test_it_is_named_when_it_hinders_the_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ClusterlinkError, match="sidecar: ErrImagePull: no such sidecar"):
        state(monkeypatch, {"sidecar": BROKEN, TEMPORARY_NAME: {"waiting": {"reason": "PodInitializing"}}})
