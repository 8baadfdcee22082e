# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.ca import CaRequest, make_ca
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.certificates import chain_pem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.issue import Issuer
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import KeySpec, key_pem, spec_of
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.leaf import (
    LeafRequest,
    decide_leaf,
    leaf_reasons,
    make_leaf,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.pair import Decision, Issued, Pair

Found = Callable[..., Pair]
Decide = Callable[..., Decision]

if TYPE_CHECKING:
    from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import PrivateKey

    Keys = Callable[..., PrivateKey]


REQUEST = LeafRequest("east")


@pytest.fixture
def decide(ca: Issued, now: datetime) -> Decide:
    def at(found: Any, request: Any = REQUEST, days: int = 0) -> Decision:
        return decide_leaf(found, ca.certificate, request, now + timedelta(days=days))

    return at


def extension(certificate: x509.Certificate, kind: type[Any]) -> Any:
    return certificate.extensions.get_extension_for_class(kind).value


def rsa_issuer(now: datetime, key: Keys) -> Issuer:
    made = make_ca(CaRequest("demo"), now, key(KeySpec("rsa", 2048)))
    return Issuer(made.certificate, made.key)


def test_a_peer_is_known_by_its_only_dns_name(east: Issued) -> None:
    names = extension(east.certificate, x509.SubjectAlternativeName)
    assert list(names) == [x509.DNSName("east")]
    assert east.certificate.subject.rfc4514_string() == "CN=east"


def test_a_peer_may_serve_and_be_a_client_and_sign_nothing(east: Issued) -> None:
    assert set(extension(east.certificate, x509.ExtendedKeyUsage)) == {
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
    }
    assert not extension(east.certificate, x509.BasicConstraints).ca
    usage = extension(east.certificate, x509.KeyUsage)
    assert usage.digital_signature
    assert not usage.key_cert_sign


@pytest.mark.parametrize(("spec", "encipherment"), [(KeySpec("rsa", 2048), True), (KeySpec("ecdsa", 256), False)])
def test_only_an_rsa_key_enciphers_keys(
    issuer: Issuer, now: datetime, key: Keys, spec: KeySpec, encipherment: bool
) -> None:
    made = make_leaf(REQUEST, issuer, now, key(spec))
    assert extension(made.certificate, x509.KeyUsage).key_encipherment is encipherment


def test_a_leaf_carries_both_key_identifiers(east: Issued, ca: Issued) -> None:
    authority = extension(east.certificate, x509.AuthorityKeyIdentifier).key_identifier
    assert authority == extension(ca.certificate, x509.SubjectKeyIdentifier).digest
    own = x509.SubjectKeyIdentifier.from_public_key(east.key.public_key())
    assert extension(east.certificate, x509.SubjectKeyIdentifier) == own


def test_a_leaf_is_followed_by_its_ca(east: Issued, ca: Issued) -> None:
    assert east.chain == (east.certificate, ca.certificate)


@pytest.mark.parametrize("leaf_key", [KeySpec("ecdsa", 256), KeySpec("rsa", 2048)])
@pytest.mark.parametrize("rsa_ca", [False, True])
def test_both_sides_of_a_link_trust_the_leaf(
    issuer: Issuer, now: datetime, key: Keys, leaf_key: KeySpec, rsa_ca: bool
) -> None:
    authority = rsa_issuer(now, key) if rsa_ca else issuer
    leaf = make_leaf(REQUEST, authority, now, key(leaf_key)).certificate
    policy = PolicyBuilder().store(Store([authority.certificate])).time(now)
    policy.build_server_verifier(x509.DNSName("east")).verify(leaf, [])
    if hasattr(policy, "build_client_verifier"):  # cryptography before 43 verifies servers only
        assert policy.build_client_verifier().verify(leaf, []).chain[0] == leaf


def test_a_leaf_is_valid_from_five_minutes_back_for_its_days(issuer: Issuer, now: datetime) -> None:
    certificate = make_leaf(LeafRequest("east", days=7), issuer, now).certificate
    assert certificate.not_valid_before_utc == now - timedelta(minutes=5)
    assert certificate.not_valid_after_utc == now + timedelta(days=7)


@given(days=st.integers(1, 36500), ca_days=st.integers(1, 36500), age=st.integers(0, 36499))
def test_a_leaf_never_outlives_its_ca(now: datetime, key: Keys, days: int, ca_days: int, age: int) -> None:
    ca = make_ca(CaRequest("demo", days=ca_days), now, key(KeySpec()))
    moment = now + timedelta(days=min(age, ca_days - 1))
    leaf = make_leaf(LeafRequest("east", days=days), Issuer(ca.certificate, ca.key), moment, key(KeySpec(), 1))
    assert leaf.certificate.not_valid_after_utc <= ca.certificate.not_valid_after_utc
    assert leaf_reasons(list(leaf.chain), ca.certificate, REQUEST, moment) == []


def test_a_new_key_is_like_the_cas_unless_another_is_asked_for(issuer: Issuer, now: datetime, key: Keys) -> None:
    assert spec_of(make_leaf(REQUEST, issuer, now).key) == KeySpec("ecdsa", 256)
    assert spec_of(make_leaf(REQUEST, rsa_issuer(now, key), now).key) == KeySpec("rsa", 2048)
    asked = LeafRequest("east", key=KeySpec("ecdsa", 256))
    assert spec_of(make_leaf(asked, rsa_issuer(now, key), now).key) == KeySpec("ecdsa", 256)


def test_a_certificate_as_asked_for_stays(decide: Decide, east: Issued, pair: Found) -> None:
    for request in (REQUEST, LeafRequest("east", key=KeySpec(), subject={}, days=1)):
        assert decide(pair(east), request).reasons == []


def test_where_there_is_nothing_both_are_made(decide: Decide, pair: Found) -> None:
    decision = decide(pair())
    assert decision.reasons == ["there is no certificate yet"]
    assert decision.key is None


@pytest.mark.parametrize(
    "case",
    [
        (LeafRequest("east", subject={"country": "NL"}), 0, "its subject"),
        (LeafRequest("west"), 0, "DNS names are east instead of west"),
        (REQUEST, 366, "expired"),
        (REQUEST, -1, "not valid before"),
    ],
)
def test_a_certificate_that_will_not_do_is_recreated_for_its_key(
    decide: Decide, east: Issued, pair: Found, case: tuple[Any, int, str]
) -> None:
    request, days, said = case
    decision = decide(pair(east), request, days)
    assert any(said in reason for reason in decision.reasons)
    assert decision.key is not None
    assert key_pem(decision.key) == key_pem(east.key)


def test_a_key_of_another_kind_is_recreated(decide: Decide, east: Issued, pair: Found) -> None:
    decision = decide(pair(east), LeafRequest("east", key=KeySpec("rsa", 2048)))
    assert decision.reasons == ["its key is ECDSA P-256 instead of RSA 2048"]
    assert decision.key is None


def test_a_certificate_by_another_ca_is_recreated(east: Issued, now: datetime, pair: Found) -> None:
    other = make_ca(CaRequest("demo"), now).certificate
    decision = decide_leaf(pair(east), other, REQUEST, now)
    assert len(decision.reasons) == 1
    assert "its issuer is" in decision.reasons[0]
    assert decision.key is not None
    assert key_pem(decision.key) == key_pem(east.key)


def test_a_certificate_by_a_ca_of_the_same_name_is_distinguished_by_its_signature(
    now: datetime, key: Keys, pair: Found
) -> None:
    """Two CAs of one subject, as the CLI makes them."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "demo")])
    first, second = (
        x509.CertificateBuilder(subject, subject, key(KeySpec(), n).public_key(), n, now, now + timedelta(days=9))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key(KeySpec(), n), SHA256())
        for n in (1, 2)
    )
    leaf = make_leaf(REQUEST, Issuer(first, key(KeySpec(), 1)), now)
    assert decide_leaf(pair(leaf), first, REQUEST, now).reasons == []
    assert decide_leaf(pair(leaf), second, REQUEST, now).reasons == ["its signature is not by the CA's key"]


def test_a_leaf_that_is_not_followed_by_its_ca_is_a_reason(
    decide: Decide, east: Issued, ca: Issued, pair: Found
) -> None:
    for chain in ([east.certificate], [east.certificate, ca.certificate, ca.certificate]):
        found = pair(east, certificate=chain_pem(*chain))
        assert decide(found).reasons == ["it is not followed by the CA's certificate alone"]


def test_a_key_alone_is_gone_on_with(decide: Decide, east: Issued, pair: Found) -> None:
    decision = decide(pair(east, certificate=b""))
    assert decision.reasons == ["there is a key without a certificate"]
    assert decision.key is not None
    assert key_pem(decision.key) == key_pem(east.key)


def test_a_certificate_without_its_key_is_an_error(decide: Decide, east: Issued, pair: Found) -> None:
    with pytest.raises(ClusterlinkError, match=r"/pki/key.pem: is missing"):
        decide(pair(east, key=b""))


def test_a_key_of_another_certificate_is_an_error(decide: Decide, east: Issued, pair: Found, key: Keys) -> None:
    with pytest.raises(ClusterlinkError, match="is not the key of the certificate"):
        decide(pair(east, key=key_pem(key(KeySpec(), 7))))


@pytest.mark.parametrize(("what", "file"), [("key", "/pki/key.pem"), ("certificate", "/pki/cert.pem")])
def test_what_cannot_be_read_is_never_replaced(decide: Decide, east: Issued, pair: Found, what: str, file: str) -> None:
    with pytest.raises(ClusterlinkError, match=file):
        decide(pair(east, **{what: b"garbage"}))


def test_where_the_ca_is_yet_to_be_made_that_is_the_reason(east: Issued, now: datetime, pair: Found) -> None:
    assert decide_leaf(pair(east), None, REQUEST, now).reasons == ["the fabric has no CA yet"]
    assert decide_leaf(pair(), None, REQUEST, now).reasons == ["there is no certificate yet"]


@pytest.mark.parametrize("asked", [None, {"country": "NL"}])
def test_what_is_expected_is_what_is_made(issuer: Issuer, now: datetime, pair: Found, asked: Any) -> None:
    request = LeafRequest("east", subject=asked)
    expected = decide_leaf(pair(), issuer.certificate, request, now).expected
    made = make_leaf(request, issuer, now).certificate
    assert expected["subject"] == made.subject.rfc4514_string()
    assert expected["issuer"] == made.issuer.rfc4514_string()
