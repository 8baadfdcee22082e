# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A peer whose fabric's CA is another organisation's: here nothing is made, only looked at, and asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from ..errors import ClusterlinkError, Problem
from ..pki.authority import Authority, load_authority
from ..pki.leaf import LeafRequest, decide_leaf
from ..pki.pair import Decision, Pair
from ..pki.reasons import validity_reasons
from ..pki.renewal import Renewal
from .store import Folder, requests_in

ENROL = (
    "Enrol again: make a request by enrolment_request, have the fabric's operator answer it, and install the answer by"
    " enrolment_acceptance"
)


def load_enrolled_authority(found: Pair, now: datetime) -> Authority:
    """The CA of others; its key is not here.

    Raises:
        ClusterlinkError: It is missing or cannot be used.
    """
    try:
        return load_authority(found, now, may_be_missing=False)
    except ClusterlinkError as error:
        raise ClusterlinkError(
            [Problem(each.where, each.what, each.found, ENROL) for each in error.problems]
        ) from error


def decide_enrolled(
    found: Pair, authority: Authority, request: LeafRequest, now: datetime, renewal: Renewal
) -> Decision:
    """The decision to keep what others signed, with a warning where its end is near.

    Args:
        found: What is there.
        authority: The CA of others.
        request: What is asked for.
        now: Aware.
        renewal: From when on its end is near.

    Raises:
        ClusterlinkError: With every reason why the one that is there will not do. It is not made here.
    """
    decision = decide_leaf(found, authority.certificate, request, now)
    if decision.reasons:
        raise ClusterlinkError([Problem(found.certificate_at, reason, fix=ENROL) for reason in decision.reasons])
    if decision.certificate is None:
        return decision
    near = validity_reasons(decision.certificate, now, renewal.margin(decision.certificate))
    warnings = [f"{found.certificate_at}: {reason}. No link works after that. {ENROL}." for reason in near]
    return replace(decision, warnings=[*decision.warnings, *warnings])


def require_own_fabric(folder: Folder, found: Pair) -> None:
    """Refuse to make a CA where peers wait for a certificate of another one, which would lock them out of its fabric.

    Raises:
        ClusterlinkError: There are requests, and no CA's key.
    """
    if found.key is not None:
        return
    problems = [
        Problem(
            path,
            "asks others for a certificate of this fabric, so its CA is theirs and none is made here",
            fix="Set clusterlink_enrolled: true, or remove the request when the fabric shall be your own",
        )
        for path in requests_in(folder)
    ]
    if problems:
        raise ClusterlinkError(problems)
