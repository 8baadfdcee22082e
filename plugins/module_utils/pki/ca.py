# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric's CA: keep or replace the present one, create a new one, and load it to sign with."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..errors import ClusterlinkError, Problem
from .certificates import facts, load_chain, public_key, require_match
from .issue import Issuer, Term, issue_ca
from .keys import NO_PASSPHRASE, SYSTEM, Fresh, KeySpec, Passphrase, is_encrypted, key_pem, load_key
from .pair import Decision, Issued, Pair
from .reasons import NO_MARGIN, ca_usage_reasons, key_reasons, match_reasons, validity_reasons
from .renewal import ONCE_EXPIRED, REPLACE_CA, Renewal, ca_warnings, lost_by_ca
from .subject import ca_subject, subject_reasons

if TYPE_CHECKING:
    from cryptography import x509

    from .keys import PrivateKey
    from .own_ca import OwnCa

DEFAULT_DAYS = 3650


@dataclass(frozen=True)
class CaRequest:
    """The desired CA.

    Attributes:
        name: The fabric's name, which is the common name.
        key: The kind of key; None keeps any present key and creates an ECDSA key where there is none.
        days: The lifetime of a new CA; that of a present one is not compared.
        subject: Further attributes of its subject; None keeps any present ones.
        passphrase: The passphrase of its key.
    """

    name: str
    key: KeySpec | None = None
    days: int = DEFAULT_DAYS
    subject: Mapping[str, str] | None = None
    passphrase: Passphrase = NO_PASSPHRASE

    @property
    def new_key(self) -> KeySpec:
        """The kind of a new key."""
        return self.key or KeySpec()

    @property
    def expected(self) -> dict[str, Any]:
        """The facts of a new CA that are known before it is created."""
        return {"key_type": self.new_key.type, "key_size": self.new_key.size}


def decide_ca(
    found: Pair,
    request: CaRequest,
    now: datetime,
    *,
    replace: bool = False,
    resume: bool = True,
    renewal: Renewal = ONCE_EXPIRED,
    outside: Sequence[str] = (),
    own: OwnCa | None = None,
) -> Decision:
    """Decide whether to keep the present CA.

    Every peer trusts the CA. So an existing one is never replaced without ``replace``, whatever its faults.

    Args:
        found: The present CA.
        request: The desired CA.
        now: Aware.
        replace: Create a new CA, with a new key, when the present one differs, has expired or is near its end.
        resume: Create a certificate for a key without one, as an interrupted run leaves it.
        renewal: When it is near its end, which is a warning unless ``replace`` is set.
        outside: The peers of other organisations, which lose their links when it is replaced.
        own: The CA that it must be, whatever its name and kind of key.

    Raises:
        ClusterlinkError: The present CA cannot be read, its key does not match, or it differs and ``replace`` is not
            set.
    """
    decision = _decide(found, request, now, replace=replace, resume=resume, renewal=renewal, own=own)
    if own is not None and decision.reasons:
        own.issued(None)  # refuses a missing key before anything is written
        decision = dataclasses.replace(decision, expected=facts(own.certificate))
    if decision.reasons and decision.certificate is not None:
        decision = dataclasses.replace(decision, warnings=lost_by_ca(decision.certificate, now, outside))
    text = request.passphrase.text
    if text is None or found.key is None or decision.key is None or is_encrypted(found.key):
        return decision
    repairs = [f"{found.key_at} is not encrypted though {request.passphrase.option} is given"]
    return dataclasses.replace(decision, rewritten_key=key_pem(decision.key, text), repairs=repairs)


def _decide(
    found: Pair,
    request: CaRequest,
    now: datetime,
    *,
    replace: bool,
    resume: bool,
    renewal: Renewal,
    own: OwnCa | None,
) -> Decision:
    if found.certificate is None and found.key is None:
        return Decision(["there is no CA yet"], expected=request.expected)
    if found.key is None:
        what = f"is missing, though the CA's certificate is in {found.certificate_at}"
        raise ClusterlinkError(Problem(found.key_at, what, fix=_RESTORE))
    key = load_key(found.key, found.key_at, request.passphrase)
    if found.certificate is None:
        return _decide_lone_key(found, key, request, resume=resume or replace, replace=replace, own=own)
    certificate = load_ca(found.certificate, found.certificate_at)
    require_match(certificate, key, found.certificate_at, found.key_at)
    margin = renewal.margin(certificate) if replace and own is None else NO_MARGIN
    reasons = ca_reasons(certificate, request, now, margin, own)
    if reasons and not replace:
        fix = REPLACE_CA if validity_reasons(certificate, now) else _DIFFERS
        raise ClusterlinkError([Problem(found.certificate_at, reason, fix=fix) for reason in reasons])
    warnings = [] if reasons else ca_warnings(certificate, now, renewal)
    return Decision(reasons, certificate, None if reasons else key, request.expected, warnings)


