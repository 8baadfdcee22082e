# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The peer's side: what is installed, and what is refused with nothing written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.skyshift.clusterlink.plugins.module_utils.enrolment.document import Span, sign
from ansible_collections.skyshift.clusterlink.plugins.module_utils.enrolment.request import RequestedPeer, make_request
from ansible_collections.skyshift.clusterlink.plugins.module_utils.enrolment.response import (
    make_response,
    read_response,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.options import given_certificate
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.ca import CaRequest, make_ca
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.certificates import (
    chain_pem,
    fingerprint,
    load_chain,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.issue import Issuer
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import KeySpec, key_pem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.leaf import LeafRequest, make_leaf
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki_files.ca_rotation import RotationFolder
from tests.support.examples import examples
from tests.unit.plugins.module_utils.enrolment.conftest import LYON, NOW, PARIS, cached_ca, cached_key

if TYPE_CHECKING:
    from tests.unit.plugins.module_utils.enrolment.conftest import Stage

MALLORY = cached_ca(1)
ISSUER = Issuer(cached_ca().certificate, cached_ca().key)
GOOD = make_response(
    make_request(LYON, cached_key(KeySpec()), Span.of(NOW, 7), "0" * 32),
    ISSUER.certificate,
    ISSUER,
    PARIS,
    Span.of(NOW, 7),
)


def refused(stage: Stage, given: str | None = "", *, replace: bool = False) -> str:
    """The error of installing; nothing may be written, not even in check mode."""
    before = stage.files()
    for check in (True, False):
        with pytest.raises(ClusterlinkError) as error:
            stage.install(given, replace=replace, check=check)
    assert stage.files() == before
    return str(error.value)


def exchange(stage: Stage) -> None:
    """A request and its response."""
    stage.create_request()
    stage.sign()


def content(stage: Stage, **changes: Any) -> dict[str, Any]:
    whole = json.loads(stage.response_file.read_text())
    del whole["signature"]
    return {**whole, **changes}


def put(stage: Stage, content: Mapping[str, Any]) -> None:
    """Write a response that the fabric's own CA signs."""
    stage.response_file.write_bytes(sign(content, stage.ca.key).text)


def test_a_response_becomes_what_a_gateway_needs(stage: Stage) -> None:
    exchange(stage)
    done = stage.install()
    assert done.reasons == ["there is no CA yet", "there is no certificate yet"]
    assert done.values()["clusterlink_peers"] == [
        {"name": "paris", "gateways": [{"host": "203.0.113.7", "port": 30443}]}
    ]
    folder = Path(stage.root / "peer") / "demo"
    places = {"certificate": folder / "lyon/cert.pem", "privatekey": folder / "lyon/key.pem", "ca": folder / "cert.pem"}
    given = {f"{name}_path": str(path) for name, path in places.items()}
    contents = {f"{name}_content": None for name in places}
    material = given_certificate({**given, **contents}, "lyon", stage.now)
    assert material.ca_pem == stage.ca.certificate_pem.decode()
    assert not Path(stage.peer_side.fabric.key).exists()


def test_it_is_installed_once(stage: Stage) -> None:
    exchange(stage)
    before = stage.files()
    assert stage.install(check=True).changed
    assert stage.files() == before
    stage.install()
    files = stage.files()
    assert not stage.install().changed
    assert not stage.install(None).changed, "the installed CA is the trusted one"
    assert stage.files() == files


def test_check_mode_predicts_it(stage: Stage) -> None:
    exchange(stage)
    planned = stage.install(check=True)
    assert planned.values() == stage.install().values()


def test_the_cas_fingerprint_is_required_the_first_time(stage: Stage) -> None:
    exchange(stage)
    assert "ca_fingerprint: is required" in refused(stage, None)
    assert "ca_fingerprint: is required" in refused(stage, None, replace=True)


def test_another_cas_fingerprint_is_refused(stage: Stage) -> None:
    exchange(stage)
    assert "response.json.ca: does not have the fingerprint" in refused(stage, fingerprint(MALLORY.certificate))
    assert "does not have the fingerprint" in refused(stage, fingerprint(MALLORY.certificate), replace=True)
    stage.install()
    assert "does not have the fingerprint" in refused(stage, fingerprint(MALLORY.certificate))


def test_a_response_of_somebody_elses_ca_is_refused(stage: Stage) -> None:
    honest = stage.ca_fingerprint
    stage.create_request()
    stage.install_ca(MALLORY)
    stage.sign()
    assert "Do not install it" in refused(stage, honest)


def test_another_ca_than_the_one_installed_is_refused_unless_replaced_by_its_fingerprint(stage: Stage) -> None:
    exchange(stage)
    stage.install()
    stage.install_ca(MALLORY)
    stage.request.unlink()
    stage.later(hours=1).create_request()
    stage.sign()
    assert "is not the CA in" in refused(stage)
    assert "is not the CA in" in refused(stage, None)
    assert "ca_fingerprint: is required" in refused(stage, None, replace=True)
    assert stage.install(replace=True).reasons == [
        "the installed CA differs",
        "the installed certificate differs",
    ]
    assert not stage.install(None).changed


def forged(stage: Stage, **changes: Any) -> None:
    signature = json.loads(stage.response_file.read_text())["signature"]
    stage.response_file.write_text(json.dumps({**content(stage, **changes), "signature": signature}))


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "nice"},
        {"fabric": "prod"},
        {"peers": [{"name": "paris", "gateways": [{"host": "198.51.100.66", "port": 443}]}]},
        {"expires": "2030-07-15T12:00:00Z"},
        {"ca": chain_pem(MALLORY.certificate).decode()},
    ],
)
def test_an_altered_response_is_refused(stage: Stage, changes: dict[str, Any]) -> None:
    exchange(stage)
    forged(stage, **changes)
    assert "was altered, or is signed by another key than its CA's" in refused(stage)


