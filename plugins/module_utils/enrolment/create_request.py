# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Step 1, the peer's side: create its key in its final place, and the request for a certificate, both as files."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..errors import ClusterlinkError, Problem
from ..pki.keys import SYSTEM, Fresh, KeySpec, key_pem, load_key
from ..pki.reasons import key_reasons
from ..pki_files import disk
from .document import Span
from .request import Request, RequestedPeer, make_request, read_request, request_reasons

if TYPE_CHECKING:
    from ..pki.keys import PrivateKey


@dataclass(frozen=True)
class PeerPaths:
    """The files of a peer that enrols."""

    fabric_name: str
    fabric: disk.Folder
    peer: disk.Folder

    @classmethod
    def of(cls, root: str, fabric: str, peer: str) -> PeerPaths:
        """The paths below the folder of all fabrics."""
        return cls(fabric, disk.fabric_folder(root, fabric), disk.peer_folder(root, fabric, peer))

    @property
    def request(self) -> str:
        """The request's file."""
        return os.path.join(self.peer.path, disk.REQUEST)


@dataclass
class RequestResult:
    """What was created, or in check mode would be.

    Attributes:
        place: Where the files are.
        peer: The desired request.
        reasons: Why a key or a request is created, as sentences without a full stop.
        before: The previous request, if it is readable.
        after: The present request; None in check mode when it would be created.
        key: The existing key.
        repaired: The file modes that were too open, as sentences without a full stop.
    """

    place: PeerPaths
    peer: RequestedPeer
    reasons: list[str]
    before: Request | None
    after: Request | None
    key: PrivateKey | None = field(repr=False)
    repaired: list[str]

    @property
    def changed(self) -> bool:
        """Whether anything differs from the desired state."""
        return bool(self.reasons or self.repaired)

    def values(self) -> dict[str, Any]:
        """The facts of the request, as far as they are known, its paths, and the reasons."""
        return {
            **self._facts_after(),
            "reasons": self.reasons,
            "repaired": self.repaired,
            "request_path": self.place.request,
            "privatekey_path": self.place.peer.key,
        }

    def diff(self) -> dict[str, Any]:
        """Facts before and after."""
        before = {} if self.before is None else self.before.facts()
        after = self._facts_after()
        if self.repaired:
            before, after = {**before, "too_open": self.repaired}, {**after, "too_open": []}
        return {"before": before, "after": after}

    def _facts_after(self) -> dict[str, Any]:
        if self.after is not None:
            return self.after.facts()
        gateways = [{"host": each.host, "port": each.port} for each in self.peer.gateways]
        return {"fabric": self.peer.fabric, "name": self.peer.name, "gateways": gateways}


@dataclass(frozen=True)
class RequestOptions:
    """How a request is created.

    Attributes:
        key: The kind of a new key.
        days: For how many days the request can be signed.
        nonce: Returns a new nonce.
        renew: Whether to replace a valid request.
        fresh: Where keys come from.
    """

    key: KeySpec | None
    days: int
    nonce: Callable[[], str]
    renew: bool = False
    fresh: Fresh = SYSTEM


def create_request(
    place: PeerPaths, peer: RequestedPeer, options: RequestOptions, now: datetime, *, check: bool
) -> RequestResult:
    """Create a peer's key and request, or keep the existing ones.

    Args:
        place: The folders; created when they are missing.
        peer: The desired request.
        options: How to create what is missing or differs.
        now: Aware.
        check: Only report what would be done.

    Raises:
        ClusterlinkError: The existing key cannot be read or is of another kind, or the folder holds the fabric's CA.
    """
    found = _look(place, peer, options, now)
    if check or not found.changed:
        return found
    disk.make_folder(place.peer)
    with disk.locked(place.peer):
        found = _look(place, peer, options, now)
        disk.remove_leftovers(place.peer)
        for item in disk.find_too_open(place.peer):
            disk.repair_mode(item)
        if found.reasons:
            key = found.key
            if key is None:
                key = options.fresh.key(options.key or KeySpec())
                disk.write_file(place.peer.key, key_pem(key), disk.KEY_MODE)
            found.after = make_request(peer, key, Span.of(now, options.days), options.nonce())
            disk.write_file(place.request, found.after.document.text, disk.CERTIFICATE_MODE)
    return found


def _look(place: PeerPaths, peer: RequestedPeer, options: RequestOptions, now: datetime) -> RequestResult:
    require_no_ca_key(place)
    repaired = [str(item) for item in disk.find_too_open(place.peer)]
    pem = disk.read_file(place.peer.key)
    if pem is None:
        if os.path.lexists(place.peer.certificate):
            what = f"is missing, though its certificate is in {place.peer.certificate}"
            fix = "Restore it from a backup, or remove the certificate to create a new key"
            raise ClusterlinkError(Problem(place.peer.key, what, fix=fix))
        return RequestResult(place, peer, ["there is no key yet"], None, None, None, repaired)
    key = load_key(pem, place.peer.key)
    unfit = key_reasons(key, options.key)
    if unfit:
        fix = f"Set key_type and key_size to those of the key, or move {place.peer.key} and the certificate elsewhere"
        raise ClusterlinkError([Problem(place.peer.key, reason, fix=fix) for reason in unfit])
    text = disk.read_file(place.request)
    if text is None:
        return RequestResult(place, peer, ["there is no request yet"], None, None, key, repaired)
    try:
        request = read_request(text, place.request)
    except ClusterlinkError as error:
        # Unlike a damaged key, a damaged request is replaced: nothing is lost with it.
        reasons = [f"{problem.where} {problem.what}" for problem in error.problems]
        return RequestResult(place, peer, reasons, None, None, key, repaired)
    reasons = request_reasons(request, peer, key, now)
    if options.renew and not reasons:
        reasons = ["renew is set"]
    return RequestResult(place, peer, reasons, request, None if reasons else request, key, repaired)


def require_no_ca_key(place: PeerPaths) -> None:
    """Refuse to enrol in a folder that holds the fabric's CA.

    Raises:
        ClusterlinkError: The CA's key exists.
    """
    if os.path.lexists(place.fabric.key):
        what = "is the key of this fabric's CA, so its peers do not enrol"
        fix = "Create the certificate with peer_certificate, or use another folder for the other organisation's fabric"
        raise ClusterlinkError(Problem(place.fabric.key, what, fix=fix))
