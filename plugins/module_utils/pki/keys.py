# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private keys: their kinds, creation, reading, and writing as PEM.

The ``clusterlink`` CLI (v0.4.1, pkg/bootstrap/crypt.go) reads PKCS#1 RSA keys only. P-256 is the only ECDSA curve that
Envoy is sure to accept. So RSA is written as ``RSA PRIVATE KEY`` and ECDSA as ``EC PRIVATE KEY``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import ClusterlinkError, Problem

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
except ImportError:
    pass  # reported by libraries.library_problems

if TYPE_CHECKING:
    PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

SIZES: dict[str, tuple[int, ...]] = {"ecdsa": (256,), "rsa": (2048, 3072, 4096)}
"""The sizes in bits that a new key of each type may have."""

DEFAULT_TYPE = "ecdsa"
DEFAULT_SIZES = {"ecdsa": 256, "rsa": 3072}

SMALLEST_RSA = 2048
"""Bits; Go and Envoy refuse smaller keys."""

_LONGEST_PASSPHRASE = 1023
"""Bytes; the longest that the library takes."""

_PEM_LABEL = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")


@dataclass(frozen=True)
class KeySpec:
    """A kind of key: ``type`` is ``ecdsa`` or ``rsa``, ``size`` is in bits."""

    type: str = DEFAULT_TYPE
    size: int = DEFAULT_SIZES[DEFAULT_TYPE]

    def __str__(self) -> str:
        """Its usual name."""
        return f"ECDSA P-{self.size}" if self.type == "ecdsa" else f"RSA {self.size}"


def key_spec(key_type: str | None, size: int | None) -> KeySpec | None:
    """The kind of key for a type and size; None when neither is given.

    Raises:
        ClusterlinkError: The type has no key of that size, or a size is given without a type.
    """
    if key_type is None:
        if size is None:
            return None
        raise ClusterlinkError(Problem("key_size", "needs key_type", str(size), "Give key_type too"))
    wanted = DEFAULT_SIZES[key_type] if size is None else size
    if wanted not in SIZES[key_type]:
        choices = ", ".join(str(choice) for choice in SIZES[key_type])
        raise ClusterlinkError(
            Problem("key_size", f"is not a size of an {key_type} key", str(wanted), f"Choose one of {choices}")
        )
    return KeySpec(key_type, wanted)


def spec_of(key: PrivateKey | PublicKey) -> KeySpec:
    """The kind of a key."""
    return KeySpec("rsa" if isinstance(key, (rsa.RSAPrivateKey, rsa.RSAPublicKey)) else "ecdsa", key.key_size)


def generate(spec: KeySpec) -> PrivateKey:
    """A new key from the system's randomness."""
    if spec.type == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=spec.size)
    return ec.generate_private_key(ec.SECP256R1())


def random_serial() -> int:
    """A new serial number from the system's randomness."""
    return x509.random_serial_number()


@dataclass(frozen=True)
class Fresh:
    """The source of new keys and serial numbers, which tests replace."""

    key: Callable[[KeySpec], PrivateKey] = generate
    serial: Callable[[], int] = random_serial


SYSTEM = Fresh()
"""The system's randomness."""


@dataclass(frozen=True)
class Passphrase:
    """The passphrase of a key.

    Attributes:
        option: The module's option for it, for messages.
        text: None when it is not given and the key is not encrypted.
    """

    option: str
    text: str | None = field(default=None, repr=False)


NO_PASSPHRASE = Passphrase("privatekey_passphrase")
"""No passphrase."""


def require_passphrase(text: str | None, option: str) -> Passphrase:
    """The passphrase, checked.

    Raises:
        ClusterlinkError: No key can be encrypted with it. The error never contains it.
    """
    if text is not None and not 0 < len(text.encode()) <= _LONGEST_PASSPHRASE:
        what = "is empty" if not text else f"is longer than {_LONGEST_PASSPHRASE} bytes"
        raise ClusterlinkError(Problem(option, what, fix="Omit it for a key that is not encrypted"))
    return Passphrase(option, text)


def key_pem(key: PrivateKey, passphrase: str | None = None) -> bytes:
    """The key as PEM.

    Without a passphrase its form is the one that the ``clusterlink`` CLI (RSA), Go and Envoy read. With one it is
    encrypted PKCS#8.
    """
    if passphrase is not None:
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
        return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def is_encrypted(pem: bytes) -> bool:
    """Whether a key cannot be read without a passphrase."""
    return b"ENCRYPTED" in pem


def load_key(pem: bytes, where: str, passphrase: Passphrase | None = None) -> PrivateKey:
    """Read a private key.

    Args:
        pem: PKCS#1, SEC1 or PKCS#8 PEM.
        where: Its file or option, for the message.
        passphrase: Its passphrase; None for a key that must not be encrypted.

    Raises:
        ClusterlinkError: It cannot be read, or gateways do not accept its kind. The error never contains the text.
    """
    label = _PEM_LABEL.search(pem)
    if label is None:
        what = "holds no PEM private key" if pem.strip() else "is empty where a private key should be"
        raise _unreadable(where, what)
    if b"PRIVATE KEY" not in label[1] and label[1] != b"EC PARAMETERS":
        raise _unreadable(where, "holds no private key", f"PEM of type {label[1].decode()}")
    encrypted = is_encrypted(pem)
    text = passphrase.text if passphrase else None
    if encrypted and text is None:
        fix = f"Set {passphrase.option}" if passphrase else "Give the key without its passphrase"
        raise ClusterlinkError(Problem(where, "is encrypted with a passphrase", fix=fix))
    try:
        key = serialization.load_pem_private_key(pem, text.encode() if encrypted and text else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The cause is omitted: a parser's message may quote the secret.
        if encrypted and passphrase:
            what = f"cannot be decrypted with {passphrase.option}: its passphrase is another one, or it is damaged"
            fix = "Give its passphrase; the key is never replaced"
            raise ClusterlinkError(Problem(where, what, fix=fix)) from None
        raise _unreadable(where, "cannot be read as a private key: it is truncated or damaged") from None
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= SMALLEST_RSA:
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    found = f"{type(key).__name__} of {getattr(key, 'key_size', '?')} bits"
    raise _unreadable(where, f"is neither an ECDSA P-256 key nor an RSA key of at least {SMALLEST_RSA} bits", found)


def same_key(key: PrivateKey, public: object) -> bool:
    """Whether a private key belongs to a certificate's public key."""
    return key.public_key() == public


def key_fingerprint(key: PublicKey) -> str:
    """The SHA-256 of a public key (its SubjectPublicKeyInfo as DER), as lower-case pairs with colons."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).digest().hex(":")


def _unreadable(where: str, what: str, found: str = "") -> ClusterlinkError:
    fix = "It is never replaced: restore it from a backup, or move it to another place to create a new one"
    return ClusterlinkError(Problem(where, what, found, fix))