@examples(150)
@given(data=st.data())
def test_an_altered_byte_is_refused_or_alters_nothing(data: Any) -> None:
    text = bytearray(GOOD.document.text)
    text[data.draw(st.integers(0, len(text) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        read = read_response(bytes(text), "/response.json")
    except ClusterlinkError:
        return
    assert read.document.identity == GOOD.document.identity


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"name": "nice"}, "response.json.name: is not the requested peer (found: nice, not lyon)"),
        ({"fabric": "prod"}, "response.json.fabric: is not the requested fabric (found: prod, not demo)"),
        ({"request": "00:" * 31 + "00"}, "is for another request"),
        ({"request": "x"}, "must be a SHA-256 fingerprint"),
        ({"peers": [{"name": "a", "host": "{{ 1 }}", "port": 1}]}, "neither a DNS name nor an IP address"),
        ({"peers": [{"name": "a"}]}, "is required"),
        ({"extra": 1}, "extra: is not known"),
    ],
)
def test_a_response_that_is_well_signed_but_not_for_this_request_is_refused(
    stage: Stage, changes: dict[str, Any], what: str
) -> None:
    exchange(stage)
    put(stage, content(stage, **changes))
    assert what in refused(stage)


@pytest.mark.parametrize("part", ["certificate", "ca"])
@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda pem: "garbage\n" + pem, "holds text besides its certificates"),
        (lambda pem: pem.replace("-----BEGIN", "garbage\n-----BEGIN"), "holds text besides its certificates"),
        (lambda pem: pem + "garbage", "holds text besides its certificates"),
        (lambda pem: pem[:100], "holds no whole certificate"),
        (lambda pem: pem.replace("MII", "MIX", 1), "holds a damaged certificate"),
    ],
)
def test_garbage_around_certificates_is_refused(
    stage: Stage, part: str, damage: Callable[[str], str], what: str
) -> None:
    exchange(stage)
    put(stage, content(stage, **{part: damage(content(stage)[part])}))
    message = refused(stage)
    assert f"response.json.{part}: {what}" in message
    assert "Ask for the original file again" in message


def leaf(name: str, key: KeySpec, number: int, days: int = 365) -> str:
    made = make_leaf(LeafRequest(name, days=days), ISSUER, NOW - timedelta(days=30), cached_key(key, number))
    return made.certificate_pem.decode()


def test_a_certificate_for_another_key_is_refused(stage: Stage) -> None:
    exchange(stage)
    put(stage, content(stage, certificate=leaf("lyon", KeySpec(), 9)))
    assert "is for another key than this peer's (found: another ECDSA P-256 key)" in refused(stage)
    put(stage, content(stage, certificate=leaf("lyon", KeySpec("rsa", 2048), 9)))
    assert "(found: an RSA 2048 key, not this ECDSA P-256 key)" in refused(stage)


def test_a_certificate_for_another_name_or_time_or_without_its_ca_is_refused(stage: Stage) -> None:
    exchange(stage)
    Path(stage.peer_side.peer.key).write_bytes(key_pem(cached_key(KeySpec(), 9)))
    put(stage, content(stage, certificate=leaf("nice", KeySpec(), 9)))
    assert "its common name is nice instead of lyon" in refused(stage)
    put(stage, content(stage, certificate=leaf("lyon", KeySpec(), 9, days=20)))
    assert "cannot be installed: it expired at" in refused(stage)
    alone = leaf("lyon", KeySpec(), 9).partition("-----END CERTIFICATE-----\n")
    put(stage, content(stage, certificate=alone[0] + alone[1]))
    assert "it is not followed by the CA's certificate alone" in refused(stage)


def test_a_certificate_by_another_ca_than_the_responses_is_refused(stage: Stage) -> None:
    exchange(stage)
    issuer = Issuer(MALLORY.certificate, MALLORY.key)
    made = make_leaf(LeafRequest("lyon"), issuer, NOW, cached_key(KeySpec(), 9))
    put(stage, content(stage, certificate=made.certificate_pem.decode()))
    assert "its issuer is" in refused(stage)


