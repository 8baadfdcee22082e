# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA's rotation in files, with clusters that show what a fabric's gateways would have."""

from __future__ import annotations

import itertools
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.outcome import Mode, Outcome
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.certificates import facts, load_chain
from ansible_collections.skyshift.clusterlink.plugins.modules import (
    enrolment_request,
    enrolment_response,
    fabric_ca,
    fabric_ca_rotation,
    peer_certificate,
)

PEERS = ["east", "west"]
PHASES = ["trust", "issue", "drop", "idle"]


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


class Fabric:
    """A fabric's folder, and the gateways that are given what is in it, as the playbook does between phases."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "demo"
        self._root = root
        self.away: set[str] = set()
        self.observed: dict[str, Any] = {}

    def run(self, module: Any, *, check: bool = False, **arguments: Any) -> Outcome:
        given = {"path": str(self._root), "fabric": "demo", **arguments}
        validation = ArgumentSpecValidator(module.TASK.argument_spec).validate(given)
        assert not validation.error_messages
        outcome: Outcome = module.run(validation.validated_parameters, Mode(check=check, diff=True))
        return outcome

    def phase(self, wanted: str | None = None, *, check: bool = False, **arguments: Any) -> Outcome:
        phase = {} if wanted is None else {"phase": wanted}
        return self.run(fabric_ca_rotation, check=check, peers=PEERS, observed=self.observed, **phase, **arguments)

    def issue(self) -> None:
        for peer in PEERS:
            self.run(peer_certificate, name=peer)

    def update_peer_certificate(self) -> None:
        """What role gateway does: each gateway gets its certificate and the CAs to trust."""
        bundle = self.folder / "trusted.pem"
        trusted = load_chain((bundle if bundle.exists() else self.folder / "cert.pem").read_bytes(), "")
        for peer in PEERS:
            leaf = load_chain((self.folder / peer / "cert.pem").read_bytes(), "")[0]
            if peer not in self.away:
                self.observed[peer] = {"certificate": facts(leaf), "trusted": [facts(ca) for ca in trusted]}

    def rotate(self, **arguments: Any) -> None:
        """The playbook's order."""
        self.phase("trust", **arguments)
        self.update_peer_certificate()
        self.phase("issue", **arguments)
        self.issue()
        self.update_peer_certificate()
        self.phase("drop", **arguments)
        self.update_peer_certificate()
        self.phase("idle", **arguments)

    def ca(self) -> str:
        return str(facts(load_chain((self.folder / "cert.pem").read_bytes(), "")[0])["fingerprint"])

    def files(self) -> set[str]:
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()}


@pytest.fixture
def fabric(tmp_path: Path) -> Fabric:
    made = Fabric(tmp_path)
    made.run(fabric_ca)
    made.issue()
    made.update_peer_certificate()
    return made


def refusal(fabric: Fabric, wanted: str, **arguments: Any) -> str:
    with pytest.raises(ClusterlinkError) as refused:
        fabric.phase(wanted, **arguments)
    return str(refused.value)


WHOLE = {"cert.pem", "key.pem", "east/cert.pem", "east/key.pem", "west/cert.pem", "west/key.pem"}


def test_a_rotation_ends_with_a_new_ca_and_nothing_of_the_old_one(fabric: Fabric) -> None:
    before, keys = fabric.ca(), {peer: (fabric.folder / peer / "key.pem").read_bytes() for peer in PEERS}
    fabric.rotate()
    assert fabric.ca() != before
    assert fabric.files() == WHOLE
    assert {peer: (fabric.folder / peer / "key.pem").read_bytes() for peer in PEERS} == keys
    assert not fabric.run(fabric_ca).changed
    assert not any(fabric.run(peer_certificate, name=peer).changed for peer in PEERS)


def test_each_phase_says_what_is_still_to_come(fabric: Fabric) -> None:
    reported = [fabric.phase().values["steps"]]
    for wanted in PHASES[:-1]:
        fabric.phase(wanted)
        reported.append(fabric.phase().values["steps"])
        fabric.issue()
        fabric.update_peer_certificate()
    assert [len(steps) for steps in reported] == [6, 5, 4, 2]
    assert all(one[-len(other) :] == other for one, other in itertools.pairwise(reported))


