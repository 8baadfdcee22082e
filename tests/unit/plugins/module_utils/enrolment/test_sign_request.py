# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fabric's side: what is signed, and what is refused with nothing written."""

from __future__ import annotations

import base64
import json
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.types import Address
from ansible_collections.skyshift.clusterlink.plugins.module_utils.enrolment.document import Span
from ansible_collections.skyshift.clusterlink.plugins.module_utils.enrolment.request import (
    FORMAT,
    RequestedPeer,
    make_request,
    read_request,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import KeySpec, key_pem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki_files import disk
from tests.support.examples import examples
from tests.unit.plugins.module_utils.enrolment.conftest import LYON, NOW, cached_ca, cached_key
from tests.unit.plugins.module_utils.enrolment.forgery import content, csr, put, refused

if TYPE_CHECKING:
    from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import PrivateKey
    from tests.unit.plugins.module_utils.enrolment.conftest import Stage

RSA = KeySpec("rsa", 2048)
GOOD = make_request(LYON, cached_key(KeySpec()), Span.of(NOW, 7), "0" * 32)


@pytest.mark.parametrize("kind", [KeySpec(), RSA], ids=str)
def test_a_request_is_signed_with_a_certificate_for_its_key(stage: Stage, kind: KeySpec) -> None:
    created = stage.create_request(key=kind)
    done = stage.sign(fingerprint=created.values()["fingerprint"])
    assert done.reasons == ["the request is not signed yet"]
    assert done.after is not None
    leaf = done.after.chain[0]
    assert created.after is not None
    assert leaf.public_key() == created.after.key
    leaf.verify_directly_issued_by(stage.ca.certificate)
    values = done.values()
    assert values["clusterlink_peers"] == [
        {"name": "lyon", "gateways": [{"host": "gateway.lyon.example.com", "port": 443}]}
    ]
    assert values["peers"] == [{"name": "paris", "gateways": [{"host": "203.0.113.7", "port": 30443}]}]
    assert values["ca_fingerprint"] == stage.ca_fingerprint


def test_a_peer_that_only_imports_needs_no_declaration(stage: Stage) -> None:
    stage.create_request(RequestedPeer("demo", "lyon"))
    assert stage.sign().values()["clusterlink_peers"] == []


def test_check_mode_writes_nothing_and_predicts_it(stage: Stage) -> None:
    stage.create_request()
    before = stage.files()
    planned = stage.sign(check=True)
    assert planned.changed
    assert stage.files() == before
    known = planned.values()
    done = stage.sign().values()
    assert known == {name: done[name] for name in known}


def test_the_same_request_again_changes_nothing(stage: Stage) -> None:
    stage.create_request()
    stage.sign()
    before = stage.files()
    again = stage.later(days=1).sign()
    assert not again.changed
    assert again.diff()["before"] == again.diff()["after"]
    assert stage.files() == before


def test_the_same_request_again_gets_the_same_certificate_where_the_response_is_gone_or_old(stage: Stage) -> None:
    stage.create_request()
    assert stage.sign(check=True).values()["recorded"]
    first = stage.sign().values()
    assert first["recorded"]
    record = stage.record.read_bytes()
    stage.response_file.unlink()
    lost = stage.sign()
    assert lost.reasons == ["there is no response yet"]
    moved = stage.sign(peers={"paris": (Address("203.0.113.8", 30443),)})
    assert moved.reasons == ["its peers changed"]
    assert not lost.values()["recorded"], "the record says so already, so that a store has nothing to save"
    for again in (lost, moved):
        assert again.values()["certificate_fingerprint"] == first["certificate_fingerprint"]
    assert stage.record.read_bytes() == record


def test_a_request_that_is_indented_again_is_the_same(stage: Stage) -> None:
    stage.create_request()
    stage.sign()
    stage.request.write_text(json.dumps(json.loads(stage.request.read_text())))
    assert not stage.sign().changed


def test_the_given_fingerprint_must_be_the_requests(stage: Stage) -> None:
    stage.create_request()
    message = refused(stage, fingerprint="00:" * 31 + "00")
    assert "does not have the fingerprint 00:00" in message
    assert "Do not sign it" in message


@pytest.mark.parametrize(
    ("expected", "what"),
    [
        ({"name": "nice"}, "request.json.name: is not the expected peer (found: lyon, not nice)"),
        ({"fabric": "prod"}, "request.json.fabric: is not the expected fabric (found: demo, not prod)"),
        ({"key": RSA}, "its key is ECDSA P-256 instead of RSA 2048"),
    ],
)
def test_an_unexpected_request_is_refused(stage: Stage, expected: dict[str, Any], what: str) -> None:
    stage.create_request()
    assert what in refused(stage, **expected)


def test_everything_that_differs_is_reported_at_once(stage: Stage) -> None:
    stage.create_request()
    assert refused(stage, name="nice", fabric="prod", key=RSA).startswith("3 problems:")


def test_a_request_is_valid_for_a_time(stage: Stage) -> None:
    stage.later(hours=2).create_request()
    assert "in the future" in refused(stage.later(hours=-1))
    assert "cannot be signed: it expired at 2030-06-22" in refused(stage.later(days=8))


@examples(150)
@given(data=st.data())
def test_an_altered_byte_is_refused_or_alters_nothing(data: Any) -> None:
    text = bytearray(GOOD.document.text)
    text[data.draw(st.integers(0, len(text) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        read = read_request(bytes(text), "/request.json")
    except ClusterlinkError:
        return
    assert read.document.identity == GOOD.document.identity


def test_a_signing_request_of_an_unknown_version_is_damaged() -> None:
    content = json.loads(GOOD.document.text)
    pem = next(value for value in _texts(content) if "CERTIFICATE REQUEST" in value)
    der = bytearray(base64.b64decode("".join(pem.splitlines()[1:-1])))
    der[der.index(b"\x02\x01\x00") + 2] = 9
    lines = textwrap.fill(base64.b64encode(der).decode(), 64)
    other = f"-----BEGIN CERTIFICATE REQUEST-----\n{lines}\n-----END CERTIFICATE REQUEST-----\n"
    text = GOOD.document.text.replace(json.dumps(pem).encode(), json.dumps(other).encode())
    with pytest.raises(ClusterlinkError, match="is a damaged certificate signing request"):
        read_request(text, "/request.json")


def _texts(content: Any) -> list[str]:
    if isinstance(content, dict):
        return [text for value in content.values() for text in _texts(value)]
    return [content] if isinstance(content, str) else []


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "paris"},
        {"fabric": "prod"},
        {"gateways": [{"host": "198.51.100.66", "port": 443}]},
        {"expires": "2030-07-15T12:00:00Z"},
        {"nonce": "f" * 32},
    ],
)
def test_an_altered_request_is_refused_whoever_signs_it_again(stage: Stage, changes: dict[str, Any]) -> None:
    stage.create_request()
    changed, signature = content(stage, **changes), json.loads(stage.request.read_text())["signature"]
    stage.request.write_text(json.dumps({**changed, "signature": signature}))
    assert "was altered" in refused(stage)
    put(stage, changed, cached_key(KeySpec(), 66))
    assert "signed by another key than its own" in refused(stage)


def test_a_signing_request_by_another_key_than_the_files_is_refused(stage: Stage) -> None:
    stage.create_request()
    key = cached_key(KeySpec())
    put(stage, content(stage, csr=csr(cached_key(KeySpec(), 66))), key)
    assert "signed by another key than its own" in refused(stage)


def test_a_signing_request_whose_own_signature_is_wrong_is_refused(stage: Stage) -> None:
    key = cached_key(KeySpec())
    der = bytearray(x509.load_pem_x509_csr(csr(key).encode()).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    broken = x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM).decode()
    stage.create_request()
    put(stage, content(stage, csr=broken), key)
    assert "csr: is not signed by the key that it is for" in refused(stage)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda key: csr(key, "paris"),
        lambda key: csr(key, "lyon", ["paris"]),
        lambda key: csr(key, "lyon", ["lyon", "paris"]),
        lambda key: csr(key, "lyon", []),
    ],
)
def test_a_signing_request_for_another_name_is_refused(stage: Stage, wrong: Callable[[PrivateKey], str]) -> None:
    stage.create_request()
    key = cached_key(KeySpec())
    put(stage, content(stage, csr=wrong(key)), key)
    assert "is for another name than the request, which is for lyon" in refused(stage)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda _pem: "garbage",
        lambda pem: "garbage\n" + pem,
        lambda pem: pem + "garbage",
        lambda pem: pem + pem,
        lambda pem: pem.replace("M", "N", 1),
        lambda pem: pem[:80],
    ],
)
def test_a_damaged_signing_request_is_refused(stage: Stage, wrong: Callable[[str], str]) -> None:
    stage.create_request()
    key = cached_key(KeySpec())
    put(stage, content(stage, csr=wrong(csr(key))), key)
    assert "csr: is" in refused(stage)


