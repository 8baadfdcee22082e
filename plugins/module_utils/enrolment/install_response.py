# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Step 3, the peer's side: check the response, then install the peer's certificate and the CA that it trusts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..errors import ClusterlinkError, Problem
from ..pki.ca import load_ca
from ..pki.certificates import chain_pem, dns_names, facts, fingerprint, load_chain, public_key
from ..pki.keys import load_key
from ..pki_files import disk
from .create_request import PeerPaths, require_no_ca_key
from .peer_addresses import plain_peers
from .request import read_request
from .response import Response, read_response, require_installable

if TYPE_CHECKING:
    from cryptography import x509

_ENROL_AGAIN = (
    "A rotation of the fabric's CA is in progress, and the peer trusts both CAs. Enrol again after the rotation to "
    "trust the new CA alone."
)
_REPLACE = "Find out why it differs. To install the new one anyway, set replace=true"


@dataclass(frozen=True)
class Trust:
    """Which CA may be installed.

    Attributes:
        fingerprint: The CA's fingerprint, from the fabric's operator; None to require the installed CA.
        replace: Whether to replace a different certificate or CA.
    """

    fingerprint: str | None
    replace: bool = False


@dataclass
class InstallResult:
    """What was installed, or in check mode would be.

    Attributes:
        place: Where the files are.
        response: The response.
        before: The previous certificates: the peer's, followed by the CA's; None for none.
        ca_before: The previous CA.
        reasons: Why files are written, as sentences without a full stop.
        backups: The paths of backups.
    """

    place: PeerPaths
    response: Response
    before: tuple[x509.Certificate, ...] | None
    ca_before: x509.Certificate | None
    reasons: list[str]
    backups: list[str]

    @property
    def changed(self) -> bool:
        """Whether anything was installed."""
        return bool(self.reasons)

    def values(self) -> dict[str, Any]:
        """The facts of the certificate, its paths, and the peers to declare."""
        return {
            **facts(self.response.chain[0]),
            "ca_fingerprint": fingerprint(self.response.ca),
            "trusted_fingerprints": [fingerprint(each) for each in (self.response.ca, *self.response.beside)],
            "reasons": self.reasons,
            "backup_files": self.backups,
            "certificate_path": self.place.peer.certificate,
            "ca_path": self.place.fabric.certificate,
            "clusterlink_peers": plain_peers(self.response.peers),
        }

    @property
    def trusted(self) -> bytes:
        """The content of the file with both trusted CAs, during a rotation."""
        return chain_pem(self.response.ca, *self.response.beside)

    def warnings(self) -> list[str]:
        """Warnings for the peer's operator."""
        return [_ENROL_AGAIN] if self.response.beside else []

    def diff(self) -> dict[str, Any]:
        """Facts before and after."""
        before: dict[str, Any] = {} if self.before is None else facts(self.before[0])
        if self.ca_before is not None:
            before["ca_fingerprint"] = fingerprint(self.ca_before)
        after = {**facts(self.response.chain[0]), "ca_fingerprint": fingerprint(self.response.ca)}
        return {"before": before, "after": after}


def install_response(
    place: PeerPaths, response_path: str, trust: Trust, now: datetime, *, check: bool, backup_stamp: str | None = None
) -> InstallResult:
    """Check a response and install it.

    Args:
        place: The folders of the peer and of the fabric.
        response_path: The response's file.
        trust: Which CA may be installed.
        now: Aware.
        check: Only report what would be done.
        backup_stamp: Keep replaced files under their name with this stamp.

    Raises:
        ClusterlinkError: The response is refused; nothing is written.
    """
    found = _look(place, response_path, trust, now)
    if check or not found.changed:
        return found
    with disk.locked(place.fabric), disk.locked(place.peer):
        found = _look(place, response_path, trust, now)
        # The CA first: a gateway cannot start with a certificate of a CA that it does not know.
        if found.ca_before != found.response.ca:
            pem = chain_pem(found.response.ca)
            found.backups += disk.write_pair(place.fabric, pem, None, backup_stamp)
        if found.before != found.response.chain:
            pem = chain_pem(*found.response.chain)
            found.backups += disk.write_pair(place.peer, pem, None, backup_stamp)
        if found.response.beside:
            disk.write_file(disk.trusted_path(place.fabric), found.trusted, disk.CERTIFICATE_MODE)
        else:
            disk.remove_file(disk.trusted_path(place.fabric))
    return found


