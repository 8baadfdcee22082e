# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Peers whose certificates are signed by another organisation's CA: check them, and never create or replace one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from ..errors import ClusterlinkError, Problem
from ..pki.ca import Authority, load_authority
from ..pki.leaf import LeafRequest, decide_leaf
from ..pki.pair import Decision, Pair
from ..pki.reasons import validity_reasons
from ..pki.renewal import Renewal
from .disk import Folder, requests_in

ENROL = (
    "Enrol again: create a request with enrolment_request, have the fabric's operator sign it, and install the response"
    " with enrolment_install"
)


def load_external_ca(found: Pair, now: datetime) -> Authority:
    """The other organisation's CA, without its key.

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
    """Keep the present certificate, with a warning when its end is near.

    Args:
        found: The present certificate and key.
        authority: The other organisation's CA.
        request: The desired certificate.
        now: Aware.
        renewal: When its end is near.

    Raises:
        ClusterlinkError: With every reason why the present certificate is not the desired one.
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
    """Refuse to create a CA where peers wait for a certificate of another CA.

    Raises:
        ClusterlinkError: There are requests, and no CA's key.
    """
    if found.key is not None:
        return
    problems = [
        Problem(
            path,
            "requests a certificate of this fabric from another organisation, so no CA is created here",
            fix="Set clusterlink_enrolled: true, or remove the request when the fabric is your own",
        )
        for path in requests_in(folder)
    ]
    if problems:
        raise ClusterlinkError(problems)
