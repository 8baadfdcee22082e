# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Step 2, the fabric's side: check a request, and issue one certificate for it."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..errors import ClusterlinkError, Problem
from ..pki.ca import load_authority
from ..pki.certificates import fingerprint, load_chain
from ..pki.issue import Issuer, Leaf, Term, issue_leaf
from ..pki.keys import NO_PASSPHRASE, SYSTEM, Fresh, Passphrase
from ..pki.leaf import PEER_USAGE
from ..pki.subject import leaf_subject
from ..pki_files import disk
from ..pki_files.ca_rotation import RotationFolder
from ..pki_files.evictions import read_evictions
from .document import Span
from .peer_addresses import Peers, plain_peers
from .record import Record, record_of, require_new
from .request import Expected, Request, read_request, require_expected
from .response import Response, certificate_reasons, make_response, read_response, response_reasons

if TYPE_CHECKING:
    from cryptography import x509


@dataclass(frozen=True)
class SigningOptions:
    """How a request is signed.

    Attributes:
        expected: The expected fabric, peer, kind of key and fingerprint.
        peers: The addresses of the fabric's other peers.
        days: How many days the certificate is valid.
        response_days: For how many days the response may be installed.
        replace: Whether an enrolled peer may get a certificate for another key.
        passphrase: The passphrase of the CA's key.
        own_peers: The names of the fabric's own peers, which nobody else gets.
    """

    expected: Expected
    peers: Peers
    days: int
    response_days: int
    replace: bool = False
    passphrase: Passphrase = NO_PASSPHRASE
    own_peers: Collection[str] = ()


@dataclass(frozen=True)
class Paths:
    """The fabric's folder, the request's file and the response's."""

    fabric: disk.Folder
    request: str
    response: str

    @property
    def record(self) -> str:
        """The file that lists the signed requests."""
        return disk.enrolled_path(self.fabric)


@dataclass
class SigningResult:
    """What was signed, or in check mode would be.

    Attributes:
        paths: The files.
        request: The request.
        reasons: Why a response is created, as sentences without a full stop.
        ca: The fabric's CA.
        before: The previous response.
        after: The present response; None in check mode when it would be created.
        recorded: Whether a certificate is issued, which the fabric's folder records.
    """

    paths: Paths
    request: Request
    reasons: list[str]
    ca: x509.Certificate
    before: Response | None
    after: Response | None
    recorded: bool = False

    @property
    def changed(self) -> bool:
        """Whether a response is created."""
        return bool(self.reasons)

    def values(self) -> dict[str, Any]:
        """The facts of request and response, as far as they are known, and the peers to declare."""
        peer = self.request.peer
        return {
            **({} if self.after is None else self.after.facts()),
            "reasons": self.reasons,
            "recorded": self.recorded,
            "name": peer.name,
            "fabric": peer.fabric,
            "request_fingerprint": self.request.document.fingerprint,
            "ca_fingerprint": fingerprint(self.ca),
            "response_path": self.paths.response,
            # A peer without an address only imports, so no other cluster declares it.
            "clusterlink_peers": plain_peers({peer.name: peer.gateways} if peer.gateways else {}),
        }

    def diff(self) -> dict[str, Any]:
        """Facts before and after."""
        before = {} if self.before is None else self.before.facts()
        return {"before": before, "after": before if not self.reasons else self.after.facts() if self.after else {}}


def sign_request(
    paths: Paths, options: SigningOptions, now: datetime, *, check: bool, fresh: Fresh = SYSTEM
) -> SigningResult:
    """Check a request and sign it; the same request again gets the same certificate.

    Args:
        paths: The files.
        options: How to sign.
        now: Aware.
        check: Only report what would be done.
        fresh: Where serial numbers come from.

    Raises:
        ClusterlinkError: The request is refused, or the fabric's CA or its record cannot be used.
    """
    found = _look(paths, options, now)
    if check or not found.result.changed:
        return found.result
    with disk.locked(paths.fabric):
        found = _look(paths, options, now)
        _write(found, paths, options, now, fresh)
    return found.result


@dataclass(frozen=True)
class _Found:
    """The result so far, the CAs, the record, and the certificate that the request got before."""

    result: SigningResult
    issuer: Issuer
    beside: tuple[x509.Certificate, ...]
    record: Record
    leaf: x509.Certificate | None


