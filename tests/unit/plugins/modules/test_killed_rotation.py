# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA's rotation that is killed before any single write to the folder."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki_files import disk
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki_files.ca_rotation import RotationFolder

from .rotating import PEERS, PHASES, WHOLE, Fabric

WRITES = ("replace", "unlink", "rmdir", "mkdir")
"""The functions of the system by which files appear, change and go."""


@pytest.fixture(autouse=True)
def no_flushes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed process loses nothing that it wrote; only a power failure does."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


def killed(fabric: Fabric, work: Callable[[], object], places: Iterator[Path]) -> list[Fabric]:
    """Do some work, and return the fabric as SIGKILL would leave it before each of its writes, every state once."""
    found: dict[object, Fabric] = {}
    looking = False

    def before(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal looking
            if not looking:
                looking = True  # a copy is written by the same functions
                state = fabric.state()
                found[state] = found.get(state) or fabric.copy(next(places))
                looking = False
            return real(*arguments, **named)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in WRITES:
            patch.setattr(os, name, before(getattr(os, name)))
        work()
    return list(found.values())


def no_run(_fabric: Fabric) -> None:
    """The next run is that of rotate_ca."""


def require_end(fabric: Fabric, before: str) -> None:
    """Rotate to the end, which nothing of a killed run outlives."""
    fabric.rotate()
    assert fabric.ca() != before
    assert {name for name in fabric.files() if "/." not in f"/{name}"} == WHOLE
    assert {path.name for path in fabric.folder.rglob("*") if path.is_file() and b"PRIVATE" in path.read_bytes()} == {
        "key.pem"
    }
    assert fabric.phase().values["phase"] == "idle"
    assert all(fabric.observed[peer]["trusted"][0]["fingerprint"] == fabric.ca() for peer in PEERS)


@pytest.mark.parametrize("between", [no_run, Fabric.site], ids=["rotate_ca", "site"])
def test_killed_before_any_write_gateways_trust_each_other_and_the_next_runs_end(
    tmp_path: Path, between: Callable[[Fabric], None]
) -> None:
    places = (tmp_path / str(number) for number in itertools.count())
    fabric = Fabric(next(places)).begin()
    before = fabric.ca()
    states = killed(fabric, fabric.rotate, places)
    assert len(states) > 25
    for state in states:
        state.require_trust()
        between(state)
        require_end(state, before)


def test_killed_while_it_repairs_what_was_killed(tmp_path: Path) -> None:
    places = (tmp_path / str(number) for number in itertools.count())
    fabric = Fabric(next(places)).begin()
    before = fabric.ca()
    fabric.phase("trust")
    fabric.update_gateways()
    states = killed(fabric, lambda: fabric.phase("issue"), places)
    interrupted = [state for state in states if RotationFolder(disk.Folder(str(state.folder))).is_interrupted()]
    assert len(interrupted) >= 5
    for first in interrupted:
        for second in killed(first, first.site, places):
            second.require_trust()
            require_end(second, before)


def test_check_mode_of_an_interrupted_rotation_says_what_the_run_repairs(tmp_path: Path) -> None:
    places = (tmp_path / str(number) for number in itertools.count())
    fabric = Fabric(next(places)).begin()
    fabric.phase("trust")
    fabric.update_gateways()
    states = killed(fabric, lambda: fabric.phase("issue"), places)
    half = next(state for state in states if not (state.folder / "cert.pem").exists())
    files = half.state()
    predicted = half.make_ca(check=True)
    assert half.state() == files
    done = half.make_ca()
    assert (predicted.changed, done.changed) == (True, True)
    assert predicted.values == done.values
    assert predicted.diff == done.diff
    assert not half.make_ca().changed


def test_the_old_cas_key_goes_with_its_last_use(tmp_path: Path) -> None:
    fabric = Fabric(tmp_path).begin()
    key = (fabric.folder / "key.pem").read_bytes()
    for wanted in PHASES[:2]:
        fabric.phase(wanted)
        fabric.update_gateways()
    assert key not in [path.read_bytes() for path in fabric.folder.rglob("*") if path.is_file()]


def test_a_rotation_of_an_earlier_release_that_was_killed_half_way_is_completed(tmp_path: Path) -> None:
    """It wrote the new CA before it removed the next one, and a second run narrowed the trust to the new CA."""
    fabric = Fabric(tmp_path).begin()
    before, old = fabric.ca(), fabric.folder / "ca.old"
    fabric.phase("trust")
    fabric.update_gateways()
    shutil.copytree(fabric.folder, old, ignore=shutil.ignore_patterns("ca.*", "trusted.pem", *PEERS))
    disk.write_pair(
        disk.Folder(str(fabric.folder)),
        *((fabric.folder / "ca.next" / name).read_bytes() for name in ("cert.pem", "key.pem")),
    )
    new = (fabric.folder / "cert.pem").read_text()
    (fabric.folder / "trusted.pem").write_text(new + new)
    fabric.site()
    assert not (old / "key.pem").exists()
    assert not RotationFolder(disk.Folder(str(fabric.folder))).is_interrupted()
    require_end(fabric, before)
