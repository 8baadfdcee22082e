# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate with its key: as found, what to do about it, and as made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import ClusterlinkError, Problem
from .certificates import chain_pem, facts
from .keys import key_pem

if TYPE_CHECKING:
    from cryptography import x509

    from .keys import PrivateKey

_LONGEST_DAYS = 36500
"""A hundred years: far beyond any use, and safely within the dates that a certificate can hold."""


@dataclass(frozen=True)
class Pair:
    """What is there.

    Attributes:
        certificate: PEM; None when there is none.
        key: PEM; None when there is none.
        certificate_at: The file or option that holds the certificate, for messages.
        key_at: The file or option that holds the key, for messages.
    """

    certificate: bytes | None
    key: bytes | None = field(repr=False)
    certificate_at: str
    key_at: str

    def completed_by(self, other: Pair) -> Pair:
        """This pair, with what it lacks taken from the other."""
        first = other if self.certificate is None else self
        second = other if self.key is None else self
        return Pair(first.certificate, second.key, first.certificate_at, second.key_at)


@dataclass(frozen=True)
class Decision:
    """What to do about a pair.

    Attributes:
        reasons: Why a certificate must be made, as sentences without a full stop; empty when all may stay.
        certificate: The certificate that is there.
        key: The key to go on with; None when a new one must be made.
        expected: What is known beforehand of the certificate to be made, for a diff in check mode.
        rewritten_key: The key to go on with as PEM, to be written though it is the same one; None leaves what is there.
        repairs: Why it is written, as sentences without a full stop.
        warnings: What the user should know though nothing is done about it, as whole sentences.
    """

    reasons: list[str]
    certificate: x509.Certificate | None = None
    key: PrivateKey | None = field(default=None, repr=False)
    expected: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    rewritten_key: bytes | None = field(default=None, repr=False)
    repairs: list[str] = field(default_factory=list)

    def facts_before(self) -> dict[str, Any]:
        """What may be said of what is there."""
        return {} if self.certificate is None else facts(self.certificate)


@dataclass(frozen=True)
class Issued:
    """What was made: the certificates as they stand in a file, the leaf first, their key, and what encrypts it."""

    chain: tuple[x509.Certificate, ...]
    key: PrivateKey = field(repr=False)
    passphrase: str | None = field(default=None, repr=False)

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate itself, without the CA's."""
        return self.chain[0]

    @property
    def certificate_pem(self) -> bytes:
        """All certificates as PEM."""
        return chain_pem(*self.chain)

    @property
    def key_pem(self) -> bytes:
        """The key as PEM, encrypted where there is a passphrase."""
        return key_pem(self.key, self.passphrase)


def require_days(days: int, where: str) -> int:
    """The lifetime, when a certificate can have it.

    Raises:
        ClusterlinkError: It cannot.
    """
    if 1 <= days <= _LONGEST_DAYS:
        return days
    fix = f"Use 1 to {_LONGEST_DAYS} days"
    raise ClusterlinkError(Problem(where, "is not a lifetime that a certificate can have", str(days), fix))