def _look(paths: Paths, options: SigningOptions, now: datetime) -> _Found:
    text = disk.read_file(paths.request)
    if text is None:
        fix = "Name the file that the peer's operator created with enrolment_request"
        raise ClusterlinkError(Problem(paths.request, "is missing", fix=fix))
    issuer, beside = _authorities(paths, options, now)
    request = read_request(text, paths.request)
    require_expected(request, options.expected, now, paths.request)
    _require_not_own(paths, request, options.own_peers)
    record = record_of(paths.fabric)
    confirmed = options.expected.fingerprint is not None  # require_expected has compared it
    evictions = read_evictions(paths.fabric)
    entry = require_new(record, evictions, request, paths.request, replace=options.replace, confirmed=confirmed)
    before = _read_before(paths, request)
    ca = issuer.certificate
    if entry is None:
        reasons = ["the request is not signed yet"]
        result = SigningResult(paths, request, reasons, ca, before, None, recorded=True)
        return _Found(result, issuer, beside, record, None)
    unfit = certificate_reasons((entry.certificate, ca), ca, entry.name, now)
    if unfit:
        fix = "Ask for a new request"
        problems = [
            Problem(paths.request, f"was signed, and its certificate can no longer be used: {reason}", fix=fix)
            for reason in unfit
        ]
        raise ClusterlinkError(problems)
    if before is None:
        reasons = ["there is no response yet"]
    else:
        wanted = make_response(request, entry.certificate, issuer, options.peers, before.span, beside=beside)
        reasons = response_reasons(before, wanted, now)
    result = SigningResult(paths, request, reasons, ca, before, None if reasons else before)
    return _Found(result, issuer, beside, record, entry.certificate)


def _authorities(paths: Paths, options: SigningOptions, now: datetime) -> tuple[Issuer, tuple[x509.Certificate, ...]]:
    """The signing CA, and the other trusted CA during a rotation.

    All gateways of the fabric trust the new CA before it issues certificates, so another organisation's peer can get
    its certificate first. It trusts both CAs, so it keeps its links.
    """
    rotation = RotationFolder(paths.fabric)
    pair = disk.read_pair(rotation.signing())
    issuer = load_authority(pair, now, may_be_missing=False, passphrase=options.passphrase).issuer()
    trusted = disk.read_file(rotation.trusted)
    both = [] if trusted is None else load_chain(trusted, rotation.trusted)
    return issuer, tuple(each for each in both if each != issuer.certificate)


def _require_not_own(paths: Paths, request: Request, own_peers: Collection[str]) -> None:
    """Refuse the name of one of the fabric's own peers: its certificate would allow to impersonate that peer."""
    name = request.peer.name
    place = os.path.join(paths.fabric.path, name)
    if name in own_peers:
        what = f"is for the name {name}, which is one of the fabric's own peers in the inventory"
        fix = "Ask for a request with another name"
        raise ClusterlinkError(Problem(paths.request, what, fix=fix))
    if name in disk.peers_in(paths.fabric):
        what = f"is for the name {name}, and this folder holds the certificate of a peer with that name"
        fix = f"Ask for a request with another name or, if that peer has left, evict it: -e evict_peer={name}"
        raise ClusterlinkError(Problem(paths.request, what, place, fix))


def _read_before(paths: Paths, request: Request) -> Response | None:
    """The existing response.

    Raises:
        ClusterlinkError: The file may not be overwritten.
    """
    text = disk.read_file(paths.response)
    if text is None:
        return None
    fix = "Name another file for the response, or remove this one"
    try:
        before = read_response(text, paths.response)
    except ClusterlinkError as error:
        what = "exists, is not a response, and is not overwritten"
        raise ClusterlinkError(Problem(paths.response, what, fix=fix)) from error
    if (before.fabric, before.name) != (request.peer.fabric, request.peer.name):
        found = f"{before.name} of {before.fabric}"
        what = "is the response for another peer, and is not overwritten"
        raise ClusterlinkError(Problem(paths.response, what, found, fix))
    return before


def _write(found: _Found, paths: Paths, options: SigningOptions, now: datetime, fresh: Fresh) -> None:
    """Write the record before the response, so that an interrupted run never issues a second certificate."""
    result, issuer, leaf = found.result, found.issuer, found.leaf
    if not result.reasons:
        return
    if leaf is None:
        name = result.request.peer.name
        wanted = Leaf(leaf_subject(name), result.request.key, name, PEER_USAGE)
        leaf = issue_leaf(wanted, issuer, Term(now, options.days), fresh.serial())
        record = found.record.with_signed(result.request, leaf)
        disk.write_file(paths.record, record.text, disk.CERTIFICATE_MODE)
    span = Span.of(now, options.response_days)
    result.after = make_response(result.request, leaf, issuer, options.peers, span, beside=found.beside)
    disk.write_file(paths.response, result.after.document.text, disk.CERTIFICATE_MODE)
