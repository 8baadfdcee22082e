# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evictions are remembered by key, and their file is never guessed."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import KeySpec, generate, key_fingerprint
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki_files.disk import Folder
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki_files.evictions import (
    FORMAT,
    Evictions,
    read_evictions,
    write_evictions,
)

NOW = datetime(2030, 6, 15, 12, 0, 0, tzinfo=timezone.utc)
ONE, TWO = (generate(KeySpec()).public_key() for _ in range(2))
CA = ":".join(["0a"] * 32)


def test_a_key_is_evicted_once_and_read_back(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    assert read_evictions(folder) == Evictions()
    evictions = Evictions().with_evicted("lyon", [ONE], [CA], NOW)
    write_evictions(folder, evictions)
    assert read_evictions(folder) == evictions
    assert evictions.with_evicted("lyon", [ONE], [CA], NOW) is evictions
    (entry,) = evictions.entries
    assert (entry.keys, entry.since) == ((key_fingerprint(ONE),), "2030-06-15T12:00:00Z")


def test_the_same_name_with_another_key_is_another_eviction() -> None:
    evictions = Evictions().with_evicted("lyon", [ONE], [CA], NOW).with_evicted("lyon", [ONE, TWO], [CA], NOW)
    assert [each.keys for each in evictions.entries] == [(key_fingerprint(key),) for key in (ONE, TWO)]
    assert evictions.names == {"lyon"}


def test_an_evicted_key_is_a_problem_wherever_it_is_found() -> None:
    evictions = Evictions().with_evicted("lyon", [ONE], [CA], NOW)
    problem = evictions.problem(ONE, "/pki/nice/key.pem", "Move it")
    assert problem is not None
    assert "is for the key of lyon, which was evicted" in str(problem)
    assert evictions.problem(TWO, "/pki/nice/key.pem", "Move it") is None


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "{",
        "{}",
        "[]",
        json.dumps({"format": FORMAT}),
        json.dumps({"format": FORMAT, "evicted": [{}]}),
        json.dumps({"format": FORMAT, "evicted": [{"name": "a", "keys": [], "authorities": [CA], "since": "x"}]}),
        json.dumps({"format": FORMAT, "evicted": [{"name": "a", "keys": ["1"], "authorities": [CA], "since": "x"}]}),
    ],
)
def test_a_file_that_cannot_be_read_stops_everything(tmp_path: Path, damage: str) -> None:
    (tmp_path / "evicted.json").write_text(damage)
    with pytest.raises(ClusterlinkError, match="an evicted key could get a certificate again"):
        read_evictions(Folder(str(tmp_path)))