def _decide_lone_key(
    found: Pair, key: PrivateKey, request: CaRequest, *, resume: bool, replace: bool, own: OwnCa | None
) -> Decision:
    if not resume:
        what = f"is missing, though the CA's key is in {found.key_at} and peers have certificates"
        raise ClusterlinkError(Problem(found.certificate_at, what, fix=_RESTORE))
    if own is None:
        unfit = key_reasons(key, request.key)
    else:
        unfit = [f"it is not the key of {own.certificate_at}"] if match_reasons(own.certificate, key) else []
    if unfit and not replace:
        raise ClusterlinkError([Problem(found.key_at, reason, fix=_DIFFERS) for reason in unfit])
    return Decision(["there is a key without a certificate", *unfit], None, None if unfit else key, request.expected)


_RESTORE = "Restore it from a backup; no new CA is created in its place, because no peer would trust it"
_DIFFERS = (
    "A CA is not changed implicitly, because every peer trusts it: configure the present values, or run playbook "
    "rotate_ca.yml, which loses no request, for a new CA"
)


def ca_reasons(
    certificate: x509.Certificate,
    request: CaRequest,
    now: datetime,
    renew_before: timedelta = NO_MARGIN,
    own: OwnCa | None = None,
) -> list[str]:
    """Why a CA differs from the desired one, as sentences without a full stop.

    Without a subject in the request its name is not compared either: the CA may have been an organisation's own.
    """
    if own is not None:
        reason = own.differs(certificate)
        return [*validity_reasons(certificate, now), *([reason] if reason else [])]
    return [
        *validity_reasons(certificate, now, renew_before),
        *(() if request.subject is None else subject_reasons(certificate, request.name, request.subject)),
        *key_reasons(public_key(certificate), request.key),
        *ca_usage_reasons(certificate),
    ]


def make_ca(
    request: CaRequest,
    now: datetime,
    key: PrivateKey | None = None,
    fresh: Fresh = SYSTEM,
    own: OwnCa | None = None,
) -> Issued:
    """Create a CA, for the given key or a new one; or take one's own.

    Raises:
        ClusterlinkError: The key of one's own is not given.
    """
    if own is not None:
        return own.issued(request.passphrase.text)
    key = key or fresh.key(request.new_key)
    subject = ca_subject(request.name, key.public_key(), request.subject)
    return Issued((issue_ca(subject, key, Term(now, request.days), fresh.serial()),), key, request.passphrase.text)


def load_ca(pem: bytes, where: str) -> x509.Certificate:
    """Read a CA's certificate, which must be the only one in its file.

    Raises:
        ClusterlinkError: It cannot be read, or there are several.
    """
    chain = load_chain(pem, where)
    if len(chain) != 1:
        raise ClusterlinkError(
            Problem(where, "holds several certificates where the CA's alone should be", str(len(chain)))
        )
    return chain[0]


@dataclass(frozen=True)
class Authority:
    """A fabric's CA.

    Attributes:
        certificate: None when the CA does not exist yet.
        key: None when it is not available; existing certificates can be checked without it.
        key_at: The file or option of the key, for messages.
    """

    certificate: x509.Certificate | None
    key: PrivateKey | None = field(repr=False)
    key_at: str

    def issuer(self) -> Issuer:
        """The CA with its key.

        Raises:
            ClusterlinkError: The key is not available.
        """
        if self.certificate is None or self.key is None:
            fix = "Give the CA's key, create the CA with fabric_ca, or, where others have its key, set enrolled=true"
            raise ClusterlinkError(
                Problem(self.key_at, "is missing, and a certificate has to be signed with it", fix=fix)
            )
        return Issuer(self.certificate, self.key)


def load_authority(
    found: Pair, now: datetime, *, may_be_missing: bool, passphrase: Passphrase = NO_PASSPHRASE
) -> Authority:
    """Read a CA and check that it can be used.

    Args:
        found: Its certificate and, when available, its key.
        now: Aware.
        may_be_missing: Whether a missing CA is no error, as in check mode, when an earlier task would have created it
            or encrypted its key.
        passphrase: The passphrase of the key.

    Raises:
        ClusterlinkError: It is missing, cannot be read, has expired, is no CA, or its key does not match or is not
            encrypted although a passphrase is given.
    """
    if found.certificate is None:
        if found.key is None and may_be_missing:
            return Authority(None, None, found.key_at)
        fix = "Create the fabric's CA with fabric_ca"
        raise ClusterlinkError(Problem(found.certificate_at, "is missing", fix=fix))
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
        fix = f"Encrypt it with fabric_ca and its privatekey_passphrase, or omit {passphrase.option}"
        raise ClusterlinkError(Problem(found.key_at, what, fix=fix))
    require_match(certificate, key, found.certificate_at, found.key_at)
    return Authority(certificate, key, found.key_at)
