# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a wait says while it lasts."""

from __future__ import annotations

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common import progress


def test_a_pause_says_what_is_waited_for_once_an_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "INTERVAL", 0.02)
    said: list[str] = []
    with progress.progress_to(said.append):
        waiting = progress.Progress()
        waiting.pause(0.03, "first")
        waiting.pause(0.0, "second")
        waiting.pause(0.0, "third")
    assert said == ["second"]


def test_nobody_listens_and_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "INTERVAL", 0.0)
    said: list[str] = []
    waiting = progress.Progress()
    waiting.pause(0.0, "first")
    with progress.progress_to(said.append):
        waiting.say("second")
    waiting.say("third")
    assert said == ["second"]
