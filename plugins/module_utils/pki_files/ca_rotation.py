# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA's rotation in the fabric's folder: its phase, and the step to the next one.

``FABRIC/ca.next`` holds the next CA, ``FABRIC/ca.old`` the old one, and ``FABRIC/trusted.pem`` the CAs that gateways
trust during the rotation. The dot distinguishes these folders from those of peers. Which of them exist determines the
phase. So a run continues the rotation of a run that was killed between any two writes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..errors import ClusterlinkError, Problem
from ..pki.ca import load_ca, make_ca
from ..pki.certificates import chain_pem, public_key
from ..pki.keys import key_pem, spec_of
from ..pki.pair import Pair
from ..pki.reasons import key_reasons
from ..pki.rotation import (
    DROP,
    IDLE,
    ISSUE,
    TRUST,
    Authorities,
    is_next,
    require_other_subject,
    require_ready,
    require_renewed,
)
from . import disk

if TYPE_CHECKING:
    from cryptography import x509

    from ..pki.ca import CaRequest
    from ..pki.pair import Issued


@dataclass(frozen=True)
class RotationFolder:
    """The folders of a fabric's CAs."""

    current: disk.Folder

    @property
    def next(self) -> disk.Folder:
        """The folder of the next CA."""
        return disk.Folder(os.path.join(self.current.path, "ca.next"))

    @property
    def old(self) -> disk.Folder:
        """The folder of the old CA."""
        return disk.Folder(os.path.join(self.current.path, "ca.old"))

    @property
    def trusted(self) -> str:
        """The file of the CAs that gateways trust while there are two."""
        return disk.trusted_path(self.current)

    def phase(self) -> str:
        """The rotation's phase."""
        if disk.read_file(self.next.certificate) is not None:
            return TRUST
        if disk.read_file(self.old.certificate) is not None:
            return DROP if disk.read_file(self.trusted) is None else ISSUE
        return IDLE

    def require_at_rest(self) -> None:
        """Refuse other changes of the CA during a rotation.

        Raises:
            ClusterlinkError: A rotation is under way.
        """
        phase = self.phase()
        if phase != IDLE:
            fix = "Complete the rotation: run playbook rotate_ca.yml, which resumes it"
            raise ClusterlinkError(Problem(self.current.path, "the CA is being replaced", f"phase {phase}", fix))

    def authorities(self) -> Authorities:
        """The fabric's CAs.

        Raises:
            ClusterlinkError: There is none, or one cannot be read.
        """
        current = _load(self.current)
        if current is None and self.phase() == TRUST:
            current = _load(self.old)  # a run was killed while it replaced the current one
        if current is None:
            fix = "Create the fabric's CA with fabric_ca"
            raise ClusterlinkError(Problem(self.current.certificate, "is missing", fix=fix))
        return Authorities(current, _load(self.next), _load(self.old))

    def begin(self, issued: Issued, passphrase: str | None = None) -> None:
        """Store a new CA beside the present one, its key encrypted when there is a passphrase."""
        _delete(self.next)  # a key without a certificate, of a run that was killed
        disk.make_folder(self.next)
        disk.write_pair(self.next, issued.certificate_pem, key_pem(issued.key, passphrase))

    def trust_both(self) -> bool:
        """Let gateways trust the next CA beside the present one; whether anything was written."""
        found = self.authorities()
        bundle = chain_pem(*(each for each in (found.current, found.next) if each is not None))
        if disk.read_file(self.trusted) == bundle:
            return False
        disk.write_file(self.trusted, bundle, disk.CERTIFICATE_MODE)
        return True

    def promote(self) -> None:
        """Let the next CA sign, and keep the present one as the old."""
        following = _whole(self.next)
        if disk.read_file(self.old.certificate) is None:
            present = _whole(self.current)
            disk.make_folder(self.old)
            disk.write_pair(self.old, present[0], present[1])
        disk.write_pair(self.current, *following)
        _delete(self.next)

    def trust_new(self) -> None:
        """Let gateways trust the new CA alone."""
        disk.remove_file(self.trusted)

    def delete_old(self) -> None:
        """Delete the old CA with its key."""
        _delete(self.old)

    def delete_all(self) -> None:
        """Delete all files of a rotation."""
        self.trust_new()
        for folder in (self.next, self.old):
            _delete(folder)

    def clean(self) -> None:
        """Delete keys without a certificate, which a run leaves that is killed while it deletes a CA."""
        for folder in (self.next, self.old):
            if disk.read_file(folder.certificate) is None and disk.read_file(folder.key) is not None:
                _delete(folder)


def _load(folder: disk.Folder) -> x509.Certificate | None:
    pem = disk.read_file(folder.certificate)
    return None if pem is None else load_ca(pem, folder.certificate)


def _whole(folder: disk.Folder) -> tuple[bytes, bytes]:
    found: Pair = disk.read_pair(folder)
    for place, content in ((found.certificate_at, found.certificate), (found.key_at, found.key)):
        if content is None:
            raise ClusterlinkError(Problem(place, "is missing", fix="Restore it from a backup"))
    return found.certificate or b"", found.key or b""


def _delete(folder: disk.Folder) -> None:
    if os.path.isdir(folder.path):
        disk.remove_pair(folder)
        disk.remove_if_empty(folder)


def advance(
    folder: RotationFolder,
    wanted: str,
    request: CaRequest,
    peers: Sequence[str],
    observed: Mapping[str, Any],
    *,
    now: datetime,
    outside: Mapping[str, x509.Certificate],
    passphrase: str | None = None,
) -> bool:
    """Advance to a phase when it is the next one; whether anything was written. The caller locks the folder.

    Args:
        folder: The fabric's CAs.
        wanted: The desired phase.
        request: The new CA; without a kind of key it has that of the present CA.
        peers: The names of all peers.
        observed: The state of their clusters, as C(rotation.require_ready) takes it.
        now: Aware.
        outside: The latest certificates of peers of other organisations, by name.
        passphrase: Encrypts the new CA's key.

    Raises:
        ClusterlinkError: A cluster is not ready for the phase, or another rotation is under way; nothing was written.
    """
    folder.clean()
    phase = folder.phase()
    if phase == TRUST == wanted:
        _refuse_another(folder, request)
        return folder.trust_both()
    if not is_next(phase, wanted):
        return False
    found = folder.authorities()
    require_ready(wanted, found, peers, observed)
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
        folder.delete_old()
    return True


def _refuse_another(folder: RotationFolder, request: CaRequest) -> None:
    """Refuse a rotation to another kind of key while one is under way."""
    following = folder.authorities().next
    reasons = [] if following is None else key_reasons(public_key(following), request.key)
    if reasons:
        what = f"a rotation is under way, and of its new CA {reasons[0]}"
        fix = "Complete that one first: run rotate_ca.yml without key_type"
        raise ClusterlinkError(Problem("key_type", what, fix=fix))
