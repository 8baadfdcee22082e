# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long before its end a certificate is made anew, so that no run ever meets an expired one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError, Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.certificates import iso
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.reasons import life_left

if TYPE_CHECKING:
    from cryptography import x509

DEFAULT_PERCENT = 33

_WHOLE = 100

_SPREAD = 0.25
"""The part of the asked percentage by which names differ, so that the peers of a fabric take turns."""

_NEVER_ABOVE = 90.0
"""Percent of the whole life. A new certificate has less than all of it left, because its validity starts a little
before it is made; it must not be due at once."""

CHANGE_CA = "No link works after that. Replace it in time by playbook rotate_ca.yml, which loses no request."
"""What a CA's end means, and what to do about it."""

REPLACE_CA = (
    "Check this host's clock, or replace the CA by fabric_ca with replace=true (role fabric: fabric_replace_ca=true) "
    "and make every peer's certificate anew after it; links fail until every gateway has them"
)
"""What to do about a CA that is out of its time or is none."""


@dataclass(frozen=True)
class Renewal:
    """When certificates are made anew.

    Attributes:
        percent: How much of its life a certificate has left, at most, when it is made anew; 0 waits for its end.
        name: Whose certificates; every name has a threshold of its own, always the same. Without one it is C(percent).
    """

    percent: int = 0
    name: str = ""

    @property
    def threshold(self) -> float:
        """The percentage for this name, from three quarters of the one asked for up to the whole of it."""
        if not self.name:
            return min(self.percent, _NEVER_ABOVE)
        digest = hashlib.sha256(self.name.encode()).digest()
        turn = int.from_bytes(digest[:4], "big") / 2**32
        return min(self.percent * (1 - _SPREAD * turn), _NEVER_ABOVE)

    def margin(self, certificate: x509.Certificate) -> timedelta:
        """How long before its end the certificate is made anew."""
        life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
        return life * (self.threshold / _WHOLE)


ONCE_EXPIRED = Renewal()
"""Nothing is made anew before its end."""


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
    """What to say of a CA that is near its end, as whole sentences. Nothing is made anew: every peer trusts it.

    Args:
        ca: The CA, which is valid.
        now: Aware.
        renewal: From when on it is near its end.
    """
    end = ca.not_valid_after_utc
    margin = renewal.margin(ca)
    if not now <= end < now + margin:
        return []
    return [f"The fabric's CA expires at {iso(end)}, and {life_left(ca, margin)}. {CHANGE_CA}"]
