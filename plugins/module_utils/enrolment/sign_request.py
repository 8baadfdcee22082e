# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fabric's side: a request that was checked is answered with a certificate, once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..errors import ClusterlinkError, Problem
from ..pki.ca import load_authority
from ..pki.certificates import fingerprint, load_chain
from ..pki.issue import Issuer, Leaf, Term, issue_leaf
from ..pki.keys import NO_PASSPHRASE, SYSTEM, Fresh, Passphrase
from ..pki.leaf import PEER_USAGE
from ..pki.rotation import TRUST
from ..pki.subject import leaf_subject
from ..pki_files import disk
from ..pki_files.ca_rotation import RotationFolder
from .document import Span
from .peer_addresses import Peers, plain_peers
from .record import Record, read_record, require_new
from .request import Expected, Request, read_request, require_expected
from .response import Response, certificate_reasons, make_response, read_response, response_reasons

if TYPE_CHECKING:
    from cryptography import x509


@dataclass(frozen=True)
class SigningOptions:
    """How a request is answered.

    Attributes:
        expected: What it has to be.
        peers: Where the fabric's other peers are reached.
        days: How many days the certificate is valid.
        answer_days: For how many days the answer may be installed.
        replace: Whether a peer that is enrolled already may get another key.
        passphrase: What the CA's key is encrypted with.
    """

    expected: Expected
    peers: Peers
    days: int
    answer_days: int
    replace: bool = False
    passphrase: Passphrase = NO_PASSPHRASE


@dataclass(frozen=True)
class Paths:
    """The fabric's folder, the request's file and the answer's."""

    fabric: disk.Folder
    request: str
    answer: str

    @property
    def record(self) -> str:
        """The file that tells which requests were answered."""
        return disk.enrolled_path(self.fabric)


@dataclass
class SigningResult:
    """What was done, or in check mode would be.

    Attributes:
        paths: The files.
        request: The request.
        reasons: Why an answer was made, as sentences without a full stop.
        ca: The fabric's CA.
        before: The answer that was there.
        after: The answer that is there now; None in check mode when it would be made.
    """

    paths: Paths
    request: Request
    reasons: list[str]
    ca: x509.Certificate
    before: Response | None
    after: Response | None

    @property
    def changed(self) -> bool:
        """Whether an answer was made."""
        return bool(self.reasons)

    def values(self) -> dict[str, Any]:
        """The facts of request and answer, as far as they are known, and what to declare."""
        asked = self.request.asked
        return {
            **({} if self.after is None else self.after.facts()),
            "reasons": self.reasons,
            "name": asked.name,
            "fabric": asked.fabric,
            "request_fingerprint": self.request.document.fingerprint,
            "ca_fingerprint": fingerprint(self.ca),
            "answer_path": self.paths.answer,
            # Nothing ever calls a peer that only calls out, so there is nothing to declare for it.
            "clusterlink_peers": plain_peers({asked.name: asked.gateways} if asked.gateways else {}),
        }

    def diff(self) -> dict[str, Any]:
        """Facts before and after."""
        before = {} if self.before is None else self.before.facts()
        return {"before": before, "after": before if not self.reasons else self.after.facts() if self.after else {}}


def sign_request(
    paths: Paths, terms: SigningOptions, now: datetime, *, check: bool, fresh: Fresh = SYSTEM
) -> SigningResult:
    """Check a request and answer it; the same request again gets the same certificate.

    Args:
        paths: The files.
        terms: How to answer.
        now: Aware.
        check: Only say what would be done.
        fresh: Where serial numbers come from.

    Raises:
        ClusterlinkError: The request is not to be answered, or the fabric's CA or its record cannot be used.
    """
    found = _look(paths, terms, now)
    if check or not found.result.changed:
        return found.result
    with disk.locked(paths.fabric):
        found = _look(paths, terms, now)
        _write(found, paths, terms, now, fresh)
    return found.result


@dataclass(frozen=True)
class _Found:
    """What there is to go on with: CAs, the record, and the certificate that the request was answered with before."""

    result: SigningResult
    issuer: Issuer
    beside: tuple[x509.Certificate, ...]
    record: Record
    leaf: x509.Certificate | None


