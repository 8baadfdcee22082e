# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The peer's side, last: an answer that was checked becomes the peer's certificate and the CA that it trusts."""

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
from .response import Response, read_response, require_acceptable

if TYPE_CHECKING:
    from cryptography import x509

_ENROL_ONCE_MORE = (
    "The fabric's CA is being replaced, and both are trusted meanwhile. Enrol once more when the fabric's operator "
    "says that it is done, to trust the new one alone."
)
_REPLACE = "Find out why; to install the new one nevertheless, set replace=true"


@dataclass(frozen=True)
class Trust:
    """Which CA may be installed.

    Attributes:
        fingerprint: Of the CA, as the fabric's operator told it; None to go by the CA that is installed.
        replace: Whether a certificate or a CA that is there and differs may be replaced.
    """

    fingerprint: str | None
    replace: bool = False


@dataclass
class InstallResult:
    """What was done, or in check mode would be.

    Attributes:
        place: Where the files are.
        answer: The answer.
        before: The certificates that were there: the peer's, followed by the CA's; None for none.
        ca_before: The CA that was there.
        reasons: Why files were written, as sentences without a full stop.
        backups: The paths of backups.
    """

    place: PeerPaths
    answer: Response
    before: tuple[x509.Certificate, ...] | None
    ca_before: x509.Certificate | None
    reasons: list[str]
    backups: list[str]

    @property
    def changed(self) -> bool:
        """Whether anything was installed."""
        return bool(self.reasons)

    def values(self) -> dict[str, Any]:
        """The facts of the certificate, where it is, and what to declare."""
        return {
            **facts(self.answer.chain[0]),
            "ca_fingerprint": fingerprint(self.answer.ca),
            "trusted_fingerprints": [fingerprint(each) for each in (self.answer.ca, *self.answer.beside)],
            "reasons": self.reasons,
            "backup_files": self.backups,
            "certificate_path": self.place.peer.certificate,
            "ca_path": self.place.fabric.certificate,
            "clusterlink_peers": plain_peers(self.answer.peers),
        }

    @property
    def trusted(self) -> bytes:
        """What the file of the CAs that gateways trust holds while they are two."""
        return chain_pem(self.answer.ca, *self.answer.beside)

    def warnings(self) -> list[str]:
        """What the peer's operator should know."""
        if not self.answer.beside:
            return []
        return [_ENROL_ONCE_MORE]

    def diff(self) -> dict[str, Any]:
        """Facts before and after."""
        before: dict[str, Any] = {} if self.before is None else facts(self.before[0])
        if self.ca_before is not None:
            before["ca_fingerprint"] = fingerprint(self.ca_before)
        after = {**facts(self.answer.chain[0]), "ca_fingerprint": fingerprint(self.answer.ca)}
        return {"before": before, "after": after}


def install_response(
    place: PeerPaths, answer_at: str, trust: Trust, now: datetime, *, check: bool, backup_stamp: str | None = None
) -> InstallResult:
    """Check an answer and install it.

    Args:
        place: Where the peer's key and request are, and its certificate and the CA will be.
        answer_at: The answer's file.
        trust: Which CA may be installed.
        now: Aware.
        check: Only say what would be done.
        backup_stamp: Keep what is replaced under its name with this stamp.

    Raises:
        ClusterlinkError: The answer is not to be installed; nothing was written.
    """
    found = _look(place, answer_at, trust, now)
    if check or not found.changed:
        return found
    with disk.locked(place.fabric), disk.locked(place.peer):
        found = _look(place, answer_at, trust, now)
        # The CA first: a gateway with a certificate of a CA that it does not know yet could not start.
        if found.ca_before != found.answer.ca:
            pem = chain_pem(found.answer.ca)
            found.backups += disk.write_pair(place.fabric, pem, None, backup_stamp)
        if found.before != found.answer.chain:
            pem = chain_pem(*found.answer.chain)
            found.backups += disk.write_pair(place.peer, pem, None, backup_stamp)
        if found.answer.beside:
            disk.write_file(disk.trusted_path(place.fabric), found.trusted, disk.CERTIFICATE_MODE)
        else:
            disk.remove_file(disk.trusted_path(place.fabric))
    return found


