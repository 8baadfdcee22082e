# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a gateway comes to new component certificates without a moment at which its two parts do not trust each other.

First its pods trust the old and the new site CA, then they get certificates of the new one, then it alone is trusted
(in which order pods are replaced for that: gateway/rolling.py).
The new site CA's key is never stored: a run that was killed on the way leaves a CA behind that signs nothing more, and
the next run begins with another.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from .certificates import chain_pem, load_chain
from .components import SITE_CA, ComponentCertificates, check_components, make_components, signers
from .renewal import ONCE_EXPIRED, Renewal


@dataclass(frozen=True)
class Course:
    """Where a gateway's component certificates go, and by which way.

    Attributes:
        final: What they shall be.
        reasons: Why that is not what is there; empty when it is.
        bridge: What the pods have before: the certificates that are there, and trust in the new site CA besides. None
            where there is nothing to bridge, or what is there is of no use.
        surplus: Whether more is trusted now than shall be, which pods may still need until they have been replaced.
    """

    final: ComponentCertificates
    reasons: list[str] = field(default_factory=list)
    bridge: ComponentCertificates | None = None
    surplus: bool = False


def component_course(found: ComponentCertificates | None, now: datetime, renewal: Renewal = ONCE_EXPIRED) -> Course:
    """What to do about a gateway's component certificates.

    Args:
        found: What its Secrets hold; None when there is nothing.
        now: Aware.
        renewal: When they are made anew before their end.
    """
    if found is None:
        return Course(make_components(now), ["there are none yet"])
    reasons = check_components(found, now, renewal=renewal)
    if reasons:
        made = make_components(now)
        usable = not check_components(found, now)
        bridge = replace(found, ca_pem=found.ca_pem + made.ca_pem) if usable else None
        return Course(made, reasons, bridge)
    used = signers(found)
    if len(used) == len(load_chain(found.ca_pem.encode(), SITE_CA)):
        return Course(found)
    lean = replace(found, ca_pem=chain_pem(*used).decode())
    return Course(lean, [f"{SITE_CA}: it trusts a CA that signs nothing any more"], surplus=True)