def _look(paths: Paths, terms: SigningOptions, now: datetime) -> _Found:
    text = disk.read_file(paths.request)
    if text is None:
        fix = "Name the file that the peer's operator made by enrolment_request"
        raise ClusterlinkError(Problem(paths.request, "is missing", fix=fix))
    issuer, beside = _authorities(paths, terms, now)
    request = read_request(text, paths.request)
    require_expected(request, terms.expected, now, paths.request)
    _require_not_own(paths, request)
    record = read_record(disk.read_file(paths.record), paths.record)
    entry = require_new(record, request, paths.request, replace=terms.replace)
    before = _read_before(paths, request)
    ca = issuer.certificate
    if entry is None:
        reasons = ["the request has not been answered yet"]
        return _Found(SigningResult(paths, request, reasons, ca, before, None), issuer, beside, record, None)
    unfit = certificate_reasons((entry.certificate, ca), ca, entry.name, now)
    if unfit:
        fix = "Ask for a new request"
        problems = [
            Problem(paths.request, f"was answered with a certificate that will not do any more: {reason}", fix=fix)
            for reason in unfit
        ]
        raise ClusterlinkError(problems)
    if before is None:
        reasons = ["there is no answer yet"]
    else:
        wanted = make_response(request, entry.certificate, issuer, terms.peers, before.span, beside=beside)
        reasons = response_reasons(before, wanted, now)
    result = SigningResult(paths, request, reasons, ca, before, None if reasons else before)
    return _Found(result, issuer, beside, record, entry.certificate)


def _authorities(paths: Paths, terms: SigningOptions, now: datetime) -> tuple[Issuer, tuple[x509.Certificate, ...]]:
    """The CA that signs, and the other one that is trusted while the fabric's CA is replaced.

    All gateways of the fabric trust the new CA before its certificates are issued, so a peer of others can have its own
    first. With both CAs to trust, it loses no link meanwhile.
    """
    rotation = RotationFolder(paths.fabric)
    pair = disk.read_pair(rotation.next if rotation.phase() == TRUST else paths.fabric)
    issuer = load_authority(pair, now, may_be_missing=False, passphrase=terms.passphrase).issuer()
    trusted = disk.read_file(rotation.trusted)
    both = [] if trusted is None else load_chain(trusted, rotation.trusted)
    return issuer, tuple(each for each in both if each != issuer.certificate)


def _require_not_own(paths: Paths, request: Request) -> None:
    """Whoever got a certificate by the name of one of the fabric's own peers could stand in for it."""
    name = request.asked.name
    if name in disk.peers_in(paths.fabric):
        place = os.path.join(paths.fabric.path, name)
        what = f"asks for the name {name}, which is that of a peer whose certificate is kept here"
        fix = f"Ask for a request with another name, or, when the peer has moved, remove {place}"
        raise ClusterlinkError(Problem(paths.request, what, place, fix))


def _read_before(paths: Paths, request: Request) -> Response | None:
    """The answer that is there, when it is one that may be overwritten."""
    text = disk.read_file(paths.answer)
    if text is None:
        return None
    fix = "Name another file for the answer, or remove this one"
    try:
        before = read_response(text, paths.answer)
    except ClusterlinkError as error:
        what = "is there, is no answer to a request, and is not overwritten"
        raise ClusterlinkError(Problem(paths.answer, what, fix=fix)) from error
    if (before.fabric, before.name) != (request.asked.fabric, request.asked.name):
        found = f"{before.name} of {before.fabric}"
        what = "is the answer for another peer, and is not overwritten"
        raise ClusterlinkError(Problem(paths.answer, what, found, fix))
    return before


def _write(found: _Found, paths: Paths, terms: SigningOptions, now: datetime, fresh: Fresh) -> None:
    """The record first: an answer that got out without being on record could be had twice."""
    result, issuer, leaf = found.result, found.issuer, found.leaf
    if not result.reasons:
        return
    if leaf is None:
        name = result.request.asked.name
        wanted = Leaf(leaf_subject(name), result.request.key, name, PEER_USAGE)
        leaf = issue_leaf(wanted, issuer, Term(now, terms.days), fresh.serial())
        record = found.record.with_answered(result.request, leaf)
        disk.write_file(paths.record, record.text, disk.CERTIFICATE_MODE)
    span = Span.of(now, terms.answer_days)
    result.after = make_response(result.request, leaf, issuer, terms.peers, span, beside=found.beside)
    disk.write_file(paths.answer, result.after.document.text, disk.CERTIFICATE_MODE)
