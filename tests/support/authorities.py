# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""CAs as an organisation has them: self-signed ones and intermediates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.issue import Issuer
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import KeySpec, generate

IS_CA = x509.BasicConstraints(ca=True, path_length=None)
LAST_CA = x509.BasicConstraints(ca=True, path_length=0)


def key_usage(*, signs: bool) -> x509.KeyUsage:
    """That of a CA, or of one that may only sign revocation lists."""
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


SIGNS = key_usage(signs=True)


def certify(
    name: str,
    issuer: Issuer | None = None,
    extensions: Sequence[x509.ExtensionType] = (IS_CA, SIGNS),
    days: tuple[int, int] = (-1, 900),
) -> Issuer:
    """A CA: self-signed, or by another one."""
    key = generate(KeySpec())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])
    now = datetime.now(timezone.utc)
    builder = x509.CertificateBuilder(
        issuer.certificate.subject if issuer else subject, subject, key.public_key(), x509.random_serial_number()
    )
    builder = builder.not_valid_before(now + timedelta(days[0])).not_valid_after(now + timedelta(days[1]))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=not isinstance(extension, x509.ExtendedKeyUsage))
    return Issuer(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)
