# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate with its key: as found, the decision about it, and as issued."""

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
    """The present certificate and key.

    Attributes:
        certificate: PEM; None when there is none.
        key: PEM; None when there is none.
        certificate_at: The file or option of the certificate, for messages.
        key_at: The file or option of the key, for messages.
    """

    certificate: bytes | None
    key: bytes | None = field(repr=False)
    certificate_at: str
    key_at: str

    def completed_by(self, other: Pair) -> Pair:
        """This pair, with missing parts from the other one."""
        first = other if self.certificate is None else self
        second = other if self.key is None else self
        return Pair(first.certificate, second.key, first.certificate_at, second.key_at)


@dataclass(frozen=True)
class Decision:
    """The decision about a pair.

    Attributes:
        reasons: Why to issue a new certificate, as sentences without a full stop; empty to keep the present one.
        certificate: The present certificate.
        key: The key to keep; None to create a new one.
        expected: The facts of the new certificate that are known before it is issued, for a diff in check mode.
        warnings: Warnings that need no change, as whole sentences.
        rewritten_key: The kept key as PEM in another form, to be written; None leaves the file as it is.
        repairs: Why it is written, as sentences without a full stop.
    """

    reasons: list[str]
    certificate: x509.Certificate | None = None
    key: PrivateKey | None = field(default=None, repr=False)
    expected: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    rewritten_key: bytes | None = field(default=None, repr=False)
    repairs: list[str] = field(default_factory=list)

    def facts_before(self) -> dict[str, Any]:
        """The facts of the present certificate."""
        return {} if self.certificate is None else facts(self.certificate)


@dataclass(frozen=True)
class Issued:
    """New certificates in the order of a file, the leaf first, with their key and its passphrase."""

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
    """The lifetime, checked.

    Raises:
        ClusterlinkError: No certificate can have this lifetime.
    """
    if 1 <= days <= _LONGEST_DAYS:
        return days
    fix = f"Use 1 to {_LONGEST_DAYS} days"
    raise ClusterlinkError(Problem(where, "is not a lifetime that a certificate can have", str(days), fix))
