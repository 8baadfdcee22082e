# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The old CA expires while it is replaced: no link works then, and the rotation goes on without waiting for any."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.pair import Pair
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.peer_material import peer_material
from ansible_collections.skyshift.clusterlink.plugins.modules import (
    enrolment_request,
    enrolment_response,
    fabric_ca,
    fabric_ca_rotation,
    peer_certificate,
)

from .rotating import PEERS, Fabric

MODULES = (fabric_ca, fabric_ca_rotation, peer_certificate, enrolment_request, enrolment_response)


class Clock:
    """The clock of all modules."""

    def __init__(self) -> None:
        self.time = datetime.now(timezone.utc)

    def now(self, _zone: object) -> datetime:
        return self.time

    def pass_days(self, days: int) -> None:
        self.time += timedelta(days=days)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in MODULES:
        monkeypatch.setattr(module, "datetime", clock)
    return clock


@pytest.fixture
def fabric(tmp_path: Path) -> Fabric:
    """Its CA is valid for ten days."""
    return Fabric(tmp_path).begin(valid_days=10)


def require_installable(fabric: Fabric, now: datetime) -> None:
    """What role gateway requires of the files that it installs."""
    bundle = fabric.folder / "trusted.pem"
    ca = (bundle if bundle.exists() else fabric.folder / "cert.pem").read_bytes()
    for peer in PEERS:
        files = [(fabric.folder / peer / name).read_bytes() for name in ("cert.pem", "key.pem")]
        material = peer_material(Pair(files[0], files[1], "cert.pem", "key.pem"), ca, "ca", peer, now)
        assert material.ca_pem.encode() == ca, "a CA that has expired harms nobody, and a wrong clock may say so"


def end(fabric: Fabric, clock: Clock) -> None:
    """The rest of rotate_ca after its first phase, in which all peers get certificates at once."""
    fabric.issue()
    require_installable(fabric, clock.time)
    fabric.down = True
    fabric.update_gateways()
    fabric.down = False
    for wanted in ("issue", "drop", "idle"):
        fabric.phase(wanted)
        fabric.update_gateways()
    assert fabric.phase().values["phase"] == "idle"
    assert not fabric.run(fabric_ca).changed
    require_installable(fabric, clock.time)


@pytest.mark.parametrize("distributed", [True, False])
def test_the_ca_expires_before_the_new_one_signs(fabric: Fabric, clock: Clock, *, distributed: bool) -> None:
    fabric.phase("trust")
    if distributed:
        fabric.update_gateways()
    clock.pass_days(11)
    with pytest.raises(ClusterlinkError, match=r"it expired at .*rotate_ca\.yml"):
        fabric.run(fabric_ca)
    fabric.require_all_down(clock.time)
    outcome = fabric.phase("trust")
    assert (outcome.changed, outcome.values["phase"], outcome.values["expired"]) == (True, "issue", True)
    end(fabric, clock)


def test_the_ca_expires_while_leaves_are_replaced(fabric: Fabric, clock: Clock) -> None:
    fabric.phase("trust")
    fabric.update_gateways()
    fabric.phase("issue")
    fabric.issue(PEERS[0])
    fabric.update_gateways()
    clock.pass_days(11)
    outcome = fabric.phase("trust")
    assert (outcome.changed, outcome.values["phase"], outcome.values["expired"]) == (False, "issue", True)
    end(fabric, clock)


def test_site_is_a_way_out_too_once_the_new_ca_signs(fabric: Fabric, clock: Clock) -> None:
    fabric.phase("trust")
    fabric.update_gateways()
    fabric.phase("issue")
    clock.pass_days(11)
    fabric.site()
    require_installable(fabric, clock.time)
    for wanted in ("drop", "idle"):
        fabric.phase(wanted)
        fabric.update_gateways()
    assert fabric.phase().values["phase"] == "idle"


def test_a_ca_that_has_expired_before_the_rotation_is_replaced_at_once(fabric: Fabric, clock: Clock) -> None:
    clock.pass_days(11)
    outcome = fabric.phase("trust")
    assert (outcome.values["phase"], outcome.values["expired"]) == ("issue", True)
    end(fabric, clock)


def test_a_cluster_that_is_unreachable_does_not_keep_the_others_down(fabric: Fabric, clock: Clock) -> None:
    fabric.phase("trust")
    clock.pass_days(11)
    west = fabric.observed.pop("west")
    assert fabric.phase("trust").values["phase"] == "issue"
    fabric.observed["west"] = west
    end(fabric, clock)


@pytest.mark.parametrize("ahead", [-11 * 86400, None])
def test_a_clock_that_is_wrong_alone_ends_no_trust(fabric: Fabric, clock: Clock, ahead: int | None) -> None:
    fabric.phase("trust")
    clock.pass_days(11)
    if ahead is None:
        fabric.observed.clear()
    else:
        fabric.observed["north"]["clock"] = ahead
    outcome = fabric.phase("trust")
    assert (outcome.values["phase"], outcome.values["expired"]) == ("trust", False)


def test_peers_of_others_do_not_keep_the_fabric_down_and_enrol_with_the_new_ca(
    fabric: Fabric, clock: Clock, tmp_path: Path
) -> None:
    theirs = Fabric(tmp_path / "theirs")

    def enrol() -> Any:
        asked = theirs.run(enrolment_request, name="lyon", renew=True).values
        return fabric.run(
            enrolment_response,
            name="lyon",
            request=asked["request_path"],
            fingerprint=asked["fingerprint"],
            dest=str(tmp_path / "response.json"),
        )

    enrol()
    fabric.phase("trust")
    fabric.update_gateways()
    clock.pass_days(11)
    assert fabric.phase("trust").values["phase"] == "issue"
    fabric.issue()
    fabric.update_gateways()
    with pytest.raises(ClusterlinkError, match="lyon"):
        fabric.phase("drop")
    enrol()
    assert fabric.phase("drop").changed
