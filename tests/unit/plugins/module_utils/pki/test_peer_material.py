# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.ca import CaRequest, make_ca
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.certificates import chain_pem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import KeySpec, key_pem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.pair import Issued, Pair
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.peer_material import PeerMaterial, peer_material

Found = Callable[..., Pair]
Check = Callable[..., PeerMaterial]

if TYPE_CHECKING:
    from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import PrivateKey

    Keys = Callable[..., PrivateKey]


@pytest.fixture
def check(ca: Issued, now: datetime) -> Check:
    def at(found: Any, trusted: bytes | None = None, peer: str = "east", days: int = 0) -> PeerMaterial:
        pem = ca.certificate_pem if trusted is None else trusted
        return peer_material(found, pem, "/pki/ca.pem", peer, now + timedelta(days=days))

    return at


def test_material_is_leaf_and_ca_and_key_and_trust(check: Check, pair: Found, east: Issued, ca: Issued) -> None:
    material = check(pair(east))
    assert material.certificate_pem.encode() == chain_pem(east.certificate, ca.certificate)
    assert material.key_pem.encode() == key_pem(east.key)
    assert material.ca_pem.encode() == ca.certificate_pem


def test_a_leaf_alone_is_completed_with_its_ca(check: Check, pair: Found, east: Issued) -> None:
    assert check(pair(east, certificate=chain_pem(east.certificate))) == check(pair(east))


def test_two_trusted_cas_are_kept_and_the_leaf_is_followed_by_its_own(
    check: Check, pair: Found, east: Issued, ca: Issued, now: datetime
) -> None:
    """As during a rotation."""
    other = make_ca(CaRequest("demo"), now)
    material = check(pair(east), other.certificate_pem + ca.certificate_pem)
    assert material.ca_pem.encode() == other.certificate_pem + ca.certificate_pem
    assert material.certificate_pem.encode() == chain_pem(east.certificate, ca.certificate)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"peer": "west"}, "DNS names are east instead of west"),
        ({"days": 366}, "/pki/cert.pem: it expired"),
        ({"trusted": b"garbage"}, "/pki/ca.pem"),
    ],
)
def test_what_a_gateway_could_not_use_is_refused(
    check: Check, pair: Found, east: Issued, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(ClusterlinkError, match=said):
        check(pair(east), **change)


def test_a_ca_that_did_not_sign_the_leaf_is_refused(check: Check, pair: Found, east: Issued, now: datetime) -> None:
    with pytest.raises(ClusterlinkError, match="its issuer is"):
        check(pair(east), make_ca(CaRequest("demo"), now).certificate_pem)


def test_all_problems_are_said_at_once(check: Check, pair: Found, east: Issued) -> None:
    with pytest.raises(ClusterlinkError) as refused:
        check(pair(east), peer="west", days=4000)
    assert {problem.where for problem in refused.value.problems} == {"/pki/cert.pem", "/pki/ca.pem"}
    assert len(refused.value.problems) == 3


@pytest.mark.parametrize(("part", "file"), [("key", "/pki/key.pem"), ("certificate", "/pki/cert.pem")])
def test_what_is_missing_is_named(check: Check, pair: Found, east: Issued, part: str, file: str) -> None:
    with pytest.raises(ClusterlinkError, match=f"{file}: is missing"):
        check(pair(east, **{part: b""}))


def test_a_key_of_another_certificate_is_refused(check: Check, pair: Found, east: Issued, key: Keys) -> None:
    with pytest.raises(ClusterlinkError, match="is not the key"):
        check(pair(east, key=key_pem(key(KeySpec(), 9))))


def test_keys_are_not_in_what_is_printed(check: Check, pair: Found, east: Issued) -> None:
    assert "PRIVATE KEY" not in repr(check(pair(east))) + repr(pair(east))
