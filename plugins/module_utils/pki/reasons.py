# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a present certificate differs from the desired one.

Every function returns sentences without a full stop; none means that the certificate may stay. Only a contradiction is
a reason, and not an attribute that another tool omits (the ``clusterlink`` CLI writes no key usage and no subject key
identifier on a leaf). So a fabric can be adopted as it is.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from .certificates import dns_names, iso
from .keys import same_key, spec_of

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.x509.oid import ExtendedKeyUsageOID
except ImportError:
    pass  # reported by libraries.library_problems

if TYPE_CHECKING:
    from .issue import Usage
    from .keys import KeySpec, PrivateKey, PublicKey

NO_MARGIN = timedelta(0)


def validity_reasons(certificate: x509.Certificate, now: datetime, renew_before: timedelta = NO_MARGIN) -> list[str]:
    """Whether it is valid now and for ``renew_before`` from now on."""
    if now < certificate.not_valid_before_utc:
        return [f"it is not valid before {iso(certificate.not_valid_before_utc)}, and it is {iso(now)} now"]
    end = certificate.not_valid_after_utc
    if now > end:
        return [f"it expired at {iso(end)}, and it is {iso(now)} now"]
    if now + renew_before > end:
        return [f"it expires at {iso(end)}, and {life_left(certificate, renew_before)}"]
    return []


def life_left(certificate: x509.Certificate, margin: timedelta) -> str:
    """The text that less than ``margin`` is left, as a percentage of the lifetime."""
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    # The quotient of two times may be slightly above the percentage that the margin is computed from.
    return f"less than {math.ceil(round(100 * (margin / life), 6))} % of its life is left"


def key_reasons(key: PrivateKey | PublicKey, wanted: KeySpec | None) -> list[str]:
    """Whether the key is of the desired kind; None accepts any kind."""
    found = spec_of(key)
    if wanted is None or found == wanted:
        return []
    return [f"its key is {found} instead of {wanted}"]


def match_reasons(certificate: x509.Certificate, key: PrivateKey) -> list[str]:
    """Whether the key is the certificate's."""
    return [] if same_key(key, certificate.public_key()) else ["its key is not the one that it certifies"]


def issuer_reasons(certificate: x509.Certificate, ca: x509.Certificate) -> list[str]:
    """Whether the CA signed it, by name, signature and, where both have one, key identifier."""
    if certificate.issuer != ca.subject:
        return [
            f"its issuer is {certificate.issuer.rfc4514_string()} where the CA is {ca.subject.rfc4514_string()}",
        ]
    try:
        certificate.verify_directly_issued_by(ca)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return ["its signature is not by the CA's key"]
    if not _identifiers_agree(certificate, ca):
        return ["its authority key identifier is not the CA's subject key identifier"]
    return []


def _identifiers_agree(certificate: x509.Certificate, ca: x509.Certificate) -> bool:
    try:
        authority = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        subject = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return True
    return authority is None or authority == subject


def ca_usage_reasons(certificate: x509.Certificate) -> list[str]:
    """Whether it is a CA that may sign certificates.

    It need not sign itself: gateways take every CA that they are given as one to trust.
    """
    reasons = []
    if not _is_ca(certificate):
        reasons.append("it is not a CA by its basic constraints")
    usage = _key_usage(certificate)
    if usage is not None and not usage.key_cert_sign:
        reasons.append("its key usage does not allow signing certificates")
    return reasons


def leaf_usage_reasons(certificate: x509.Certificate, wanted: Usage) -> list[str]:
    """Whether it is a leaf with the desired usage."""
    reasons = []
    if _is_ca(certificate):
        reasons.append("it is a CA by its basic constraints")
    usage = _key_usage(certificate)
    if usage is not None and not usage.digital_signature:
        reasons.append("its key usage does not allow digital signatures")
    try:
        allowed = set(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return reasons  # without it, every use is allowed
    if wanted.server and ExtendedKeyUsageOID.SERVER_AUTH not in allowed:
        reasons.append("its extended key usage does not allow server authentication")
    if wanted.client and ExtendedKeyUsageOID.CLIENT_AUTH not in allowed:
        reasons.append("its extended key usage does not allow client authentication")
    return reasons


def name_reasons(certificate: x509.Certificate, dns_name: str) -> list[str]:
    """Whether it is for exactly the one DNS name."""
    found = dns_names(certificate)
    if found == [dns_name]:
        return []
    return [f"its DNS names are {', '.join(found) or 'none'} instead of {dns_name}"]


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _key_usage(certificate: x509.Certificate) -> x509.KeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None
