# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of other makings: what contradicts a request is a reason, what is merely left out is none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.issue import Usage
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import KeySpec
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.reasons import (
    ca_usage_reasons,
    issuer_reasons,
    key_reasons,
    leaf_usage_reasons,
    name_reasons,
    validity_reasons,
)

Build = Callable[..., x509.Certificate]

if TYPE_CHECKING:
    from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import PrivateKey

    Keys = Callable[..., PrivateKey]


BOTH = Usage(server=True, client=True)
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


def key_usage(**allowed: bool) -> x509.KeyUsage:
    names = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"]
    names += ["key_cert_sign", "crl_sign", "encipher_only", "decipher_only"]
    return x509.KeyUsage(**{name: allowed.get(name, False) for name in names})


@pytest.fixture
def build(now: datetime, key: Keys) -> Build:
    """A certificate by the test CA (key 1) for a leaf (key 2), or by itself, with no extensions but the given ones."""

    def made(*extensions: x509.ExtensionType, itself: bool = False, days: int = 9) -> x509.Certificate:
        ca, leaf = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("demo", "east"))
        subject, number = (ca, 1) if itself else (leaf, 2)
        public = key(KeySpec(), number).public_key()
        builder = x509.CertificateBuilder(ca, subject, public, number, now, now + timedelta(days=days))
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(key(KeySpec(), 1), SHA256())

    return made


IS_CA = x509.BasicConstraints(ca=True, path_length=None)


def test_a_ca_as_the_cli_makes_it_will_do(build: Build) -> None:
    assert ca_usage_reasons(build(IS_CA, key_usage(key_cert_sign=True, crl_sign=True), itself=True)) == []


@pytest.mark.parametrize(
    ("extensions", "said"),
    [
        ([], "basic constraints"),
        ([x509.BasicConstraints(ca=False, path_length=None)], "basic constraints"),
        ([IS_CA, key_usage(digital_signature=True)], "key usage"),
    ],
)
def test_what_cannot_sign_leaves_is_no_ca(build: Build, extensions: list[x509.ExtensionType], said: str) -> None:
    reasons = ca_usage_reasons(build(*extensions, itself=True))
    assert len(reasons) == 1
    assert said in reasons[0]


def test_an_intermediate_is_a_ca(build: Build) -> None:
    assert ca_usage_reasons(build(IS_CA)) == []


@pytest.mark.parametrize("extensions", [[], [x509.ExtendedKeyUsage([CLIENT, SERVER])]])
def test_a_leaf_as_the_cli_makes_it_will_do(build: Build, extensions: list[x509.ExtensionType]) -> None:
    assert leaf_usage_reasons(build(*extensions), BOTH) == []


@pytest.mark.parametrize(
    ("extension", "said"),
    [
        (IS_CA, "it is a CA"),
        (key_usage(key_encipherment=True), "digital signatures"),
        (x509.ExtendedKeyUsage([CLIENT]), "server authentication"),
        (x509.ExtendedKeyUsage([SERVER]), "client authentication"),
    ],
)
def test_a_leaf_that_may_not_do_what_is_asked_is_a_reason(
    build: Build, extension: x509.ExtensionType, said: str
) -> None:
    reasons = leaf_usage_reasons(build(extension), BOTH)
    assert len(reasons) == 1
    assert said in reasons[0]


def test_a_use_that_is_not_asked_for_is_not_missed(build: Build) -> None:
    assert leaf_usage_reasons(build(x509.ExtendedKeyUsage([SERVER])), Usage(server=True, client=False)) == []


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "none instead of east"),
        (["west"], "west instead of east"),
        (["west", "east"], "west, east instead of east"),
        (["east", "west"], "east, west instead of east"),
    ],
)
def test_any_other_dns_names_are_a_reason(build: Build, names: list[str], said: str) -> None:
    extensions = [x509.SubjectAlternativeName([x509.DNSName(name) for name in names])] if names else []
    assert said in name_reasons(build(*extensions), "east")[0]


def test_key_identifiers_that_disagree_are_a_reason(build: Build) -> None:
    """OpenSSL and Go do not find the CA then, though the signature is right."""
    ca = build(IS_CA, x509.SubjectKeyIdentifier(b"one"), itself=True)
    other = x509.AuthorityKeyIdentifier(b"two", None, None)
    assert "authority key identifier" in issuer_reasons(build(other), ca)[0]
    assert issuer_reasons(build(x509.AuthorityKeyIdentifier(b"one", None, None)), ca) == []
    assert issuer_reasons(build(), ca) == []
    assert issuer_reasons(build(other), build(IS_CA, itself=True)) == []


def test_a_key_is_of_the_kind_asked_for_or_a_reason(key: Keys) -> None:
    assert key_reasons(key(KeySpec()), None) == []
    assert key_reasons(key(KeySpec()), KeySpec()) == []
    assert key_reasons(key(KeySpec("rsa", 2048)), KeySpec("rsa", 3072)) == ["its key is RSA 2048 instead of RSA 3072"]


@pytest.mark.parametrize(
    ("hours", "margin", "said"),
    [(-1, 0, "not valid before"), (0, 0, None), (24, 0, None), (25, 0, "expired"), (23, 2, "expires"), (22, 2, None)],
)
def test_validity_ends_with_the_margin(build: Build, now: datetime, hours: int, margin: int, said: str) -> None:
    reasons = validity_reasons(build(days=1), now + timedelta(hours=hours), timedelta(hours=margin))
    assert [said] == [said for reason in reasons if said in reason] if said else reasons == []