def _look(place: PeerPaths, answer_at: str, trust: Trust, now: datetime) -> InstallResult:
    require_no_ca_key(place)
    pem = disk.read_file(place.fabric.certificate)
    ca_before = None if pem is None else load_ca(pem, place.fabric.certificate)
    answer = read_response(_read(answer_at, "Name the file that the fabric's operator sent"), answer_at)
    _require_ca(answer, answer_at, ca_before, place, trust)
    key = load_key(_read(place.peer.key, _ASK), place.peer.key)
    request = read_request(_read(place.request, _ASK), place.request)
    require_acceptable(answer, request, key, fabric=place.fabric_name, now=now, where=answer_at)
    pem = disk.read_file(place.peer.certificate)
    before = None if pem is None else tuple(load_chain(pem, place.peer.certificate))
    if not trust.replace:
        _require_renewal(before, answer, place)
    reasons = []
    if ca_before != answer.ca:
        reasons.append("there is no CA yet" if ca_before is None else "the CA that is there is another")
    if before != answer.chain:
        reasons.append("there is no certificate yet" if before is None else "the certificate that is there is another")
    found = InstallResult(place, answer, before, ca_before, reasons, [])
    if disk.read_file(disk.trusted_path(place.fabric)) != (found.trusted if answer.beside else None):
        reasons.append("the CAs that are trusted are others")
    return found


_ASK = "Make a request by enrolment_request and have it answered"


def _read(path: str, fix: str) -> bytes:
    content = disk.read_file(path)
    if content is None:
        raise ClusterlinkError(Problem(path, "is missing", fix=fix))
    return content


def _require_ca(
    answer: Response, answer_at: str, installed: x509.Certificate | None, place: PeerPaths, trust: Trust
) -> None:
    """Refuse a CA that nobody vouched for: an answer is signed by the CA that it brings, so this is what makes it good.

    Raises:
        ClusterlinkError: Its fingerprint is not the one that was told, or a CA is there and is another.
    """
    found = fingerprint(answer.ca)
    where = f"{answer_at}.ca"
    if trust.fingerprint is None and (installed is None or (trust.replace and installed != answer.ca)):
        fix = "Have it told by the fabric's operator, not by whoever brought the file: by telephone, for instance"
        raise ClusterlinkError(Problem("ca_fingerprint", "is required for a CA that is not installed yet", fix=fix))
    if trust.fingerprint not in (None, found):
        fix = "Do not install it: it comes from somebody else, or you were told another CA's fingerprint"
        raise ClusterlinkError(Problem(where, f"has not the fingerprint {trust.fingerprint}", found, fix))
    if installed is not None and installed != answer.ca and not trust.replace:
        what = f"is not the CA in {place.fabric.certificate}, whose fingerprint is {fingerprint(installed)}"
        raise ClusterlinkError(Problem(where, what, found, _REPLACE))


def _require_renewal(before: tuple[x509.Certificate, ...] | None, answer: Response, place: PeerPaths) -> None:
    """Refuse to replace a certificate by one that does not plainly follow on it.

    Raises:
        ClusterlinkError: The one that is there is for another key or name, by another CA, or newer.
    """
    if before is None or before == answer.chain:
        return
    old, new = before[0], answer.chain[0]
    reasons = [
        reason
        for reason, wrong in (
            ("is for another key", public_key(old) != public_key(new)),
            ("is for another name", dns_names(old) != dns_names(new)),
            ("is by another CA", old.issuer != new.issuer),
            ("is newer", old.not_valid_before_utc > new.not_valid_before_utc),
        )
        if wrong
    ]
    if reasons:
        what = f"is there and {' and '.join(reasons)} than the answer's, so it is not replaced"
        raise ClusterlinkError(Problem(place.peer.certificate, what, f"certificate {fingerprint(old)}", _REPLACE))
