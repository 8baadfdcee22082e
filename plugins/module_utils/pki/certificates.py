# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates: strict reading, writing as PEM, and their facts."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from ..errors import ClusterlinkError, Problem
from .keys import SMALLEST_RSA, same_key, spec_of

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    DAMAGED: tuple[type[Exception], ...] = (
        ValueError,
        KeyError,  # before 43.0.0, for a name of an unknown type
        TypeError,
        UnsupportedAlgorithm,
        x509.DuplicateExtension,
        x509.InvalidVersion,
        x509.UnsupportedGeneralNameType,
    )
    """What the library raises while it parses a damaged certificate or signing request."""
except ImportError:
    DAMAGED = ()  # reported by libraries.library_problems

if TYPE_CHECKING:
    from .keys import PrivateKey, PublicKey

_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")


def load_chain(pem: bytes, where: str) -> list[x509.Certificate]:
    """Read one or more certificates.

    Anything besides certificates and white space is refused, because a gateway with a damaged bundle stops working.

    Args:
        pem: The certificates as PEM, the leaf first.
        where: Their file or option, for the message.

    Raises:
        ClusterlinkError: There is none, one is damaged, or there is other text.
    """
    blocks = _BLOCK.findall(pem)
    if not blocks:
        what = "holds no whole certificate" if pem.strip() else "is empty where a certificate should be"
        raise _unreadable(where, what)
    if _BLOCK.sub(b"", pem).strip():
        raise _unreadable(where, "holds text besides its certificates, or one of them is truncated")
    return [_load(block, where) for block in blocks]


def _load(block: bytes, where: str) -> x509.Certificate:
    try:
        certificate = x509.load_pem_x509_certificate(block)
        # The library parses the parts on first use: trigger that here, where an error can name the file.
        key, _extensions = certificate.public_key(), certificate.extensions
        _names = certificate.subject.rfc4514_string(), certificate.issuer.rfc4514_string()
        _validity = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except DAMAGED as error:
        raise _unreadable(where, f"holds a damaged certificate: {error}") from error
    supported = (isinstance(key, rsa.RSAPublicKey) and key.key_size >= SMALLEST_RSA) or (
        isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    )
    if not supported:
        what = f"holds a certificate whose key is neither ECDSA P-256 nor RSA of at least {SMALLEST_RSA} bits"
        raise _unreadable(where, what, type(key).__name__)
    return certificate


def _unreadable(where: str, what: str, found: str = "") -> ClusterlinkError:
    return ClusterlinkError(Problem(where, what, found, "Restore it from a backup; it is not replaced"))


def require_match(certificate: x509.Certificate, key: PrivateKey, certificate_at: str, key_at: str) -> None:
    """Refuse a key and a certificate that do not match.

    Raises:
        ClusterlinkError: The certificate is for another key; the error names both places.
    """
    if not same_key(key, certificate.public_key()):
        raise ClusterlinkError(
            Problem(
                key_at,
                f"is not the key of the certificate in {certificate_at}",
                f"certificate {fingerprint(certificate)}",
                "Restore the pair from a backup, or move both to another place to recreate them",
            )
        )


def public_key(certificate: x509.Certificate) -> PublicKey:
    """The key of a certificate that ``load_chain`` has read, which accepts no other types."""
    return cast("PublicKey", certificate.public_key())


def chain_pem(*certificates: x509.Certificate) -> bytes:
    """The certificates as PEM, one after another."""
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates)


def fingerprint(certificate: x509.Certificate) -> str:
    """The SHA-256 of the certificate as lower-case pairs with colons."""
    return certificate.fingerprint(hashes.SHA256()).hex(":")


def iso(moment: datetime) -> str:
    """A moment as ``2025-01-31T12:00:00Z``."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def facts(certificate: x509.Certificate) -> dict[str, Any]:
    """The facts of a certificate that a result or a diff may show."""
    spec = spec_of(public_key(certificate))
    return {
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "dns_names": dns_names(certificate),
        "not_before": iso(certificate.not_valid_before_utc),
        "not_after": iso(certificate.not_valid_after_utc),
        "key_type": spec.type,
        "key_size": spec.size,
        "serial": _serial(certificate.serial_number),
        "fingerprint": fingerprint(certificate),
    }


def _serial(number: int) -> str:
    """Whole octets in capitals, as OpenSSL prints it."""
    digits = f"{number:X}"
    return digits.zfill(len(digits) + len(digits) % 2)


def dns_names(certificate: x509.Certificate) -> list[str]:
    """The certificate's DNS names, in its order; ClusterLink uses the first as the peer's name."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return names.get_values_for_type(x509.DNSName)
