# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ansible_collections.skyshift.clusterlink.plugins.module_utils.certificates.found import (
    FABRIC_CA,
    FILE,
    PEER,
    SECRET,
    TRUSTED_CA,
    WIRE,
    Found,
    describe,
    issuer_generation,
    read_chain,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.ca import CaRequest, make_ca
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.certificates import chain_pem, fingerprint
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.issue import Issuer
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import KeySpec, generate
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.leaf import LeafRequest, make_leaf
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.subject import generation

if TYPE_CHECKING:
    from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import PrivateKey
    from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.pair import Issued


def by_purpose(entries: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {entry["purpose"]: entry for entry in entries}


def plain(name: str, key: PrivateKey, issuer_name: str, signer: PrivateKey, now: datetime) -> x509.Certificate:
    """A certificate as the CLI makes it: no generation in its subject and no key identifiers."""

    def subject(common_name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])

    return (
        x509.CertificateBuilder()
        .subject_name(subject(name))
        .issuer_name(subject(issuer_name))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=10))
        .add_extension(x509.BasicConstraints(ca=name == issuer_name, path_length=None), critical=True)
        .sign(signer, hashes.SHA256())
    )


def test_a_leaf_is_reported_with_its_ca(east: Issued, ca: Issued, now: datetime) -> None:
    entries = describe(read_chain(east.certificate_pem, "east", PEER, FILE, "/pki/east.pem"), now)
    assert [(entry["purpose"], entry["owner"], entry["place"]) for entry in entries] == [
        (PEER, "east", FILE),
        (FABRIC_CA, "east", FILE),
    ]
    leaf = entries[0]
    assert leaf["fingerprint"] == fingerprint(east.certificate)
    assert leaf["issuer_generation"] == generation(ca.key.public_key())
    assert leaf["valid"] is True
    assert leaf["served"] is None
    assert leaf["fault"] == ""
    assert "BEGIN" not in str(entries)


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (timedelta(), (365.0, 100, True)),
        (timedelta(days=182, hours=12), (182.5, 50, True)),
        (timedelta(days=364, hours=21, minutes=36), (0.1, 0, True)),
        (timedelta(days=366, hours=6), (-1.2, 0, False)),
        (-timedelta(days=1), (366.0, 100, False)),
    ],
)
def test_days_left_are_reported_to_a_tenth(
    east: Issued, now: datetime, later: timedelta, expected: tuple[float, int, bool]
) -> None:
    entry = describe(read_chain(east.certificate_pem, "east", PEER, FILE, "x"), now + later)[0]
    assert (entry["days_left"], entry["life_left"], entry["valid"]) == expected


def test_a_ca_that_came_along_is_listed_once(east: Issued, ca: Issued, now: datetime) -> None:
    found = [
        *read_chain(east.certificate_pem, "east", PEER, SECRET, "a"),
        *read_chain(ca.certificate_pem, "east", TRUSTED_CA, SECRET, "b"),
    ]
    assert [entry["purpose"] for entry in describe(found, now)] == [PEER, TRUSTED_CA]


def test_a_ca_that_came_along_and_is_not_trusted_is_listed(east: Issued, now: datetime) -> None:
    other = make_ca(CaRequest("demo"), now)
    found = [
        *read_chain(east.certificate_pem, "east", PEER, SECRET, "a"),
        *read_chain(other.certificate_pem, "east", TRUSTED_CA, SECRET, "b"),
    ]
    assert [entry["purpose"] for entry in describe(found, now)] == [PEER, FABRIC_CA, TRUSTED_CA]


def test_all_of_a_bundle_of_cas_is_trusted(ca: Issued, now: datetime) -> None:
    other = make_ca(CaRequest("demo"), now)
    pem = chain_pem(ca.certificate, other.certificate)
    entries = describe(read_chain(pem, "east", TRUSTED_CA, SECRET, "b"), now)
    assert [entry["purpose"] for entry in entries] == [TRUSTED_CA, TRUSTED_CA]
    assert len({entry["issuer_generation"] for entry in entries}) == 2


def test_the_generation_of_a_ca_that_does_not_tell_is_that_of_its_key(now: datetime) -> None:
    ca_key, key = generate(KeySpec()), generate(KeySpec())
    authority = plain("demo", ca_key, "demo", ca_key, now)
    namesake = plain("demo", key, "demo", key, now)
    leaf = plain("east", key, "demo", ca_key, now)
    assert issuer_generation(leaf, [namesake, authority]) == generation(ca_key.public_key())
    assert issuer_generation(authority, []) == generation(ca_key.public_key())
    assert issuer_generation(leaf, [namesake]) == ""


def test_the_generation_of_a_ca_that_is_not_there_is_that_of_the_key_identifier(now: datetime) -> None:
    ca_key = generate(KeySpec())
    authority = plain("demo", ca_key, "demo", ca_key, now)
    leaf = make_leaf(LeafRequest("east"), Issuer(authority, ca_key), now).certificate
    assert issuer_generation(leaf, []) == generation(ca_key.public_key())


def test_what_cannot_be_read_is_an_entry_with_its_fault(now: datetime) -> None:
    entries = describe(read_chain(b"nonsense", "east", PEER, FILE, "/pki/east.pem"), now)
    assert len(entries) == 1
    assert "/pki/east.pem" in entries[0]["fault"]
    assert entries[0]["days_left"] is None


def test_every_entry_says_the_same_things(east: Issued, now: datetime) -> None:
    found = [*read_chain(east.certificate_pem, "east", PEER, FILE, "a"), *read_chain(b"", "east", PEER, FILE, "b")]
    assert len({frozenset(entry) for entry in describe(found, now)}) == 1


def test_served_is_the_very_leaf_that_is_on_the_wire(east: Issued, issuer: Issuer, now: datetime) -> None:
    newer = make_leaf(LeafRequest("east"), issuer, now)
    west = make_leaf(LeafRequest("west"), issuer, now)
    entries = describe(
        [
            Found("east", PEER, FILE, "file", newer.certificate),
            Found("east", PEER, SECRET, "secret", east.certificate),
            Found("east", PEER, WIRE, "wire", east.certificate),
            Found("east", TRUSTED_CA, SECRET, "ca", issuer.certificate),
            Found("west", PEER, SECRET, "west", west.certificate),
            Found("west", PEER, WIRE, "west wire", fault="no answer"),
        ],
        now,
    )
    assert [entry["served"] for entry in entries] == [False, True, True, None, None, None]


def test_the_wire_is_named_by_the_ca_that_is_stored(now: datetime) -> None:
    ca_key, key = generate(KeySpec()), generate(KeySpec())
    authority = plain("demo", ca_key, "demo", ca_key, now)
    found = [
        Found("east", PEER, WIRE, "wire", plain("east", key, "demo", ca_key, now)),
        Found("east", TRUSTED_CA, SECRET, "ca", authority),
    ]
    entries = by_purpose(describe(found, now))
    assert entries[PEER]["issuer_generation"] == entries[TRUSTED_CA]["issuer_generation"] != ""
