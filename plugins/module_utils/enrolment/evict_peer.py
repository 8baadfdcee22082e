# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evict a peer: record its keys, and tell which CAs must be replaced so that no gateway accepts it."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..errors import ClusterlinkError, Problem
from ..pki.certificates import fingerprint, load_chain, public_key
from ..pki.keys import load_key
from ..pki_files import disk
from ..pki_files.ca_rotation import RotationFolder
from ..pki_files.evictions import Evictions, read_evictions, write_evictions
from .record import record_of

if TYPE_CHECKING:
    from cryptography import x509

    from ..pki.keys import PublicKey
    from ..pki.rotation import Authorities


@dataclass(frozen=True)
class EvictionResult:
    """What was recorded, or in check mode would be.

    Attributes:
        name: The peer's name.
        before: The evictions before.
        after: The evictions with this one.
        present: The fingerprints of the CAs in the fabric's folder.
    """

    name: str
    before: Evictions
    after: Evictions
    present: Collection[str]

    @property
    def changed(self) -> bool:
        """Whether the peer had a key that was not evicted yet."""
        return self.after != self.before

    @property
    def pending(self) -> list[str]:
        """The fingerprints of the CAs to replace: they may have signed a certificate for an evicted key."""
        return sorted(self.after.authorities & set(self.present))

    def values(self) -> dict[str, Any]:
        """The evicted keys, and what is still to do."""
        return {"name": self.name, "fingerprints": _keys(self.after, self.name), "pending": self.pending}

    def diff(self) -> dict[str, Any]:
        """The evicted keys before and after."""
        return {"before": {"keys": _keys(self.before, self.name)}, "after": {"keys": _keys(self.after, self.name)}}


def _keys(evictions: Evictions, name: str) -> list[str]:
    return [key for each in evictions.entries if each.name == name for key in each.keys]


def evict_peer(folder: disk.Folder, name: str, now: datetime, *, check: bool) -> EvictionResult:
    """Record all keys of a peer as evicted. Its files stay, so that every gateway can be tested with its certificate.

    Args:
        folder: The fabric's folder.
        name: The peer's name.
        now: Aware.
        check: Only report what would be done.

    Raises:
        ClusterlinkError: The fabric belongs to another organisation, the peer is unknown, or a file cannot be read.
    """
    found = _look(folder, name, now)
    if check or not found.changed:
        return found
    with disk.locked(folder):
        found = _look(folder, name, now)
        write_evictions(folder, found.after)
    return found


def _look(folder: disk.Folder, name: str, now: datetime) -> EvictionResult:
    if disk.read_file(folder.key) is None:
        fix = "Let the fabric's operator evict the peer, or restore the folder from a backup"
        raise ClusterlinkError(Problem(folder.key, "is missing, so no peer is evicted from here", fix=fix))
    before = read_evictions(folder)
    keys, certificates = _known(folder, name)
    if not keys and name not in before.names:
        raise ClusterlinkError(_unknown(folder, name))
    authorities = RotationFolder(folder).authorities()
    present = {fingerprint(each): each for each in vars(authorities).values() if each is not None}
    signers = [sign for sign, each in present.items() if each not in _unused(authorities, certificates)]
    return EvictionResult(name, before, before.with_evicted(name, keys, signers, now), list(present))


def _known(folder: disk.Folder, name: str) -> tuple[list[PublicKey], list[x509.Certificate]]:
    """The peer's keys and certificates: those in its folder, and those of its signed requests."""
    certificates = [each.certificate for each in record_of(folder).entries if each.name == name]
    pair = disk.read_pair(disk.Folder(os.path.join(folder.path, name)))
    if pair.certificate is not None:
        certificates.append(load_chain(pair.certificate, pair.certificate_at)[0])
    keys = [public_key(each) for each in certificates]
    if pair.key is not None:
        keys.append(load_key(pair.key, pair.key_at).public_key())
    return keys, certificates


def _unused(authorities: Authorities, certificates: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """The newest CA of a rotation when none of the peer's certificates is signed by it."""
    newest = authorities.next or (authorities.current if authorities.old else None)
    if newest is None or not certificates or any(each.issuer == newest.subject for each in certificates):
        return []
    return [newest]


def _unknown(folder: disk.Folder, name: str) -> Problem:
    known = {*disk.peers_in(folder), *(each.name for each in record_of(folder).entries)}
    fix = (
        f"Known peers: {', '.join(sorted(known)) or 'none'}. To stop trusting certificates that are not on record, run "
        "rotate_ca.yml"
    )
    return Problem("evict_peer", f"names a peer that has no key in {folder.path}", name, fix)
