# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Advance a CA's rotation to its next phase, when every cluster is ready for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..errors import ClusterlinkError, Problem
from ..pki.ca import make_ca
from ..pki.certificates import public_key
from ..pki.keys import spec_of
from ..pki.reasons import key_reasons
from ..pki.rotation import (
    DROP,
    IDLE,
    ISSUE,
    TRUST,
    has_expired,
    is_next,
    require_other_subject,
    require_ready,
    require_renewed,
)
from .ca_rotation import RotationFolder

if TYPE_CHECKING:
    from cryptography import x509

    from ..pki.ca import CaRequest
    from ..pki.own_ca import OwnCa


def advance(
    folder: RotationFolder,
    wanted: str,
    request: CaRequest,
    peers: Sequence[str],
    observed: Mapping[str, Any],
    *,
    now: datetime,
    outside: Mapping[str, x509.Certificate],
    own: OwnCa | None = None,
) -> bool:
    """Advance to a phase when it is the next one; whether anything was written. The caller locks the folder.

    When the present CA has expired, no link works that could be lost, and no gateway accepts what it has. So phase
    C(trust) goes on to C(issue) at once then.

    Args:
        folder: The fabric's CAs.
        wanted: The desired phase.
        request: The new CA; without a kind of key it has that of the present CA.
        peers: The names of all peers.
        observed: The state of their clusters, as C(rotation.require_ready) takes it.
        now: Aware.
        outside: The latest certificates of peers of other organisations, by name.
        own: The new CA; None to create one.

    Raises:
        ClusterlinkError: A cluster is not ready for the phase, a key cannot be used, or another rotation is under way;
            no CA and no trust was changed.
    """
    folder.require_keys(wanted, request.passphrase)
    settled = folder.settle()
    phase = folder.phase()
    if wanted == TRUST and phase in (IDLE, TRUST):
        return _trust(folder, phase, request, peers, observed=observed, now=now, own=own) or settled
    if wanted == TRUST or not is_next(phase, wanted):
        return settled
    found = folder.authorities()
    require_ready(wanted, found, peers, observed)
    if wanted == ISSUE:
        folder.mark_ready()
        require_renewed(found.next or found.current, outside)
        folder.promote(request.passphrase)
    elif wanted == DROP:
        require_renewed(found.current, outside)
        folder.trust_new()
    else:
        folder.delete_old()
    return True


def _trust(
    folder: RotationFolder,
    phase: str,
    request: CaRequest,
    peers: Sequence[str],
    *,
    observed: Mapping[str, Any],
    now: datetime,
    own: OwnCa | None,
) -> bool:
    found = folder.authorities()
    require_new(folder, own)
    expired = has_expired(found.current, observed, now)
    if phase == IDLE:
        # With an expired CA, an unreachable cluster loses nothing by a new one.
        require_ready(TRUST, found, [name for name in peers if name in observed] if expired else peers, observed)
        issued = make_ca(replace(request, key=request.key or spec_of(public_key(found.current))), now, own=own)
        require_other_subject(found.current, issued.certificate, "subject")
        folder.begin(issued, request.passphrase.text)
    elif own is None:
        _refuse_another(found.next, request)
    changed = folder.trust_both() or phase == IDLE
    if expired:
        folder.promote(request.passphrase)
    return changed or expired


def require_new(folder: RotationFolder, own: OwnCa | None) -> None:
    """Refuse to begin a rotation to a CA that the fabric has already, and to change the new CA while one is under way.

    Raises:
        ClusterlinkError: With the reason; nothing is written.
    """
    phase = folder.phase()
    if own is None or phase not in (IDLE, TRUST):
        return
    found = folder.authorities()
    if phase == IDLE and own.certificate == found.current:
        what = "is the fabric's present CA, so there is nothing to replace it by"
        fix = "Give another CA, or none (without clusterlink_ca_certificate) to create one"
        raise ClusterlinkError(Problem(own.certificate_at, what, fix=fix))
    if phase == IDLE:
        require_other_subject(found.current, own.certificate, own.certificate_at)
        own.issued(None)
    elif own.certificate not in (found.current, found.next):
        what = "is not the new CA of the rotation that is under way"
        following = found.next.subject.rfc4514_string() if found.next is not None else ""
        fix = "Complete that one first: run rotate_ca.yml with the CA that it began with"
        raise ClusterlinkError(Problem(own.certificate_at, what, following, fix))


def _refuse_another(following: x509.Certificate | None, request: CaRequest) -> None:
    """Refuse a rotation to another kind of key while one is under way."""
    reasons = [] if following is None else key_reasons(public_key(following), request.key)
    if reasons:
        what = f"a rotation is under way, and of its new CA {reasons[0]}"
        fix = "Complete that one first: run rotate_ca.yml without key_type"
        raise ClusterlinkError(Problem("key_type", what, fix=fix))
