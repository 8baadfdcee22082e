# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Issuing certificates: a self-signed CA, and the leaves that it signs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from .keys import spec_of

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID
except ImportError:
    pass  # reported by libraries.library_problems

if TYPE_CHECKING:
    from .keys import PrivateKey, PublicKey

CLOCK_SKEW = timedelta(minutes=5)
"""How far back validity starts, for gateways whose clock is behind the controller's."""


@dataclass(frozen=True)
class Issuer:
    """A CA that can sign."""

    certificate: x509.Certificate
    key: PrivateKey


@dataclass(frozen=True)
class Usage:
    """The usage of a leaf: to accept connections, to open them, or both."""

    server: bool = True
    client: bool = True


@dataclass(frozen=True)
class Leaf:
    """A leaf to issue: its subject, key, only DNS name, and usage."""

    subject: x509.Name
    key: PublicKey
    dns_name: str
    usage: Usage


@dataclass(frozen=True)
class Term:
    """The validity of a certificate: ``now`` is aware, and ``days`` are counted from it."""

    now: datetime
    days: int

    @property
    def start(self) -> datetime:
        """When validity starts."""
        return self.now - CLOCK_SKEW

    @property
    def end(self) -> datetime:
        """When validity ends."""
        return self.now + timedelta(days=self.days)


def issue_ca(subject: x509.Name, key: PrivateKey, term: Term, serial: int) -> x509.Certificate:
    """A self-signed certificate of a CA whose ``key`` signs leaves.

    Args:
        subject: Must differ from that of every CA that gateways may trust at the same time: Envoy finds a CA by it.
        key: The CA's key.
        term: Its validity.
        serial: Positive, at most 20 octets.
    """
    public = key.public_key()
    builder = (
        _builder(subject, subject, public, serial)
        .not_valid_before(term.start)
        .not_valid_after(term.end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(sign_certificates=True), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
    )
    return builder.sign(key, hashes.SHA256())


def issue_leaf(leaf: Leaf, issuer: Issuer, term: Term, serial: int) -> x509.Certificate:
    """A certificate for one DNS name; it never outlives the CA that signs it.

    Args:
        leaf: The leaf.
        issuer: The CA that signs it.
        term: Its validity, at most to the CA's end.
        serial: Positive, at most 20 octets.
    """
    usages = []
    if leaf.usage.server:
        usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
    if leaf.usage.client:
        usages.append(ExtendedKeyUsageOID.CLIENT_AUTH)
    builder = (
        _builder(leaf.subject, issuer.certificate.subject, leaf.key, serial)
        .not_valid_before(term.start)
        .not_valid_after(min(term.end, issuer.certificate.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(encipher_keys=spec_of(leaf.key).type == "rsa"), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(leaf.dns_name)]), critical=False)
        .add_extension(_authority_identifier(issuer), critical=False)
    )
    return builder.sign(issuer.key, hashes.SHA256())


def _builder(subject: x509.Name, issuer: x509.Name, public: PublicKey, serial: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(serial)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _authority_identifier(issuer: Issuer) -> x509.AuthorityKeyIdentifier:
    """The CA's own subject key identifier (another tool may have created the CA), else one from its key."""
    try:
        extension = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(extension.value)


def _key_usage(*, sign_certificates: bool = False, encipher_keys: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        content_commitment=False,
        key_encipherment=encipher_keys,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )
