# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long before its end a certificate is renewed, so that no run finds an expired one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..errors import ClusterlinkError, Problem
from .certificates import iso
from .reasons import life_left

if TYPE_CHECKING:
    from cryptography import x509

DEFAULT_PERCENT = 33

_WHOLE = 100

_SPREAD = 0.25
"""The part of the percentage by which thresholds differ, so that the peers of a fabric renew at different times."""

_NEVER_ABOVE = 90.0
"""Percent of the lifetime. A new certificate has less than 100 % left, because its validity starts a little before its
creation; it must not be due at once."""

CHANGE_CA = "No link works after that. Replace it in time by playbook rotate_ca.yml, which loses no request."
"""The effect of a CA's end, and what to do about it."""

REPLACE_CA = (
    "Check this host's clock, or replace the CA with fabric_ca and replace=true (role fabric: fabric_replace_ca=true) "
    "and recreate every peer's certificate after it; links fail until every gateway has them"
)
"""What to do about a CA that is expired, not yet valid, or no CA."""


@dataclass(frozen=True)
class Renewal:
    """When certificates are renewed.

    Attributes:
        percent: The remaining percentage of its lifetime below which a certificate is renewed; 0 waits for its end.
        name: The peer; every name has its own constant threshold. Without a name the threshold is C(percent).
    """

    percent: int = 0
    name: str = ""

    @property
    def threshold(self) -> float:
        """The percentage for this name, from three quarters of C(percent) up to all of it."""
        if not self.name:
            return min(self.percent, _NEVER_ABOVE)
        digest = hashlib.sha256(self.name.encode()).digest()
        turn = int.from_bytes(digest[:4], "big") / 2**32
        return min(self.percent * (1 - _SPREAD * turn), _NEVER_ABOVE)

    def margin(self, certificate: x509.Certificate) -> timedelta:
        """How long before its end the certificate is renewed."""
        life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
        return life * (self.threshold / _WHOLE)


ONCE_EXPIRED = Renewal()
"""Renew expired certificates only."""


def require_percent(percent: int, where: str) -> int:
    """The percentage, when it is one.

    Raises:
        ClusterlinkError: It is not.
    """
    if 0 <= percent <= _WHOLE:
        return percent
    fix = f"Use 0 (only what has expired) to {_WHOLE}"
    raise ClusterlinkError(Problem(where, "is not a percentage", str(percent), fix))


def ca_warnings(ca: x509.Certificate, now: datetime, renewal: Renewal) -> list[str]:
    """Warnings about a CA that is near its end, as whole sentences. It is not renewed, because every peer trusts it.

    Args:
        ca: The CA, which is valid.
        now: Aware.
        renewal: When it is near its end.
    """
    end = ca.not_valid_after_utc
    margin = renewal.margin(ca)
    if not now <= end < now + margin:
        return []
    return [f"The fabric's CA expires at {iso(end)}, and {life_left(ca, margin)}. {CHANGE_CA}"]


def lost_by_ca(old: x509.Certificate, now: datetime, outside: Sequence[str] = ()) -> list[str]:
    """The connections that are lost by replacing a CA, and by its end so far, as whole sentences.

    Args:
        old: The replaced CA.
        now: Aware.
        outside: The peers of other organisations that trust it.
    """
    end = old.not_valid_after_utc
    if now > end:
        what = f"expired at {iso(end)}. No new connection over any link has worked since, {_for(end, now)}"
    else:
        what = f"is replaced at once, though it is valid until {iso(end)}. New connections over links fail from now on"
    until = "and none works until every gateway has its new certificate. Role gateway installs it."
    lost = [f"The fabric's CA {what}, {until}"]
    if outside:
        lost.append(
            f"Peers of other organisations have no link until they have enrolled again: {', '.join(sorted(outside))}. "
            "Have each create a new request with enrolment_request, and sign it."
        )
    return lost


def lost_by_leaf(leaf: x509.Certificate, name: str, now: datetime) -> list[str]:
    """The connections that are lost by the end of a peer's certificate, as a whole sentence; empty before its end."""
    end = leaf.not_valid_after_utc
    if now <= end:
        return []
    since = f"No new connection over its links has worked since, {_for(end, now)}"
    until = "and none works until its gateway has the new one. Role gateway installs it."
    return [f"The certificate of {name} expired at {iso(end)}. {since}, {until}"]


def _for(since: datetime, now: datetime) -> str:
    hours = int((now - since).total_seconds()) // 3600
    return f"for {hours // 24} days and {hours % 24} hours"
