# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From one phase of a CA's rotation to the next."""

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
from ..pki.rotation import DROP, ISSUE, TRUST, is_ahead, require_other_subject, require_renewed, require_shown

if TYPE_CHECKING:
    from cryptography import x509

    from ..pki.ca import CaRequest
    from .rotation_files import RotationFolder


def go_on(
    folder: RotationFolder,
    wanted: str,
    request: CaRequest,
    peers: Sequence[str],
    shown: Mapping[str, Any],
    *,
    now: datetime,
    outside: Mapping[str, x509.Certificate],
    passphrase: str | None = None,
) -> bool:
    """Enter a phase when it is the next one; whether anything was written. The folder is locked meanwhile.

    Args:
        folder: The fabric's CAs.
        wanted: The phase to be in.
        request: The CA to be made; without a kind of key it is that of the present CA.
        peers: The names of all peers.
        shown: What their clusters show, as C(rotation.require_shown) takes it.
        now: Aware.
        outside: The last certificates of peers that other organisations run, by name.
        passphrase: Encrypts the new CA's key.

    Raises:
        ClusterlinkError: A cluster is not ready for the phase, or another rotation is under way; nothing was written.
    """
    folder.clean()
    phase = folder.phase()
    if phase == TRUST == wanted:
        _refuse_another(folder, request)
        return folder.trust_both()
    if not is_ahead(phase, wanted):
        return False
    found = folder.authorities()
    require_shown(wanted, found, peers, shown)
    if wanted == TRUST:
        kind = request.key or spec_of(public_key(found.current))
        issued = make_ca(replace(request, key=kind), now)
        require_other_subject(found.current, issued.certificate, "subject")
        folder.begin(issued, passphrase)
        folder.trust_both()
    elif wanted == ISSUE:
        require_renewed(found.next or found.current, outside)
        folder.promote()
    elif wanted == DROP:
        require_renewed(found.current, outside)
        folder.trust_new()
    else:
        folder.forget_old()
    return True


def _refuse_another(folder: RotationFolder, request: CaRequest) -> None:
    """Refuse to begin a rotation to another kind of key while one is under way."""
    following = folder.authorities().next
    reasons = [] if following is None else key_reasons(public_key(following), request.key)
    if reasons:
        what = f"a rotation is under way, and of its new CA {reasons[0]}"
        fix = "Let that one end first: run rotate_ca.yml without key_type"
        raise ClusterlinkError(Problem("key_type", what, fix=fix))
