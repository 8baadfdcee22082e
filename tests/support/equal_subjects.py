# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""CAs that the product refuses to make: of one subject and without key identifiers, so nothing tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.certificates import chain_pem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import key_pem


def make_equal_fabric(folder: Path, peers: Sequence[str]) -> None:
    """Make such a CA and the peers' certificates in a new folder, laid out as a fabric's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("equal")
    ca = _builder(name, name, key.public_key()).add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
    certificate = ca.sign(key, hashes.SHA256())
    _write(folder, key, certificate)
    for peer in peers:
        own = ec.generate_private_key(ec.SECP256R1())
        both = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        leaf = _builder(_name(peer), name, own.public_key()).add_extension(both, critical=False)
        leaf = leaf.add_extension(x509.SubjectAlternativeName([x509.DNSName(peer)]), critical=False)
        _write(folder / peer, own, leaf.sign(key, hashes.SHA256()), certificate)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(timezone.utc)
    start, end = now - timedelta(minutes=5), now + timedelta(days=1)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    return builder.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)


def _write(folder: Path, key: ec.EllipticCurvePrivateKey, *chain: x509.Certificate) -> None:
    folder.mkdir(mode=0o700, parents=True)
    (folder / "cert.pem").write_bytes(chain_pem(*chain))
    (folder / "key.pem").touch(mode=0o600)
    (folder / "key.pem").write_bytes(key_pem(key))
