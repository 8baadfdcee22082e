# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA's rotation in files, with clusters that show what a fabric's gateways would have."""

from __future__ import annotations

import functools
import itertools
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.certificates import trust
from ansible_collections.skyshift.clusterlink.plugins.module_utils.certificates.trust import require_accepted
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.certificates import load_chain
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki_files.ca_rotation import RotationFolder
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki_files.disk import Folder
from ansible_collections.skyshift.clusterlink.plugins.modules import (
    enrolment_request,
    enrolment_response,
    fabric_ca,
    fabric_ca_rotation,
    peer_certificate,
)
from tests.unit.plugins.modules.rotating import PEERS, PHASES, WHOLE, Fabric


@pytest.fixture
def fabric(tmp_path: Path) -> Fabric:
    return Fabric(tmp_path).begin()


def refusal(fabric: Fabric, wanted: str, **arguments: Any) -> str:
    with pytest.raises(ClusterlinkError) as refused:
        fabric.phase(wanted, **arguments)
    return str(refused.value)


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
        fabric.update_gateways()
    assert [len(steps) for steps in reported] == [7, 6, 5, 2]
    assert all(one[-len(other) :] == other for one, other in itertools.pairwise(reported))


def test_a_phase_that_was_left_behind_is_no_error_and_changes_nothing(fabric: Fabric) -> None:
    fabric.phase("trust")
    fabric.update_gateways()
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
        fabric.update_gateways()
    files = fabric.files()
    del fabric.observed["west"]
    assert "west: fabric_ca_rotation: its certificates are unknown" in refusal(fabric, wanted)
    assert fabric.files() == files
    fabric.update_gateways()
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
        fabric.update_gateways()
        fabric.phase(earlier)
    fabric.away = {"west"}
    fabric.issue()
    fabric.update_gateways()
    assert reason in refusal(fabric, wanted)


def test_a_fabric_that_does_not_trust_this_ca_is_not_rotated(fabric: Fabric, tmp_path: Path) -> None:
    other = Fabric(tmp_path / "other")
    other.run(fabric_ca)
    other.issue()
    other.update_gateways()
    fabric.observed = other.observed
    assert "it does not trust the fabric's present CA" in refusal(fabric, "trust")
    assert fabric.files() == WHOLE


def test_what_site_has_not_made_yet_is_its_work(fabric: Fabric, tmp_path: Path) -> None:
    fabric.observed["west"] = {"certificate": None, "trusted": []}
    assert "west: fabric_ca_rotation: it has no gateway with a certificate. Run playbook site first" in refusal(
        fabric, "trust"
    )
    assert "is missing. Run playbook site first, which creates the fabric's CA" in refusal(
        Fabric(tmp_path / "x"), "trust"
    )


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
    fabric.update_gateways()
    assert any("enrolled again" in step and "lyon" in step for step in fabric.phase().values["steps"])
    assert "lyon: fabric_ca_rotation: was enrolled from outside" in refusal(fabric, "issue")
    assert fabric.phase("issue", check=True, left_out=["lyon"]).changed
    time.sleep(1.1)  # a request that is not newer than the last is a replay
    enrol(fabric, tmp_path / "theirs")
    for wanted in ("issue", "drop", "idle"):
        assert fabric.phase(wanted).changed
        fabric.issue()
        fabric.update_gateways()


def test_the_new_ca_signs_for_others_only_once_every_gateway_trusts_it(fabric: Fabric, tmp_path: Path) -> None:
    rotation = RotationFolder(Folder(str(fabric.folder)))
    assert rotation.signing() == rotation.current
    enrol(fabric, tmp_path / "theirs")
    fabric.phase("trust")
    with pytest.raises(ClusterlinkError, match=r"may not sign yet.*rotate_ca\.yml"):
        rotation.signing()
    fabric.update_gateways()
    fabric.observed["north"]["loading_seconds"] = 7
    assert "north: fabric_ca_rotation: its pods may use" in refusal(fabric, "issue")
    with pytest.raises(ClusterlinkError, match="may not sign yet"):
        rotation.signing()
    fabric.update_gateways()
    assert "lyon" in refusal(fabric, "issue")
    assert rotation.signing() == rotation.next
    fabric.phase("issue", left_out=["lyon"])
    assert rotation.signing() == rotation.current


@pytest.mark.parametrize("wanted", ["issue", "drop"])
def test_what_pods_have_not_loaded_yet_does_not_count(fabric: Fabric, wanted: str) -> None:
    for earlier in PHASES[: PHASES.index(wanted)]:
        fabric.phase(earlier)
        fabric.issue()
        fabric.update_gateways()
    fabric.observed["west"]["loading_seconds"] = 42
    assert "west: fabric_ca_rotation: its pods may use its previous certificates for another 42 s" in refusal(
        fabric, wanted
    )


def test_a_gateway_that_refuses_the_new_ca_keeps_it_from_signing(
    fabric: Fabric, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def refuse(_host: str, port: int, peer: str, files: tuple[str, str], _timeout: float) -> str:
        leaf = load_chain(Path(files[0]).read_bytes(), "")[0]
        tried.append(leaf.issuer.rfc4514_string())
        return "TLSV1_ALERT_UNKNOWN_CA" if (peer, port) == ("west", 2) else ""

    monkeypatch.setattr(trust, "try_certificate", refuse)
    monkeypatch.setattr(fabric_ca_rotation, "require_accepted", functools.partial(require_accepted, patience=0))
    fabric.phase("trust")
    fabric.update_gateways()
    for port, peer in enumerate(PEERS, 1):
        fabric.observed[peer]["address"] = {"host": "gateway.invalid", "port": port}
    assert "west: fabric_ca_rotation: its gateway refuses certificates of the new CA" in refusal(fabric, "issue")
    assert {*tried} == {fabric.phase().values["next"]["subject"]}
    del fabric.observed["west"]["address"]
    assert fabric.phase("issue").changed


def test_a_peer_of_others_can_be_left_out(fabric: Fabric, tmp_path: Path) -> None:
    enrol(fabric, tmp_path / "theirs")
    for wanted in PHASES:
        fabric.phase(wanted, left_out=["lyon"])
        fabric.issue()
        fabric.update_gateways()
    assert fabric.phase().values["phase"] == "idle"


def test_a_peer_of_the_inventory_can_be_left_out(fabric: Fabric) -> None:
    del fabric.observed["west"], fabric.gateways["west"]
    fabric.away.add("west")
    assert "west: fabric_ca_rotation: its certificates are unknown" in refusal(fabric, "trust")
    for wanted in PHASES:
        assert fabric.phase(wanted, left_out=["west"]).changed
        fabric.issue("east", "north")
        fabric.update_gateways()
    assert fabric.phase().values["phase"] == "idle"


def test_rsa_to_ecdsa_is_a_rotation(tmp_path: Path) -> None:
    fabric = Fabric(tmp_path)
    fabric.run(fabric_ca, key_type="rsa", key_size=2048)
    fabric.issue()
    fabric.update_gateways()
    fabric.rotate(key_type="ecdsa")
    assert fabric.run(fabric_ca).values["key_type"] == "ecdsa"


def test_no_key_is_in_any_result(fabric: Fabric) -> None:
    results = [fabric.phase("trust")]
    keys = [path.read_text() for path in fabric.folder.rglob("key.pem")]
    fabric.update_gateways()
    results += [fabric.phase("issue")]
    text = repr([(each.values, each.diff) for each in results])
    assert "PRIVATE" not in text
    assert not any(line in text for key in keys for line in key.splitlines()[1:-1])