def _look(place: PeerPaths, response_path: str, trust: Trust, now: datetime) -> InstallResult:
    require_no_ca_key(place)
    pem = disk.read_file(place.fabric.certificate)
    ca_before = None if pem is None else load_ca(pem, place.fabric.certificate)
    response = read_response(_read(response_path, "Name the file that the fabric's operator sent"), response_path)
    _require_ca(response, response_path, ca_before, place, trust)
    key = load_key(_read(place.peer.key, _ASK), place.peer.key)
    request = read_request(_read(place.request, _ASK), place.request)
    require_installable(response, request, key, fabric=place.fabric_name, now=now, where=response_path)
    pem = disk.read_file(place.peer.certificate)
    before = None if pem is None else tuple(load_chain(pem, place.peer.certificate))
    if not trust.replace:
        _require_renewal(before, response, place)
    reasons = []
    if ca_before != response.ca:
        reasons.append("there is no CA yet" if ca_before is None else "the installed CA differs")
    if before != response.chain:
        reasons.append("there is no certificate yet" if before is None else "the installed certificate differs")
    found = InstallResult(place, response, before, ca_before, reasons, [])
    if disk.read_file(disk.trusted_path(place.fabric)) != (found.trusted if response.beside else None):
        reasons.append("the trusted CAs differ")
    return found


_ASK = "Create a request with enrolment_request, and get it signed"


def _read(path: str, fix: str) -> bytes:
    content = disk.read_file(path)
    if content is None:
        raise ClusterlinkError(Problem(path, "is missing", fix=fix))
    return content


def _require_ca(
    response: Response, response_path: str, installed: x509.Certificate | None, place: PeerPaths, trust: Trust
) -> None:
    """Refuse a CA whose fingerprint is not confirmed: the response contains the CA that signs it.

    Raises:
        ClusterlinkError: Its fingerprint is not the confirmed one, or another CA is installed.
    """
    found = fingerprint(response.ca)
    where = f"{response_path}.ca"
    if trust.fingerprint is None and (installed is None or (trust.replace and installed != response.ca)):
        fix = "Get it from the fabric's operator over another channel than the file, for example by telephone"
        raise ClusterlinkError(Problem("ca_fingerprint", "is required for a CA that is not installed yet", fix=fix))
    if trust.fingerprint not in (None, found):
        fix = "Do not install it: it comes from somebody else, or the fingerprint is that of another CA"
        raise ClusterlinkError(Problem(where, f"does not have the fingerprint {trust.fingerprint}", found, fix))
    if installed is not None and installed != response.ca and not trust.replace:
        what = f"is not the CA in {place.fabric.certificate}, whose fingerprint is {fingerprint(installed)}"
        raise ClusterlinkError(Problem(where, what, found, _REPLACE))


def _require_renewal(before: tuple[x509.Certificate, ...] | None, response: Response, place: PeerPaths) -> None:
    """Refuse to replace a certificate by one that is not its renewal.

    Raises:
        ClusterlinkError: The installed one is for another key or name, is signed by another CA, or is newer.
    """
    if before is None or before == response.chain:
        return
    old, new = before[0], response.chain[0]
    reasons = [
        reason
        for reason, wrong in (
            ("is for another key", public_key(old) != public_key(new)),
            ("is for another name", dns_names(old) != dns_names(new)),
            ("is signed by another CA", old.issuer != new.issuer),
            ("is newer", old.not_valid_before_utc > new.not_valid_before_utc),
        )
        if wrong
    ]
    if reasons:
        what = f"{' and '.join(reasons)} than the response's certificate, so it is not replaced"
        raise ClusterlinkError(Problem(place.peer.certificate, what, f"certificate {fingerprint(old)}", _REPLACE))
