# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CA's key in a rotation: where it is missing, and where it is encrypted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.modules import fabric_ca

from .rotating import PEERS, PHASES, Fabric

SECRET = {"privatekey_passphrase": "a secret"}


@pytest.fixture
def fabric(tmp_path: Path) -> Fabric:
    return Fabric(tmp_path).begin()


@pytest.fixture
def encrypted(tmp_path: Path) -> Fabric:
    """A fabric whose CA has an encrypted key."""
    fabric = Fabric(tmp_path).begin()
    fabric.run(fabric_ca, **SECRET)
    return fabric


def refused(fabric: Fabric, wanted: str, *, check: bool = False, **arguments: Any) -> str:
    """Why a phase is refused, which writes nothing."""
    before = fabric.state()
    with pytest.raises(ClusterlinkError) as error:
        fabric.phase(wanted, check=check, **arguments)
    assert fabric.state() == before
    return str(error.value)


def clear_keys(fabric: Fabric) -> set[str]:
    """The CAs' keys that are not encrypted."""
    keys = (path for path in fabric.folder.rglob("key.pem") if path.parent.name not in PEERS)
    return {str(path.relative_to(fabric.folder)) for path in keys if b"ENCRYPTED" not in path.read_bytes()}


@pytest.mark.parametrize("check", [False, True])
def test_where_the_cas_key_is_not_the_ca_is_not_replaced(fabric: Fabric, *, check: bool) -> None:
    (fabric.folder / "key.pem").unlink()
    said = refused(fabric, "trust", check=check)
    assert "key.pem: is missing, so the fabric's CA cannot be replaced here" in said
    assert "enrols again" in said


def test_where_the_new_cas_key_is_not_it_never_signs(fabric: Fabric) -> None:
    fabric.phase("trust")
    fabric.update_gateways()
    (fabric.folder / "ca.next" / "key.pem").unlink()
    assert "ca.next/key.pem: is missing" in refused(fabric, "issue")


def test_a_key_of_another_ca_is_refused(fabric: Fabric, tmp_path: Path) -> None:
    other = Fabric(tmp_path / "other").begin()
    (fabric.folder / "key.pem").write_bytes((other.folder / "key.pem").read_bytes())
    assert "key.pem" in refused(fabric, "trust")


@pytest.mark.parametrize(("arguments", "reason"), [({}, "is encrypted"), ({"privatekey_passphrase": "x"}, "another")])
def test_without_the_passphrase_no_rotation_begins(encrypted: Fabric, arguments: dict[str, str], reason: str) -> None:
    assert reason in refused(encrypted, "trust", **arguments)
    assert reason in refused(encrypted, "trust", check=True, **arguments)


def test_with_the_passphrase_no_key_is_ever_in_the_clear(encrypted: Fabric) -> None:
    for wanted in PHASES:
        encrypted.phase(wanted, **SECRET)
        assert clear_keys(encrypted) == set()
        for peer in PEERS:
            encrypted.issue_with(peer, ca_privatekey_passphrase=SECRET["privatekey_passphrase"])
        encrypted.update_gateways()
    assert encrypted.phase().values["phase"] == "idle"


def test_a_passphrase_that_is_set_during_a_rotation_encrypts_the_new_cas_key_too(fabric: Fabric) -> None:
    fabric.phase("trust")
    fabric.update_gateways()
    fabric.run(fabric_ca, **SECRET)
    said = refused(fabric, "issue")
    assert "is encrypted with a passphrase, and the new CA's key would not be" in said
    fabric.phase("issue", **SECRET)
    assert clear_keys(fabric) == set()
    assert not fabric.run(fabric_ca, **SECRET).changed
