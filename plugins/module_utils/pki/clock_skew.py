# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clock skew between a cluster and this machine, whose clock dates the certificates. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..errors import ClusterlinkError, Problem
from .certificates import iso, load_chain
from .issue import CLOCK_SKEW

MOST_CLOCK_SECONDS = 60
"""Seconds of clock skew that cause no warning; our certificates are valid from five minutes before their creation."""

_FIX = "Set the clocks by one time source (NTP) on the cluster's nodes and on this machine"


@dataclass(frozen=True)
class Clock:
    """A cluster's clock.

    Attributes:
        host: The inventory host or API server, for messages.
        ahead: Seconds by which it is ahead of this machine's; negative when it is behind; None when unknown.
        now: The time by this machine's clock; aware.
    """

    host: str
    ahead: int | None
    now: datetime

    def warnings(self) -> list[str]:
        """Warnings about its skew, as whole sentences."""
        skew = describe_skew(self.ahead)
        if not skew:
            return []
        valid = f"A new certificate is valid from {int(CLOCK_SKEW.total_seconds())} s before its creation"
        return [f"{self.host}: its clock is {skew}. {valid}, and a larger skew breaks its links. {_FIX}."]

    def require_valid(self, certificates: Mapping[str, str]) -> None:
        """Refuse certificates that are expired or not yet valid by the cluster's clock.

        Args:
            certificates: PEM by name, for the message; any other text stands for a certificate that does not exist yet.

        Raises:
            ClusterlinkError: With each such certificate.
        """
        if self.ahead is None or not describe_skew(self.ahead):
            return
        there = self.now + timedelta(seconds=self.ahead)
        problems = []
        for name, pem in certificates.items():
            for certificate in load_chain(pem.encode(), name) if pem.startswith("-----BEGIN ") else []:
                start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
                if start <= there <= end:
                    continue
                when = f"is not valid before {iso(start)}" if there < start else f"expired at {iso(end)}"
                what = f"{certificate.subject.rfc4514_string()} {when}, and the cluster's clock says {iso(there)}"
                found = f"a clock {describe_skew(self.ahead)}"
                problems.append(Problem(name, what, found, _FIX, self.host))
        if problems:
            raise ClusterlinkError(problems)


def describe_skew(ahead: int | None) -> str:
    """The skew in words; empty when it is small enough or unknown."""
    if ahead is None or abs(ahead) <= MOST_CLOCK_SECONDS:
        return ""
    return f"{abs(ahead)} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