@pytest.mark.parametrize(
    "key",
    [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 1024)],  # noqa: S505 - too small
    ids=["P-384", "RSA-1024"],
)
def test_a_kind_of_key_that_gateways_do_not_take_is_refused(stage: Stage, key: Any) -> None:
    stage.create_request()
    put(stage, content(stage, csr=csr(key)), key)
    assert "neither ECDSA P-256 nor RSA of at least 2048 bits" in refused(stage)


def test_an_ed25519_key_is_refused(stage: Stage) -> None:
    stage.create_request()
    put(stage, content(stage, csr=csr(ed25519.Ed25519PrivateKey.generate())), cached_key(KeySpec()))
    assert "neither ECDSA P-256" in refused(stage)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"name": "Lyon"}, "name: is not a DNS label"),
        ({"name": None}, "name: is required"),
        ({"fabric": "../x"}, "fabric: is not a label value"),
        ({"created": "yesterday"}, "created: must be a time"),
        ({"created": "2030-6-15T12:00:00Z"}, "created: must be a time"),
        ({"nonce": "1"}, "nonce: must be 32"),
        ({"gateways": [{"host": "{{ 1 }}", "port": 1}]}, "neither a DNS name nor an IP address"),
        ({"gateways": [{"host": "a", "port": 0}]}, "port number"),
        ({"gateways": "x"}, "gateways: must be a list"),
        ({"csr": 5}, "csr: must be a string"),
        ({"extra": 1}, "extra: is not known"),
        ({"expires": "2031-06-15T12:00:00Z"}, "for more than 90 days"),
        ({"expires": "2030-06-15T12:00:00Z"}, "expired"),
    ],
)
def test_invalid_content_with_a_valid_signature_is_refused(stage: Stage, changes: dict[str, Any], what: str) -> None:
    stage.create_request()
    key = cached_key(KeySpec())
    put(stage, content(stage, csr=csr(key), **{} if "csr" in changes else changes) | changes, key)
    assert what in refused(stage)


