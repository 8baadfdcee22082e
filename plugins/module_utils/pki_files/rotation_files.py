# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA's rotation in the fabric's folder.

``FABRIC/ca.next`` holds the CA that comes, ``FABRIC/ca.old`` the one that goes, and ``FABRIC/trusted.pem`` the CAs that
gateways trust meanwhile. A dot keeps the folders apart from those of peers. The phase follows from which of them are
there, so a run that was killed between any two writes is gone on with by the next.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import ClusterlinkError, Problem
from ..pki.ca import load_ca
from ..pki.certificates import chain_pem
from ..pki.keys import key_pem
from ..pki.pair import Pair
from ..pki.rotation import DROP, IDLE, ISSUE, TRUST, Authorities
from . import store

if TYPE_CHECKING:
    from cryptography import x509

    from ..pki.pair import Issued


@dataclass(frozen=True)
class RotationFolder:
    """Where a fabric's CAs live."""

    current: store.Folder

    @property
    def next(self) -> store.Folder:
        """The CA that comes."""
        return store.Folder(os.path.join(self.current.path, "ca.next"))

    @property
    def old(self) -> store.Folder:
        """The CA that goes."""
        return store.Folder(os.path.join(self.current.path, "ca.old"))

    @property
    def trusted(self) -> str:
        """The file with the CAs that gateways trust while they are two."""
        return store.trusted_path(self.current)

    def phase(self) -> str:
        """Where the rotation stands."""
        if store.read_file(self.next.certificate) is not None:
            return TRUST
        if store.read_file(self.old.certificate) is not None:
            return DROP if store.read_file(self.trusted) is None else ISSUE
        return IDLE

    def require_at_rest(self) -> None:
        """Refuse to touch the CA otherwise while it is being replaced.

        Raises:
            ClusterlinkError: A rotation is under way.
        """
        phase = self.phase()
        if phase != IDLE:
            fix = "Let it end: run playbook rotate_ca.yml, which goes on from where it stands"
            raise ClusterlinkError(Problem(self.current.path, "the CA is being replaced", f"phase {phase}", fix))

    def authorities(self) -> Authorities:
        """The fabric's CAs.

        Raises:
            ClusterlinkError: There is none, or one cannot be read.
        """
        current = _load(self.current)
        if current is None and self.phase() == TRUST:
            current = _load(self.old)  # killed while the new one took its place
        if current is None:
            fix = "Make the fabric's CA by fabric_ca"
            raise ClusterlinkError(Problem(self.current.certificate, "is missing", fix=fix))
        return Authorities(current, _load(self.next), _load(self.old))

    def begin(self, issued: Issued, passphrase: str | None = None) -> None:
        """Put a CA that was just made beside the present one, its key encrypted when there is a passphrase."""
        _forget(self.next)  # a key alone, of a run that was killed
        store.make_folder(self.next)
        store.write_pair(self.next, issued.certificate_pem, key_pem(issued.key, passphrase))

    def trust_both(self) -> bool:
        """Let gateways trust the next CA beside the present one; whether anything had to be written."""
        found = self.authorities()
        bundle = chain_pem(*(each for each in (found.current, found.next) if each is not None))
        if store.read_file(self.trusted) == bundle:
            return False
        store.write_file(self.trusted, bundle, store.CERTIFICATE_MODE)
        return True

    def promote(self) -> None:
        """Let the next CA sign, and keep the present one as the old."""
        following = _whole(self.next)
        if store.read_file(self.old.certificate) is None:
            present = _whole(self.current)
            store.make_folder(self.old)
            store.write_pair(self.old, present[0], present[1])
        store.write_pair(self.current, *following)
        _forget(self.next)

    def trust_new(self) -> None:
        """Let gateways trust the new CA alone."""
        store.remove_file(self.trusted)

    def forget_old(self) -> None:
        """Remove the old CA with its key."""
        _forget(self.old)

    def forget_all(self) -> None:
        """Remove whatever a rotation keeps."""
        self.trust_new()
        for folder in (self.next, self.old):
            _forget(folder)

    def clean(self) -> None:
        """Remove keys without a certificate, which a run that was killed while it removed a CA leaves."""
        for folder in (self.next, self.old):
            if store.read_file(folder.certificate) is None and store.read_file(folder.key) is not None:
                _forget(folder)


def _load(folder: store.Folder) -> x509.Certificate | None:
    pem = store.read_file(folder.certificate)
    return None if pem is None else load_ca(pem, folder.certificate)


def _whole(folder: store.Folder) -> tuple[bytes, bytes]:
    found: Pair = store.read_pair(folder)
    for place, content in ((found.certificate_at, found.certificate), (found.key_at, found.key)):
        if content is None:
            raise ClusterlinkError(Problem(place, "is missing", fix="Restore it from a backup"))
    return found.certificate or b"", found.key or b""


def _forget(folder: store.Folder) -> None:
    if os.path.isdir(folder.path):
        store.remove_pair(folder)
        store.remove_if_empty(folder)
