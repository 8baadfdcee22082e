# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA's rotation in the fabric's folder: its phase, and the step to the next one.

``FABRIC/ca.next`` holds the next CA, ``FABRIC/ca.old`` the old one without its key, and ``FABRIC/trusted.pem`` the CAs
that gateways trust during the rotation. The dot distinguishes these folders from those of peers.

The phase depends on the existence of three files, and a single write changes it: ``ca.next/cert.pem`` begins a
rotation, ``ca.old/cert.pem`` makes the next CA the present one, and without ``trusted.pem`` the old one is no longer
trusted. Whatever else a phase needs is written before that file, or is completed by ``settle`` in any later run.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from ..errors import ClusterlinkError, Problem
from ..pki.ca import load_ca
from ..pki.certificates import chain_pem, fingerprint, require_match
from ..pki.keys import NO_PASSPHRASE, Passphrase, is_encrypted, key_pem, load_key
from ..pki.reasons import validity_reasons
from ..pki.rotation import DROP, IDLE, ISSUE, TRUST, Authorities
from . import disk

if TYPE_CHECKING:
    from cryptography import x509

    from ..pki.pair import Issued

_RESTORE = "Restore it from a backup"
_RESUME = "Complete the rotation: run playbook rotate_ca.yml, which resumes it"


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
    def present(self) -> disk.Folder:
        """The folder of the CA that signs; a killed run may have left it in that of the next CA."""
        return self.next if self._is_unsettled() else self.current

    @property
    def trusted(self) -> str:
        """The file of the CAs that gateways trust while there are two."""
        return disk.trusted_path(self.current)

    @property
    def ready(self) -> str:
        """The file that says which next CA every gateway trusts."""
        return os.path.join(self.next.path, "ready")

    def phase(self) -> str:
        """The rotation's phase."""
        if disk.read_file(self.old.certificate) is not None:
            return DROP if disk.read_file(self.trusted) is None else ISSUE
        return IDLE if disk.read_file(self.next.certificate) is None else TRUST

    def require_at_rest(self, besides: str = "") -> None:
        """Refuse other changes of the CA during a rotation.

        Args:
            besides: What else prevents the change, a clause.

        Raises:
            ClusterlinkError: A rotation is under way.
        """
        phase = self.phase()
        if phase != IDLE:
            what = f"the CA is being replaced{besides and f', and {besides}'}"
            raise ClusterlinkError(Problem(self.current.path, what, f"phase {phase}", _RESUME))

    def next_is(self, ca: x509.Certificate) -> bool:
        """Whether a rotation to this CA is under way, and the present one still signs."""
        return self.phase() == TRUST and _load(self.next) == ca

    def require_valid(self, now: datetime) -> None:
        """Refuse to go on in a rotation whose signing CA has expired; without a rotation, other checks say more.

        Raises:
            ClusterlinkError: It has, and a rotation is under way.
        """
        present = _load(self.present)
        reasons = [] if present is None else validity_reasons(present, now)
        if reasons:
            self.require_at_rest(reasons[0])

    def authorities(self) -> Authorities:
        """The fabric's CAs.

        Raises:
            ClusterlinkError: There is none, or one cannot be read.
        """
        current = _load(self.present)
        if current is None:
            fix = "Run playbook site first, which creates the fabric's CA" if self.phase() == IDLE else _RESTORE
            raise ClusterlinkError(Problem(self.current.certificate, "is missing", fix=fix))
        return Authorities(current, None if self._is_unsettled() else _load(self.next), _load(self.old))

    def signing(self) -> disk.Folder:
        """The folder of the CA that may sign certificates for peers of other organisations now.

        During a rotation that is the next CA, so that such a peer has its certificate before the present CA stops
        signing. Gateways would refuse that certificate before they trust the next CA.

        Raises:
            ClusterlinkError: A rotation is under way, and not every gateway trusts the next CA yet.
        """
        if self.phase() != TRUST:
            return self.present
        following = _load(self.next)
        if following is not None and disk.read_file(self.ready) == _mark(following):
            return self.next
        what = "may not sign yet, because not every gateway is known to trust this new CA"
        fix = "Run playbook rotate_ca.yml. When every gateway trusts it, it stops and says which peers must enrol again"
        raise ClusterlinkError(Problem(self.next.certificate, what, fix=fix))

    def begin(self, issued: Issued, passphrase: str | None = None) -> None:
        """Store a new CA beside the present one, its key encrypted when there is a passphrase."""
        self._delete_next()  # a key without a certificate, of a run that was killed
        disk.make_folder(self.next)
        disk.write_pair(self.next, issued.certificate_pem, key_pem(issued.key, passphrase))

    def trust_both(self) -> bool:
        """Let gateways trust every CA that a leaf may be signed by; whether anything was written."""
        found = self.authorities()
        bundle = chain_pem(*(each for each in (found.old, found.current, found.next) if each is not None))
        if disk.read_file(self.trusted) == bundle:
            return False
        disk.write_file(self.trusted, bundle, disk.CERTIFICATE_MODE)
        return True

    def mark_ready(self) -> bool:
        """Record that every gateway trusts the next CA, so that it may sign; whether anything was written."""
        following = _load(self.next)
        if following is None or disk.read_file(self.ready) == _mark(following):
            return False
        disk.write_file(self.ready, _mark(following), disk.CERTIFICATE_MODE)
        return True

    def promote(self, passphrase: Passphrase = NO_PASSPHRASE) -> None:
        """Let the next CA sign in place of the present one, whose key is deleted since it signs nothing more.

        Args:
            passphrase: Encrypts the next CA's key where that is not encrypted yet.
        """
        self.trust_both()
        pem = _whole(self.next)[1]
        if passphrase.text is not None and not is_encrypted(pem):
            disk.write_key(self.next, key_pem(load_key(pem, self.next.key), passphrase.text))
        disk.make_folder(self.old)
        disk.write_pair(self.old, disk.read_file(self.current.certificate) or b"", None)
        self.settle()

    def trust_new(self) -> None:
        """Let gateways trust the new CA alone."""
        disk.remove_file(self.trusted)

    def delete_old(self) -> None:
        """Delete the old CA."""
        _delete(self.old)

    def delete_all(self) -> None:
        """Delete all files of a rotation."""
        self.trust_new()
        self._delete_next()
        _delete(self.old)

    def complete(self, *, check: bool) -> bool:
        """C(settle), under the folder's lock; in check mode only whether there is something to complete."""
        if not self.is_interrupted():
            return False
        if not check:
            with disk.locked(self.current):
                self.settle()
        return True

    def settle(self) -> bool:
        """Complete what a killed run has begun; whether anything was written. The caller locks the folder."""
        disk.remove_leftovers(self.current)
        if not self.is_interrupted():
            return False
        if self._is_unsettled():
            following = _whole(self.next)
            found = disk.read_pair(self.current)
            if (found.certificate, found.key) != following:
                disk.write_pair(self.current, *following)
            self._delete_next()
        if self.phase() == ISSUE:
            self.trust_both()
        for folder in (self.next, self.old):
            if disk.read_file(folder.certificate) is None:
                _delete(folder)
        disk.remove_file(self.old.key)
        return True

    def is_interrupted(self) -> bool:
        """Whether a run was killed in the midst of a phase, so that C(settle) has something to complete."""
        lone = disk.read_file(self.next.certificate) is None and disk.read_file(self.next.key) is not None
        return lone or self._is_unsettled() or disk.read_file(self.old.key) is not None

    def _is_unsettled(self) -> bool:
        """Whether the next CA has become the present one, and its files have not taken their place yet."""
        return all(disk.read_file(folder.certificate) is not None for folder in (self.old, self.next))

    def _delete_next(self) -> None:
        if os.path.isdir(self.next.path):
            disk.remove_file(self.ready)
            _delete(self.next)

    def require_replaceable(self, passphrase: Passphrase) -> None:
        """Refuse to begin or to continue a rotation where the key of the CA that signs is missing or unreadable.

        Args:
            passphrase: Of the CA's key.

        Raises:
            ClusterlinkError: With the reason; nothing is written.
        """
        self.authorities()
        self.require_keys(TRUST, passphrase)
        if self.phase() != TRUST:
            self._require_key(self.present, passphrase)

    def require_keys(self, wanted: str, passphrase: Passphrase) -> None:
        """Refuse a phase for which a key is missing or unreadable, or which would leave a key unencrypted.

        Args:
            wanted: The desired phase.
            passphrase: Of the CA's key.

        Raises:
            ClusterlinkError: With the reason; nothing is written.
        """
        phase = self.phase()
        if phase == IDLE and wanted == TRUST:
            self._require_key(self.current, passphrase)
        elif phase == TRUST and wanted in (TRUST, ISSUE):
            self._require_key(self.next, passphrase)
            present = disk.read_file(self.current.key)
            if passphrase.text is None and present is not None and is_encrypted(present):
                what = "is encrypted with a passphrase, and the new CA's key would not be"
                raise ClusterlinkError(Problem(self.current.key, what, fix=f"Set {passphrase.option}"))

    def _require_key(self, folder: disk.Folder, passphrase: Passphrase) -> None:
        certificate = _load(folder)
        if certificate is None:
            return  # authorities() says so
        pem = disk.read_file(folder.key)
        if pem is None:
            what = "is missing, so the fabric's CA cannot be replaced here"
            fix = (
                "Run it where the fabric's CA was created, or restore the key from a backup. A side that has enrolled "
                "receives the new CA when it enrols again"
            )
            raise ClusterlinkError(Problem(folder.key, what, fix=fix))
        require_match(certificate, load_key(pem, folder.key, passphrase), folder.certificate, folder.key)


def _mark(ca: x509.Certificate) -> bytes:
    return f"{fingerprint(ca)}\n".encode()


def _load(folder: disk.Folder) -> x509.Certificate | None:
    pem = disk.read_file(folder.certificate)
    return None if pem is None else load_ca(pem, folder.certificate)


def _whole(folder: disk.Folder) -> tuple[bytes, bytes]:
    found = disk.read_pair(folder)
    for place, content in ((found.certificate_at, found.certificate), (found.key_at, found.key)):
        if content is None:
            raise ClusterlinkError(Problem(place, "is missing", fix=_RESTORE))
    return found.certificate or b"", found.key or b""


def _delete(folder: disk.Folder) -> None:
    if os.path.isdir(folder.path):
        disk.remove_pair(folder)
        disk.remove_if_empty(folder)
