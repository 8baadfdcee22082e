# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.ca import (
    CaRequest,
    ca_reasons,
    decide_ca,
    make_ca,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import Fresh, KeySpec, key_pem, spec_of
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.pair import Decision, Issued, Pair

Found = Callable[..., Pair]
Decide = Callable[..., Decision]

if TYPE_CHECKING:
    from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import PrivateKey

    Keys = Callable[..., PrivateKey]


@pytest.fixture
def decide(now: datetime) -> Decide:
    def at(found: Any, request: Any, days: int = 0, **options: Any) -> Decision:
        return decide_ca(found, request, now + timedelta(days=days), **options)

    return at


def extension(certificate: x509.Certificate, kind: type[Any]) -> Any:
    return certificate.extensions.get_extension_for_class(kind)


def test_a_ca_may_sign_leaves_and_nothing_else(ca: Issued) -> None:
    constraints = extension(ca.certificate, x509.BasicConstraints)
    usage = extension(ca.certificate, x509.KeyUsage)
    assert constraints.critical
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=0)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert usage.value.crl_sign
    assert not usage.value.digital_signature


def test_a_ca_carries_both_key_identifiers(ca: Issued) -> None:
    subject = extension(ca.certificate, x509.SubjectKeyIdentifier).value.digest
    assert extension(ca.certificate, x509.AuthorityKeyIdentifier).value.key_identifier == subject


def test_a_ca_signs_itself(ca: Issued) -> None:
    ca.certificate.verify_directly_issued_by(ca.certificate)


def test_a_ca_is_valid_from_five_minutes_back_for_its_days(now: datetime) -> None:
    certificate = make_ca(CaRequest("demo", days=30), now).certificate
    assert certificate.not_valid_before_utc == now - timedelta(minutes=5)
    assert certificate.not_valid_after_utc == now + timedelta(days=30)


def test_a_new_ca_has_an_ecdsa_key_unless_another_is_asked_for(now: datetime) -> None:
    assert spec_of(make_ca(CaRequest("demo"), now).key) == KeySpec("ecdsa", 256)
    assert spec_of(make_ca(CaRequest("demo", key=KeySpec("rsa", 2048)), now).key) == KeySpec("rsa", 2048)


def test_the_same_randomness_makes_the_same_names_and_numbers(now: datetime, fresh: Fresh) -> None:
    made = make_ca(CaRequest("demo"), now, fresh=fresh).certificate
    assert made.serial_number == 2, "the second number drawn: the first was for the key"


@pytest.mark.parametrize("spec", [None, KeySpec("ecdsa", 256)])
@pytest.mark.parametrize("subject", [None, {}])
def test_a_ca_as_asked_for_stays(
    ca: Issued, now: datetime, pair: Found, spec: KeySpec, subject: dict[str, str] | None
) -> None:
    decision = decide_ca(pair(ca), CaRequest("demo", key=spec, subject=subject), now)
    assert decision.reasons == []


def test_where_there_is_nothing_a_new_ca_is_made(now: datetime, pair: Found) -> None:
    decision = decide_ca(pair(), CaRequest("demo"), now)
    assert decision.reasons == ["there is no CA yet"]
    assert decision.key is None


@pytest.mark.parametrize(
    "case",
    [
        (CaRequest("other", subject={}), 0, "common name"),
        (CaRequest("demo", key=KeySpec("rsa", 4096)), 0, "ECDSA P-256 instead of RSA 4096"),
        (CaRequest("demo", subject={"country": "NL"}), 0, "its subject"),
        (CaRequest("demo"), 3651, "expired"),
        (CaRequest("demo"), -1, "not valid before"),
    ],
)
def test_a_ca_that_will_not_do_is_replaced_only_with_replace(
    decide: Decide, ca: Issued, pair: Found, case: tuple[Any, int, str]
) -> None:
    request, days, said = case
    with pytest.raises(ClusterlinkError, match=said) as refused:
        decide(pair(ca), request, days)
    assert ("rotate_ca.yml" if days == 0 else "replace=true") in str(refused.value)

    decision = decide(pair(ca), request, days, replace=True)
    assert any(said in reason for reason in decision.reasons)
    assert decision.key is None, "a new CA has a new key, or it would have the old one's subject"


def test_a_ca_that_expires_soon_is_a_reason_within_the_margin(ca: Issued, now: datetime) -> None:
    soon = now + timedelta(days=3640)
    assert ca_reasons(ca.certificate, CaRequest("demo"), soon) == []
    assert "expires" in ca_reasons(ca.certificate, CaRequest("demo"), soon, timedelta(days=30))[0]


def test_a_leaf_is_no_ca(east: Issued, now: datetime, pair: Found) -> None:
    alone = pair(
        certificate=east.certificate_pem.split(b"-----END")[0] + b"-----END CERTIFICATE-----", key=key_pem(east.key)
    )
    with pytest.raises(ClusterlinkError, match="not a CA"):
        decide_ca(alone, CaRequest("east"), now)


def test_several_certificates_are_no_ca(east: Issued, now: datetime, pair: Found) -> None:
    with pytest.raises(ClusterlinkError, match="several"):
        decide_ca(pair(east), CaRequest("east"), now)


@pytest.mark.parametrize("replace", [False, True])
def test_a_certificate_without_its_key_is_an_error(ca: Issued, now: datetime, pair: Found, replace: bool) -> None:
    with pytest.raises(ClusterlinkError, match=r"/pki/key.pem: is missing"):
        decide_ca(pair(ca, key=b""), CaRequest("demo"), now, replace=replace)


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("broken", [b"garbage", b"-----BEGIN EC PRIVATE KEY-----\nMHcC"])
def test_a_key_that_cannot_be_read_is_never_replaced(
    ca: Issued, now: datetime, pair: Found, replace: bool, broken: bytes
) -> None:
    for found in (pair(ca, key=broken), pair(key=broken)):
        with pytest.raises(ClusterlinkError, match=r"/pki/key.pem"):
            decide_ca(found, CaRequest("demo"), now, replace=replace)


def test_a_key_of_another_ca_is_an_error(ca: Issued, now: datetime, pair: Found, key: Keys) -> None:
    with pytest.raises(ClusterlinkError, match="is not the key of the certificate"):
        decide_ca(pair(ca, key=key_pem(key(KeySpec()))), CaRequest("demo"), now, replace=True)


def test_a_key_alone_is_gone_on_with(ca: Issued, now: datetime, pair: Found) -> None:
    decision = decide_ca(pair(ca, certificate=b""), CaRequest("demo"), now)
    assert decision.reasons == ["there is a key without a certificate"]
    assert decision.key is not None
    assert key_pem(decision.key) == key_pem(ca.key)
    made = make_ca(CaRequest("demo"), now, decision.key)
    assert made.certificate.subject == ca.certificate.subject


def test_a_key_alone_is_a_loss_once_peers_have_certificates(ca: Issued, now: datetime, pair: Found) -> None:
    alone = pair(ca, certificate=b"")
    with pytest.raises(ClusterlinkError, match=r"/pki/cert.pem: is missing"):
        decide_ca(alone, CaRequest("demo"), now, resume=False)
    assert decide_ca(alone, CaRequest("demo"), now, resume=False, replace=True).key is not None


def test_a_key_alone_of_another_kind_is_replaced_only_with_replace(ca: Issued, now: datetime, pair: Found) -> None:
    alone, request = pair(ca, certificate=b""), CaRequest("demo", key=KeySpec("rsa", 2048))
    with pytest.raises(ClusterlinkError, match="RSA 2048"):
        decide_ca(alone, request, now)
    assert decide_ca(alone, request, now, replace=True).key is None
