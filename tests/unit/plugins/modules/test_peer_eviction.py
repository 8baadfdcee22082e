# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An evicted peer's key is refused by everything that issues certificates, and rotations pass over it."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki_files.authorities import fingerprints
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki_files.ca_rotation import RotationFolder
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki_files.disk import Folder
from ansible_collections.skyshift.clusterlink.plugins.module_utils.store.sync import read_files
from ansible_collections.skyshift.clusterlink.plugins.modules import (
    enrolment_request,
    enrolment_response,
    fabric_ca,
    peer_certificate,
    peer_eviction,
)
from tests.unit.plugins.modules.rotating import PHASES, Fabric


class Evicting(Fabric):
    """A fabric of east and west that another organisation's lyon has joined."""

    def __init__(self, root: Path) -> None:
        super().__init__(root / "ours")
        self.elsewhere = root / "theirs"
        self.run(fabric_ca)
        self.issue()
        self.update_gateways()
        self.enrol()

    def enrol(self, name: str = "lyon", **options: Any) -> None:
        """Let another organisation's peer join, or renew its certificate."""
        created = Fabric(self.elsewhere).run(enrolment_request, name=name, renew=True).values
        files = {"request": created["request_path"], "dest": str(self.elsewhere / f"{name}.response.json")}
        self.run(enrolment_response, name=name, fingerprint=created["fingerprint"], **files, **options)

    def mark_trusted(self) -> None:
        """What phase issue does before it waits for peers of others: every gateway trusts the new CA."""
        RotationFolder(Folder(str(self.folder))).mark_ready()

    def evict(self, name: str, **options: Any) -> dict[str, Any]:
        outcome = self.run(peer_eviction, name=name, **options)
        return {**outcome.values, "changed": outcome.changed}

    def refused(self, module: Any, **options: Any) -> str:
        with pytest.raises(ClusterlinkError) as error:
            self.run(module, **options)
        return str(error.value)


@pytest.fixture
def fabric(tmp_path: Path) -> Evicting:
    return Evicting(tmp_path)


def test_an_eviction_is_recorded_once_and_predicted(fabric: Evicting) -> None:
    before = fabric.files()
    planned = fabric.evict("lyon", check=True)
    assert fabric.files() == before
    done = fabric.evict("lyon")
    assert planned == done
    assert done["pending"] == [fabric.ca()]
    assert fabric.evict("lyon") == {**done, "changed": False}
    assert "evicted.json" in read_files(Folder(str(fabric.folder))), "the Secret keeps it"


def test_an_evicted_key_gets_no_certificate_from_an_enrolment(fabric: Evicting) -> None:
    fabric.evict("lyon")
    with pytest.raises(ClusterlinkError, match="is for the key of lyon, which was evicted"):
        fabric.enrol(replace=True)
    shutil.copytree(fabric.elsewhere / "demo/lyon", fabric.elsewhere / "demo/nice")
    with pytest.raises(ClusterlinkError, match="is for the key of lyon, which was evicted"):
        fabric.enrol("nice")


def test_an_evicted_key_is_not_adopted_by_a_host_of_the_inventory(fabric: Evicting) -> None:
    kept = {name: (fabric.folder / "west" / name).read_bytes() for name in ("cert.pem", "key.pem")}
    fabric.evict("west")
    fabric.run(peer_certificate, name="west", state="absent")
    for names in (["key.pem"], ["cert.pem", "key.pem"]):
        for host in ("west", "south"):
            folder = fabric.folder / host
            folder.mkdir(exist_ok=True)
            for name in names:
                (folder / name).write_bytes(kept[name])
            if host == "west" or names == ["key.pem"]:
                assert f"{host}/key.pem: is for the key of west, which was evicted" in fabric.refused(
                    peer_certificate, name=host
                )
            shutil.rmtree(folder)
    assert fabric.run(peer_certificate, name="west").changed, "the name is free for another key"
    assert (fabric.folder / "west/key.pem").read_bytes() != kept["key.pem"]


def test_the_other_peers_get_certificates_beside_an_evicted_one(fabric: Evicting) -> None:
    fabric.evict("west")
    outcome = fabric.run(peer_certificate, peers=[{"name": "west"}, {"name": "east"}])
    assert list(outcome.values["failed_peers"]) == ["west"]
    assert list(outcome.values["peers"]) == ["east"]


def test_another_key_joins_under_the_name_of_an_evicted_peer(fabric: Evicting) -> None:
    fabric.evict("lyon")
    shutil.rmtree(fabric.elsewhere / "demo/lyon")
    time.sleep(1.1)  # a request that is not newer than the last is a replay
    fabric.enrol()
    again = fabric.evict("lyon")
    assert again["changed"]
    assert len(again["fingerprints"]) == 2


def test_later_rotations_and_evictions_pass_over_an_evicted_peer(fabric: Evicting) -> None:
    fabric.enrol("nice")
    for evicted in ("lyon", "nice"):
        assert fabric.evict(evicted)["pending"] == [fabric.ca()]
        if evicted == "lyon":
            time.sleep(1.1)
        for wanted in PHASES:
            fabric.phase(wanted)
            if wanted == "trust" and evicted == "lyon":
                fabric.mark_trusted()
                fabric.enrol("nice")
            fabric.issue()
            fabric.update_gateways()
        assert fabric.phase().values["phase"] == "idle"
        assert fabric.evict(evicted) == {**fabric.evict(evicted), "changed": False, "pending": []}
    replaced = fabric.run(fabric_ca, replace=True, key_type="rsa", key_size=2048)
    assert not any("enrolled again" in warning for warning in replaced.warnings)


def test_an_eviction_in_a_rotation_replaces_every_ca_that_signed_for_the_peer(fabric: Evicting) -> None:
    first = fabric.ca()
    fabric.phase("trust")
    assert fabric.evict("east")["pending"] == [first], "the next CA has not signed for it"
    time.sleep(1.1)
    fabric.mark_trusted()
    fabric.enrol()
    assert len(fabric.evict("lyon")["pending"]) == 2


def test_a_gateway_that_was_unreachable_may_still_trust_the_replaced_ca(fabric: Evicting, tmp_path: Path) -> None:
    first = fabric.ca()
    fabric.evict("lyon")
    fabric.rotate()
    _folder, known = fingerprints(str(tmp_path / "ours"), "demo")
    assert known == [fabric.ca(), first]


def test_an_unknown_peer_is_refused_and_nothing_is_recorded(fabric: Evicting) -> None:
    message = fabric.refused(peer_eviction, name="lion")
    assert "names a peer that has no key" in message
    assert "Known peers: east, lyon, north, west" in message
    assert not (fabric.folder / "evicted.json").exists()


def test_only_the_fabrics_owner_evicts(fabric: Evicting) -> None:
    (fabric.folder / "key.pem").unlink()
    assert "is missing, so no peer is evicted from here" in fabric.refused(peer_eviction, name="lyon")


def test_an_inventory_host_cannot_take_an_enrolled_peers_name_nor_the_reverse(fabric: Evicting) -> None:
    message = fabric.refused(peer_certificate, name="lyon")
    assert "lyon: is the name of another organisation's peer that is enrolled" in message
    assert "evict_peer=lyon" in message
    assert not (fabric.folder / "lyon").exists()
    with pytest.raises(ClusterlinkError, match="north, which is one of the fabric's own peers"):
        fabric.enrol("north", own_peers=["east", "west", "north"])
    fabric.evict("lyon")
    assert fabric.run(peer_certificate, name="lyon").changed
