# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster's clock that is off does to certificates that are made by the controller's. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..errors import ClusterlinkError, Problem
from .certificates import iso, load_chain
from .issue import CLOCK_SKEW

MOST_CLOCK_SECONDS = 60
"""How far a cluster's clock may be off before it is said; a certificate of ours is valid from five minutes before it
was made."""

_FIX = "Set the clocks by one time source (NTP) on the cluster's nodes and on this machine"


@dataclass(frozen=True)
class Clock:
    """A cluster's clock.

    Attributes:
        host: The inventory host, or the API server, that it is named by.
        ahead: Seconds by which it is ahead of this machine's; negative when it is behind; None when that is unknown.
        now: What time it is by this machine's clock; aware.
    """

    host: str
    ahead: int | None
    now: datetime

    def warnings(self) -> list[str]:
        """What to say of it when it is off, as whole sentences."""
        said = how_far_off(self.ahead)
        if not said:
            return []
        valid = f"A new certificate is valid from {int(CLOCK_SKEW.total_seconds())} s before it is made"
        return [f"{self.host}: its clock is {said}. {valid}, and more than that breaks its links. {_FIX}."]

    def require_valid(self, certificates: Mapping[str, str]) -> None:
        """Refuse certificates that are out of their time by the cluster's clock.

        Args:
            certificates: PEM by what it is, for the message; text that is none stands for one that is yet to be made.

        Raises:
            ClusterlinkError: With each that is.
        """
        if self.ahead is None or not how_far_off(self.ahead):
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
                found = f"a clock {how_far_off(self.ahead)}"
                problems.append(Problem(name, what, found, _FIX, self.host))
        if problems:
            raise ClusterlinkError(problems)


def how_far_off(ahead: int | None) -> str:
    """Says by how much a clock is off; empty when it is near enough or unknown."""
    if ahead is None or abs(ahead) <= MOST_CLOCK_SECONDS:
        return ""
    return f"{abs(ahead)} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
