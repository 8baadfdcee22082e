# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import contextlib
import re
import subprocess
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.ca import CaRequest, make_ca
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.certificates import (
    chain_pem,
    facts,
    fingerprint,
    load_chain,
    require_match,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.issue import Issuer, Term, issue_ca
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import KeySpec
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.leaf import LeafRequest, leaf_reasons, make_leaf
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.subject import ca_subject
from tests.support.examples import examples

if TYPE_CHECKING:
    from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import PrivateKey

    Keys = Callable[..., PrivateKey]


WHERE = "/pki/cert.pem"
NOW = datetime(2030, 1, 1, tzinfo=timezone.utc)
CA = make_ca(CaRequest("demo"), NOW)
LEAF = make_leaf(LeafRequest("east"), Issuer(CA.certificate, CA.key), NOW)
PEM = LEAF.certificate_pem


def test_a_chain_is_read_in_its_order() -> None:
    assert load_chain(PEM, WHERE) == [LEAF.certificate, CA.certificate]


def test_a_chain_with_dos_line_endings_and_blank_lines_is_read() -> None:
    assert load_chain(b"\n\n" + PEM.replace(b"\n", b"\r\n"), WHERE) == list(LEAF.chain)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"hello", "holds no whole certificate"),
        (PEM[:200], "holds no whole certificate"),
        (PEM[:-100], "truncated"),
        (PEM + b"garbage\n", "text besides"),
        (chain_pem(LEAF.certificate) + b"garbage\n" + chain_pem(CA.certificate), "text besides"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "damaged"),
        (b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n", "damaged"),
    ],
)
def test_what_is_no_clean_chain_is_refused_by_its_place(content: bytes, said: str) -> None:
    with pytest.raises(ClusterlinkError, match=said) as refused:
        load_chain(content, WHERE)
    assert refused.value.problems[0].where == WHERE


@given(st.integers(min_value=0, max_value=len(PEM) - 2))
def test_no_truncated_chain_is_read_whole(length: int) -> None:
    try:
        chain = load_chain(PEM[:length], WHERE)
    except ClusterlinkError:
        return
    assert chain == [LEAF.certificate], "only a cut between the two certificates leaves something whole"


DER = LEAF.certificate.public_bytes(Encoding.DER)
VERSION = DER.index(b"\xa0\x03\x02\x01\x02") + 4
NAME_TYPE = DER.index(b"\x82\x04east")


@pytest.mark.filterwarnings("ignore:Parsed a (negative )?serial number")  # a change may make it negative
@given(st.integers(min_value=0, max_value=len(DER) - 1), st.integers(min_value=0, max_value=255))
@example(VERSION, 97)
@example(NAME_TYPE, 0xA3)  # a kind of name that cryptography does not know
@examples(1000)
def test_a_certificate_with_one_byte_changed_is_compared_or_an_error_of_ours(position: int, byte: int) -> None:
    changed = DER[:position] + bytes([byte]) + DER[position + 1 :]
    pem = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(changed) + b"-----END CERTIFICATE-----\n"
    with contextlib.suppress(ClusterlinkError):
        chain = load_chain(pem, WHERE)
        facts(chain[0])
        leaf_reasons(chain, CA.certificate, LeafRequest("east", key=KeySpec(), subject={}), NOW)


def test_a_serial_number_is_whole_octets() -> None:
    number = 0x123
    ca = issue_ca(ca_subject("demo", CA.key.public_key()), CA.key, Term(NOW, 1), number)
    assert facts(ca)["serial"] == "0123"


def test_a_key_of_another_certificate_is_refused_and_both_places_are_named(key: Keys) -> None:
    with pytest.raises(ClusterlinkError, match=r"/a/key.pem.*/a/cert.pem"):
        require_match(LEAF.certificate, key(KeySpec()), "/a/cert.pem", "/a/key.pem")


def test_a_key_of_its_certificate_is_accepted() -> None:
    require_match(LEAF.certificate, LEAF.key, "/a/cert.pem", "/a/key.pem")


def test_facts_are_what_openssl_says() -> None:
    said = facts(LEAF.certificate)
    printed = subprocess.run(
        ["openssl", "x509", "-noout", "-serial", "-fingerprint", "-sha256", "-subject", "-nameopt", "RFC2253"],
        input=chain_pem(LEAF.certificate),
        check=True,
        capture_output=True,
    ).stdout.decode()
    assert f"serial={said['serial']}" in printed
    assert f"Fingerprint={said['fingerprint'].upper()}" in printed
    assert f"subject={said['subject']}" in printed
    assert said["not_before"] == "2029-12-31T23:55:00Z"
    assert said["not_after"] == "2031-01-01T00:00:00Z"
    assert (said["key_type"], said["key_size"], said["dns_names"]) == ("ecdsa", 256, ["east"])


def test_a_fingerprint_is_32_pairs() -> None:
    assert re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2}){31}", fingerprint(CA.certificate))