def test_a_response_has_its_time(stage: Stage) -> None:
    exchange(stage)
    assert "in the future" in refused(stage.later(hours=-1))
    assert "cannot be installed: it expired at 2030-06-22" in refused(stage.later(days=8))


def test_an_old_response_is_refused_once_there_is_a_new_request(stage: Stage) -> None:
    exchange(stage)
    stage.install()
    stage.request.unlink()
    stage.later(hours=1).create_request()
    assert "is for another request than this peer's last one" in refused(stage)


def test_what_is_missing_or_truncated_or_something_else_is_named(stage: Stage) -> None:
    assert "response.json: is missing" in refused(stage)
    exchange(stage)
    whole = stage.response_file.read_bytes()
    stage.response_file.write_bytes(whole[: len(whole) // 2])
    assert "truncated or damaged" in refused(stage)
    stage.response_file.write_bytes(stage.request.read_bytes())
    assert "is another kind of file" in refused(stage)
    stage.response_file.write_bytes(whole)
    for path in (stage.request, Path(stage.peer_side.peer.key)):
        kept = path.read_bytes()
        path.unlink()
        assert f"{path}: is missing" in refused(stage)
        path.write_bytes(kept)


def test_a_renewal_replaces_the_certificate_and_keeps_the_ca(stage: Stage) -> None:
    exchange(stage)
    stage.install()
    stage.later(days=300)
    exchange(stage)
    assert stage.install(None).reasons == ["the installed certificate differs"]


def test_while_the_ca_is_replaced_the_response_is_of_the_new_one_and_both_are_trusted(stage: Stage) -> None:
    exchange(stage)
    stage.install()
    rotation, old, new = RotationFolder(stage.fabric_side.fabric), stage.ca, cached_ca(2)
    rotation.begin(new)
    rotation.trust_both()
    rotation.mark_ready()
    stage.later(hours=1).create_request(renew=True)
    stage.sign()
    stage.ca = new
    between = stage.install(replace=True)
    assert "the trusted CAs differ" in between.reasons
    assert between.warnings()
    folder = Path(stage.root / "peer") / "demo"
    assert (folder / "cert.pem").read_bytes() == new.certificate_pem
    assert (folder / "trusted.pem").read_bytes() == chain_pem(new.certificate, old.certificate)
    load_chain((folder / "lyon/cert.pem").read_bytes(), "")[0].verify_directly_issued_by(new.certificate)
    assert not stage.install(replace=True).changed

    rotation.promote()
    rotation.trust_new()
    rotation.delete_old()
    stage.sign()
    after = stage.install(None)
    assert after.reasons == ["the trusted CAs differ"]
    assert not after.warnings()
    assert not (folder / "trusted.pem").exists()
    assert not stage.install(None).changed


def test_a_ca_that_has_the_subject_of_the_signing_ca_is_refused(stage: Stage) -> None:
    exchange(stage)
    twin = make_ca(CaRequest("demo"), NOW, stage.ca.key)
    put(stage, content(stage, ca=chain_pem(stage.ca.certificate, twin.certificate).decode()))
    assert "gateways cannot distinguish them" in refused(stage)


@pytest.mark.parametrize("other", [leaf("lyon", KeySpec(), 9), leaf("nice", KeySpec(), 9)])
def test_another_certificate_than_the_renewed_one_needs_replace(stage: Stage, other: str) -> None:
    exchange(stage)
    certificate = Path(stage.peer_side.peer.certificate)
    certificate.write_text(other)
    assert "so it is not replaced" in refused(stage)
    assert stage.install(replace=True).changed


@pytest.mark.parametrize("place", ["demo/cert.pem", "demo/lyon/cert.pem"])
def test_certificates_that_cannot_be_read_are_not_replaced_even_then(stage: Stage, place: str) -> None:
    exchange(stage)
    (stage.root / "peer" / place).write_text("garbage")
    assert f"peer/{place}: " in refused(stage)
    assert f"peer/{place}: " in refused(stage, replace=True)


def test_nothing_is_installed_where_the_cas_key_is(stage: Stage) -> None:
    exchange(stage)
    Path(stage.peer_side.fabric.key).write_bytes(key_pem(stage.ca.key))
    assert "so its peers do not enrol" in refused(stage)


def test_no_secret_is_returned(stage: Stage) -> None:
    exchange(stage)
    done = stage.install()
    given = json.dumps([done.values(), done.diff()]) + repr(done)
    assert "PRIVATE" not in given
    assert Path(stage.peer_side.peer.key).read_text().splitlines()[1] not in given


def test_another_peers_response_does_not_fit(stage: Stage) -> None:
    stage.create_request()
    stage.create_request(RequestedPeer("demo", "nice"))
    stage.sign(request=stage.root / "peer/demo/nice/request.json", name="nice")
    message = refused(stage)
    assert "is not the requested peer" in message
    assert "is for another key than this peer's" in message
