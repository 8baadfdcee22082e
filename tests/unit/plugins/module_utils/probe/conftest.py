# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes on pods that are none, in no time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.probe import run as probe
from ansible_collections.skyshift.clusterlink.plugins.module_utils.probe.run import Probe, Result, run_probes

from .pods import Pods, Shell, Shells, one


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was slept between attempts; the clock goes on only by that."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(time, "monotonic", lambda: sum(slept))
    return slept


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, naps: list[float]) -> Callable[..., list[Result]]:  # noqa: ARG001  # no naps
    """Runs probes on pods with a shell, in no time."""

    def call(pods: Pods, shell: Shell | Shells, *probes: Probe, wait: float = 30, **temporary: Any) -> list[Result]:
        monkeypatch.setattr(probe, "run_in_container", shell)
        cluster: Any = pods
        return run_probes(cluster, probes or (one(),), timeout=5, wait_timeout=wait, **temporary)

    return call
