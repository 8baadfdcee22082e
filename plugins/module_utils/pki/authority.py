# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA as those see it who need certificates from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from ..errors import ClusterlinkError, Problem
from .ca import load_ca
from .certificates import require_match
from .issue import Issuer
from .keys import NO_PASSPHRASE, Passphrase, is_encrypted, load_key
from .pair import Pair
from .reasons import ca_usage_reasons, validity_reasons
from .renewal import REPLACE_CA

if TYPE_CHECKING:
    from cryptography import x509

    from .keys import PrivateKey


@dataclass(frozen=True)
class Authority:
    """A fabric's CA.

    Attributes:
        certificate: None when the CA is yet to be made.
        key: None when it is not here; existing certificates can be checked without it.
        key_at: The file or option that should hold the key, for messages.
    """

    certificate: x509.Certificate | None
    key: PrivateKey | None = field(repr=False)
    key_at: str

    def issuer(self) -> Issuer:
        """The CA with its key.

        Raises:
            ClusterlinkError: The key is not here.
        """
        if self.certificate is None or self.key is None:
            fix = "Give the CA's key, make the CA by fabric_ca, or, where others have its key, set enrolled=true"
            raise ClusterlinkError(
                Problem(self.key_at, "is missing, and a certificate has to be signed with it", fix=fix)
            )
        return Issuer(self.certificate, self.key)


def load_authority(
    found: Pair, now: datetime, *, may_be_missing: bool, passphrase: Passphrase = NO_PASSPHRASE
) -> Authority:
    """Read a CA and check that it can be used.

    Args:
        found: Its certificate and, when it is here, its key.
        now: Aware.
        may_be_missing: Whether a CA that is not there at all is none yet rather than an error: so it is in check mode,
            when an earlier task would have made it, or have encrypted its key.
        passphrase: What the key is encrypted with.

    Raises:
        ClusterlinkError: It is missing, cannot be read, has expired, is no CA, or its key is another's or not encrypted
            though a passphrase is given.
    """
    if found.certificate is None:
        if found.key is None and may_be_missing:
            return Authority(None, None, found.key_at)
        raise ClusterlinkError(Problem(found.certificate_at, "is missing", fix="Make the fabric's CA by fabric_ca"))
    certificate = load_ca(found.certificate, found.certificate_at)
    reasons = [*validity_reasons(certificate, now), *ca_usage_reasons(certificate)]
    if reasons:
        problems = [
            Problem(found.certificate_at, f"the CA cannot be used: {reason}", fix=REPLACE_CA) for reason in reasons
        ]
        raise ClusterlinkError(problems)
    if found.key is None:
        return Authority(certificate, None, found.key_at)
    key = load_key(found.key, found.key_at, passphrase)
    if passphrase.text is not None and not is_encrypted(found.key) and not may_be_missing:
        what = f"is not encrypted though {passphrase.option} is given"
        fix = f"Encrypt it by fabric_ca with privatekey_passphrase, or leave {passphrase.option} out"
        raise ClusterlinkError(Problem(found.key_at, what, fix=fix))
    require_match(certificate, key, found.certificate_at, found.key_at)
    return Authority(certificate, key, found.key_at)
