# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric's CA: whether the one that is there will do, and making a new one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..errors import ClusterlinkError, Problem
from .certificates import load_chain, public_key, require_match
from .issue import Term, issue_ca
from .keys import NO_PASSPHRASE, SYSTEM, Fresh, KeySpec, Passphrase, is_encrypted, key_pem, load_key
from .pair import Decision, Issued, Pair
from .reasons import NO_MARGIN, ca_usage_reasons, key_reasons, validity_reasons
from .renewal import ONCE_EXPIRED, REPLACE_CA, Renewal, ca_warnings, lost_by_ca
from .subject import ca_subject, subject_reasons

if TYPE_CHECKING:
    from cryptography import x509

    from .keys import PrivateKey

DEFAULT_DAYS = 3650


@dataclass(frozen=True)
class CaRequest:
    """The CA that is asked for.

    Attributes:
        name: The fabric's name, which is the common name.
        key: The kind of key; None takes any that is there and makes an ECDSA key where there is none.
        days: The lifetime of a new one; that of an existing one is not compared.
        subject: Further attributes of its subject; None takes any that are there.
        passphrase: What its key is encrypted with.
    """

    name: str
    key: KeySpec | None = None
    days: int = DEFAULT_DAYS
    subject: Mapping[str, str] | None = None
    passphrase: Passphrase = NO_PASSPHRASE

    @property
    def new_key(self) -> KeySpec:
        """The kind of a key to be made."""
        return self.key or KeySpec()

    @property
    def expected(self) -> dict[str, Any]:
        """What is known of a new CA before it is made."""
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
) -> Decision:
    """Whether the CA that is there will do.

    Every peer trusts the CA, so one that is there is never replaced unasked, whatever is wrong with it.

    Args:
        found: What is there.
        request: What is asked for.
        now: Aware.
        replace: Make a new CA, with a new key, where the one that is there differs, has expired or is near its end.
        resume: Make a certificate for a key that stands alone, as a run that was interrupted leaves it.
        renewal: From when on it is near its end, which is a warning unless ``replace`` is set.
        outside: The peers of other organisations, which lose their links when it is replaced.

    Raises:
        ClusterlinkError: What is there cannot be read, does not belong together, or differs and ``replace`` is not set.
    """
    decision = _decide(found, request, now, replace=replace, resume=resume, renewal=renewal)
    if decision.reasons and decision.certificate is not None:
        decision = dataclasses.replace(decision, warnings=lost_by_ca(decision.certificate, now, outside))
    text = request.passphrase.text
    if text is None or found.key is None or decision.key is None or is_encrypted(found.key):
        return decision
    repairs = [f"{found.key_at} is not encrypted though {request.passphrase.option} is given"]
    return dataclasses.replace(decision, rewritten_key=key_pem(decision.key, text), repairs=repairs)


def _decide(
    found: Pair, request: CaRequest, now: datetime, *, replace: bool, resume: bool, renewal: Renewal
) -> Decision:
    if found.certificate is None and found.key is None:
        return Decision(["there is no CA yet"], expected=request.expected)
    if found.key is None:
        what = f"is missing, though the CA's certificate is in {found.certificate_at}"
        raise ClusterlinkError(Problem(found.key_at, what, fix=_RESTORE))
    key = load_key(found.key, found.key_at, request.passphrase)
    if found.certificate is None:
        return _decide_lone_key(found, key, request, resume=resume or replace, replace=replace)
    certificate = load_ca(found.certificate, found.certificate_at)
    require_match(certificate, key, found.certificate_at, found.key_at)
    reasons = ca_reasons(certificate, request, now, renewal.margin(certificate) if replace else NO_MARGIN)
    if reasons and not replace:
        fix = REPLACE_CA if validity_reasons(certificate, now) else _DIFFERS
        raise ClusterlinkError([Problem(found.certificate_at, reason, fix=fix) for reason in reasons])
    warnings = [] if reasons else ca_warnings(certificate, now, renewal)
    return Decision(reasons, certificate, None if reasons else key, request.expected, warnings)


def _decide_lone_key(found: Pair, key: PrivateKey, request: CaRequest, *, resume: bool, replace: bool) -> Decision:
    if not resume:
        what = f"is missing, though the CA's key is in {found.key_at} and peers have certificates"
        raise ClusterlinkError(Problem(found.certificate_at, what, fix=_RESTORE))
    unfit = key_reasons(key, request.key)
    if unfit and not replace:
        raise ClusterlinkError([Problem(found.key_at, reason, fix=_DIFFERS) for reason in unfit])
    return Decision(["there is a key without a certificate", *unfit], None, None if unfit else key, request.expected)


_RESTORE = "Restore it from a backup; no new CA is made in its place, because no peer would trust it"
_ROTATE = "run playbook rotate_ca.yml, which loses no request, for another one"
_REPLACE = "set replace=true (role fabric: fabric_replace_ca=true) and make every peer's certificate anew after it"
_DIFFERS = f"A CA is not changed in passing, because every peer trusts it: ask for what is there, or {_ROTATE}"


def ca_reasons(
    certificate: x509.Certificate, request: CaRequest, now: datetime, renew_before: timedelta = NO_MARGIN
) -> list[str]:
    """Why a CA is not the one asked for, as sentences without a full stop."""
    return [
        *validity_reasons(certificate, now, renew_before),
        *subject_reasons(certificate, request.name, request.subject),
        *key_reasons(public_key(certificate), request.key),
        *ca_usage_reasons(certificate),
    ]


def make_ca(request: CaRequest, now: datetime, key: PrivateKey | None = None, fresh: Fresh = SYSTEM) -> Issued:
    """A new CA, for the given key or a new one."""
    key = key or fresh.key(request.new_key)
    subject = ca_subject(request.name, key.public_key(), request.subject)
    return Issued((issue_ca(subject, key, Term(now, request.days), fresh.serial()),), key, request.passphrase.text)


def load_ca(pem: bytes, where: str) -> x509.Certificate:
    """Read a CA's certificate, which stands alone.

    Raises:
        ClusterlinkError: It cannot be read, or there are several.
    """
    chain = load_chain(pem, where)
    if len(chain) != 1:
        raise ClusterlinkError(
            Problem(where, "holds several certificates where the CA's alone should be", str(len(chain)))
        )
    return chain[0]