def test_a_phase_that_was_left_behind_is_no_error_and_changes_nothing(fabric: Fabric) -> None:
    fabric.phase("trust")
    fabric.update_peer_certificate()
    fabric.phase("issue")
    files = fabric.files()
    assert not fabric.phase("trust").changed
    assert not fabric.phase("issue").changed
    assert fabric.files() == files


def test_check_mode_writes_nothing_and_says_the_phase_to_come(fabric: Fabric) -> None:
    outcome = fabric.phase("trust", check=True)
    assert (outcome.changed, outcome.values["phase"]) == (True, "trust")
    assert fabric.files() == WHOLE
    assert not fabric.phase("drop", check=True).changed


@pytest.mark.parametrize("wanted", PHASES)
def test_no_phase_is_entered_while_a_cluster_is_unreachable(fabric: Fabric, wanted: str) -> None:
    for earlier in PHASES[: PHASES.index(wanted)]:
        fabric.phase(earlier)
        fabric.issue()
        fabric.update_peer_certificate()
    files = fabric.files()
    del fabric.observed["west"]
    assert "west: fabric_ca_rotation: its certificates are unknown" in refusal(fabric, wanted)
    assert fabric.files() == files
    fabric.update_peer_certificate()
    assert fabric.phase(wanted).changed


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ("issue", "does not trust the new CA"),
        ("drop", "its certificate is still signed by"),
        ("idle", "it still trusts"),
    ],
)
def test_no_phase_is_entered_before_every_gateway_has_what_it_needs(fabric: Fabric, wanted: str, reason: str) -> None:
    for earlier in PHASES[: PHASES.index(wanted)]:
        fabric.issue()
        fabric.update_peer_certificate()
        fabric.phase(earlier)
    fabric.away = {"west"}
    fabric.issue()
    fabric.update_peer_certificate()
    assert reason in refusal(fabric, wanted)


def test_a_fabric_that_does_not_trust_this_ca_is_not_rotated(fabric: Fabric, tmp_path: Path) -> None:
    other = Fabric(tmp_path / "other")
    other.run(fabric_ca)
    other.issue()
    other.update_peer_certificate()
    fabric.observed = other.observed
    assert "it does not trust the fabric's present CA" in refusal(fabric, "trust")
    assert fabric.files() == WHOLE


def test_another_kind_of_key_is_refused_while_a_rotation_is_under_way(fabric: Fabric) -> None:
    fabric.phase("trust")
    assert "a rotation is under way" in refusal(fabric, "trust", key_type="rsa")
    assert not fabric.phase("trust").changed


@pytest.mark.parametrize("arguments", [{"replace": True}, {"state": "absent"}])
def test_the_ca_is_not_touched_otherwise_while_it_is_replaced(fabric: Fabric, arguments: dict[str, Any]) -> None:
    fabric.phase("trust")
    for peer in PEERS:
        shutil.rmtree(fabric.folder / peer)
    files = fabric.files()
    with pytest.raises(ClusterlinkError, match=r"is being replaced.*rotate_ca\.yml"):
        fabric.run(fabric_ca, **arguments)
    assert fabric.files() == files


def test_a_ca_that_was_killed_while_it_is_created_is_not_called_lost(fabric: Fabric) -> None:
    fabric.phase("trust")
    fabric.update_peer_certificate()
    (fabric.folder / "cert.pem").rename(fabric.folder / "moved")  # as between its removal and the new one's writing
    with pytest.raises(ClusterlinkError, match=r"rotate_ca\.yml"):
        fabric.run(fabric_ca)


def test_what_a_rotation_keeps_goes_with_the_ca(fabric: Fabric) -> None:
    fabric.phase("trust")
    fabric.run(fabric_ca, state="absent", force=True)
    assert fabric.files() == WHOLE - {"cert.pem", "key.pem"}