def test_a_request_that_is_truncated_missing_or_something_else_is_refused(stage: Stage) -> None:
    assert "request.json: is missing" in refused(stage)
    stage.create_request()
    whole = stage.request.read_bytes()
    stage.request.write_bytes(whole[: len(whole) // 2])
    assert "truncated or damaged" in refused(stage)
    stage.request.write_bytes(whole)
    stage.sign()
    assert f"Give a file of format {FORMAT}" in refused(stage, request=stage.response_file)


def test_the_name_of_one_of_the_fabrics_own_peers_is_never_given_to_others(stage: Stage) -> None:
    folder = disk.peer_folder(str(stage.root / "fabric"), "demo", "lyon")
    disk.make_folder(folder)
    disk.write_file(folder.key, key_pem(cached_key(KeySpec())), disk.KEY_MODE)
    stage.create_request()
    assert "this folder holds the certificate of a peer with that name" in refused(stage)
    assert "this folder holds the certificate of a peer with that name" in refused(stage, replace=True)


def test_a_file_that_is_no_response_for_this_peer_is_not_overwritten(stage: Stage) -> None:
    stage.create_request()
    stage.response_file.write_text("notes")
    assert "is not overwritten" in refused(stage)
    stage.response_file.unlink()
    stage.sign()
    other = RequestedPeer("demo", "nice")
    stage.create_request(other)
    request = stage.root / "peer/demo/nice/request.json"
    assert "is the response for another peer" in refused(stage, request=request, name="nice")


def test_after_a_new_ca_an_old_request_is_not_signed_with_an_old_certificate(stage: Stage) -> None:
    stage.create_request()
    stage.sign()
    stage.install_ca(cached_ca(1))
    assert "its certificate can no longer be used: its issuer is" in refused(stage)


def test_without_the_cas_key_nothing_is_signed(stage: Stage) -> None:
    stage.create_request()
    (stage.root / "fabric/demo/key.pem").unlink()
    assert "fabric/demo/key.pem: is missing" in refused(stage)


def test_no_secret_is_written_or_returned(stage: Stage) -> None:
    created = stage.create_request()
    done = stage.sign()
    keys = [stage.root / "fabric/demo/key.pem", stage.root / "peer/demo/lyon/key.pem"]
    shown = stage.response_file.read_text() + stage.record.read_text() + json.dumps([done.values(), done.diff()])
    shown += repr(created) + repr(done)
    assert "PRIVATE" not in shown
    for key in keys:
        assert not [line for line in key.read_text().splitlines()[1:2] if line in shown]


def test_a_response_is_for_the_peers_that_are_listed(stage: Stage) -> None:
    stage.create_request()
    assert stage.sign(peers={}).values()["peers"] == []