def enrol(fabric: Fabric, elsewhere: Path) -> None:
    """A peer of another organisation enrols."""
    created = Fabric(elsewhere).run(enrolment_request, name="lyon", renew=True).values
    files = {"request": created["request_path"], "dest": str(elsewhere / "response.json")}
    fabric.run(enrolment_response, name="lyon", fingerprint=created["fingerprint"], **files)


def test_nobody_has_a_certificate_of_the_new_ca_before_peers_of_others_do(fabric: Fabric, tmp_path: Path) -> None:
    enrol(fabric, tmp_path / "theirs")
    fabric.phase("trust")
    fabric.update_peer_certificate()
    assert any("enrolled again" in step and "lyon" in step for step in fabric.phase().values["steps"])
    assert "lyon: fabric_ca_rotation: was enrolled from outside" in refusal(fabric, "issue")
    assert fabric.phase("issue", check=True, left_out=["lyon"]).changed
    time.sleep(1.1)  # a request that is not newer than the last is a replay
    enrol(fabric, tmp_path / "theirs")
    for wanted in ("issue", "drop", "idle"):
        assert fabric.phase(wanted).changed
        fabric.issue()
        fabric.update_peer_certificate()


def test_a_peer_of_others_can_be_left_out(fabric: Fabric, tmp_path: Path) -> None:
    enrol(fabric, tmp_path / "theirs")
    for wanted in PHASES:
        fabric.phase(wanted, left_out=["lyon"])
        fabric.issue()
        fabric.update_peer_certificate()
    assert fabric.phase().values["phase"] == "idle"


def test_a_peer_of_the_inventory_can_be_left_out(fabric: Fabric) -> None:
    del fabric.observed["west"]
    fabric.away.add("west")
    assert "west: fabric_ca_rotation: its certificates are unknown" in refusal(fabric, "trust")
    for wanted in PHASES:
        assert fabric.phase(wanted, left_out=["west"]).changed
        fabric.run(peer_certificate, name="east")
        fabric.update_peer_certificate()
    assert fabric.phase().values["phase"] == "idle"


def test_rsa_to_ecdsa_is_a_rotation(tmp_path: Path) -> None:
    fabric = Fabric(tmp_path)
    fabric.run(fabric_ca, key_type="rsa", key_size=2048)
    fabric.issue()
    fabric.update_peer_certificate()
    fabric.rotate(key_type="ecdsa")
    assert fabric.run(fabric_ca).values["key_type"] == "ecdsa"


def test_no_key_is_in_any_result(fabric: Fabric) -> None:
    results = [fabric.phase("trust")]
    keys = [path.read_text() for path in fabric.folder.rglob("key.pem")]
    fabric.update_peer_certificate()
    results += [fabric.phase("issue")]
    text = repr([(each.values, each.diff) for each in results])
    assert "PRIVATE" not in text
    assert not any(line in text for key in keys for line in key.splitlines()[1:-1])


def mortal(real: Callable[..., Any], left: Iterator[bool]) -> Callable[..., Any]:
    """The function, until nothing is left."""

    def call(*arguments: Any, **named: Any) -> Any:
        if not next(left, False):
            raise Killed
        return real(*arguments, **named)

    return call


def rotate_until_killed(fabric: Fabric, writes: int) -> bool:
    """Rotate, and be killed after some writes; whether it had ended by then."""
    left = iter([True] * writes)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("replace", "unlink", "rmdir", "mkdir"):
            patch.setattr(os, name, mortal(getattr(os, name), left))
        try:
            fabric.rotate()
        except Killed:
            return False
    return True


def test_killed_after_any_write_the_next_run_ends_the_same(tmp_path: Path) -> None:
    for writes in itertools.count():
        fabric = Fabric(tmp_path / str(writes))
        fabric.run(fabric_ca)
        fabric.issue()
        fabric.update_peer_certificate()
        before = fabric.ca()
        if rotate_until_killed(fabric, writes):
            break
        fabric.rotate()
        assert fabric.ca() != before
        assert {name for name in fabric.files() if not name.rpartition("/")[2].startswith(".")} == WHOLE
        assert fabric.phase().values["phase"] == "idle"
        assert all(fabric.observed[peer]["trusted"][0]["fingerprint"] == fabric.ca() for peer in PEERS)
    assert writes > 20
