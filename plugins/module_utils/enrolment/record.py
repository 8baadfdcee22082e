# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of signed requests, so that none is signed twice; it holds no secret."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..common.fields import Item, Report
from ..errors import ClusterlinkError, Problem
from ..pki.certificates import chain_pem, iso, load_chain, public_key
from ..pki_files import disk
from ..pki_files.evictions import Evictions, read_evictions
from .document import Span, load_json, read_span
from .request import Request

if TYPE_CHECKING:
    from cryptography import x509

FORMAT = "clusterlink-enrolled/1"

_CONFIRM = (
    "Get it from the peer's operator over another channel than the file, for example by telephone: playbook "
    "enrol_request prints it there, as 'Send its fingerprint over another channel', and prints it again when run "
    "again. Give it as fingerprint, or to playbook enrol_sign as -e enrol_fingerprint=FINGERPRINT"
)
_NEW_KEY = (
    "Do not sign it. If the peer may join again, its operator moves its folder with key.pem elsewhere and runs "
    "enrol_request, which creates another key"
)
_RESTORE = "Restore it from a backup: without it, a signed request could be signed again"


@dataclass(frozen=True)
class Entry:
    """A signed request, and the peer's certificate."""

    name: str
    nonce: str
    span: Span
    fingerprint: str
    identity: str
    certificate: x509.Certificate

    def as_dict(self) -> dict[str, Any]:
        """The entry in the file."""
        return {
            "name": self.name,
            "nonce": self.nonce,
            **self.span.as_dict(),
            "fingerprint": self.fingerprint,
            "identity": self.identity,
            "certificate": chain_pem(self.certificate).decode(),
        }


@dataclass(frozen=True)
class Record:
    """All signed requests, in the order in which they were signed."""

    entries: tuple[Entry, ...] = ()

    @property
    def text(self) -> bytes:
        """The file."""
        return json.dumps({"format": FORMAT, "signed": [each.as_dict() for each in self.entries]}, indent=2).encode()

    def with_signed(self, request: Request, certificate: x509.Certificate) -> Record:
        """The record with one more signed request."""
        document = request.document
        entry = Entry(
            request.peer.name, request.nonce, request.span, document.fingerprint, document.identity, certificate
        )
        return Record((*self.entries, entry))

    def enrolled(self, evictions: Evictions) -> dict[str, x509.Certificate]:
        """The last certificate of each peer that was not evicted, by the peer's name."""
        latest = {each.name: each.certificate for each in self.entries}
        return {name: found for name, found in latest.items() if evictions.of_key(public_key(found)) is None}

    def latest(self, name: str) -> Entry | None:
        """The last entry of a peer."""
        return next((each for each in reversed(self.entries) if each.name == name), None)


def read_record(text: bytes | None, where: str) -> Record:
    """The record in a file; an empty one when the file is missing.

    Raises:
        ClusterlinkError: The file cannot be read.
    """
    if text is None:
        return Record()
    try:
        report = Report()
        item = Item(load_json(text, where), where, report)
        item.choice("format", [FORMAT], required=True)
        entries = tuple(_read_entry(each) for each in item.items("signed"))
        item.finish()
        report.raise_any()
    except ClusterlinkError as error:
        problems = [Problem(each.where, each.what, each.found, _RESTORE) for each in error.problems]
        raise ClusterlinkError(problems) from error
    return Record(entries)


def record_of(folder: disk.Folder) -> Record:
    """The record of the requests that a fabric has signed; empty when there is none.

    Args:
        folder: The fabric's folder.

    Raises:
        ClusterlinkError: It cannot be read.
    """
    path = disk.enrolled_path(folder)
    return read_record(disk.read_file(path), path)


def enrolled_peers(folder: disk.Folder) -> dict[str, x509.Certificate]:
    """The latest certificates of other organisations' peers in a fabric, by name, without evicted peers.

    Args:
        folder: The fabric's folder.

    Raises:
        ClusterlinkError: The record of signed requests or of evictions cannot be read.
    """
    return record_of(folder).enrolled(read_evictions(folder))


def _read_entry(item: Item) -> Entry:
    entry = Entry(
        name=item.name(required=True),
        nonce=item.text("nonce", required=True),
        span=read_span(item),
        fingerprint=item.text("fingerprint", required=True),
        identity=item.text("identity", required=True),
        certificate=load_chain(item.text("certificate", required=True).encode(), item.path("certificate"))[0],
    )
    item.finish()
    return entry


def require_new(
    record: Record, evictions: Evictions, request: Request, where: str, *, replace: bool, confirmed: bool
) -> Entry | None:
    """The entry of a request that was signed before; None for a new request.

    A peer's first request, and one for another key, prove nothing about their sender. A renewal is signed by the
    enrolled key.

    Args:
        record: The signed requests.
        evictions: The evicted keys.
        request: The request, checked in all other respects.
        where: The request's file, for messages.
        replace: Whether an enrolled peer may get a certificate for another key.
        confirmed: Whether the peer's operator has confirmed the request's fingerprint.

    Raises:
        ClusterlinkError: It is for an evicted key, is a replay, is for a new key without ``replace``, or needs to be
            confirmed and is not.
    """
    evicted = evictions.problem(request.key, where, _NEW_KEY)
    if evicted is not None:
        raise ClusterlinkError(evicted)
    latest = record.latest(request.peer.name)
    same = next((each for each in record.entries if each.nonce == request.nonce), None)
    if same is not None and same is latest and same.identity == request.document.identity:
        return same
    if same is not None:
        raise _replay(where, f"is a replay: its nonce is on record for {same.name}", same.span.created)
    if latest is not None and request.span.created <= latest.span.created:
        raise _replay(where, "is not newer than the last signed request of this peer", latest.span.created)
    enrolled = record.enrolled(evictions).get(request.peer.name)
    if enrolled is not None and request.key == public_key(enrolled):
        return None
    problems = []
    if enrolled is not None and not replace:
        what = f"is for another key than the enrolled one of {request.peer.name}"
        fix = "Ask the peer's operator whether they created a new key. If they did, set replace=true"
        problems.append(Problem(where, what, fix=fix))
    if not confirmed:
        which = "the first request" if enrolled is None else "a request for another key"
        what = f"is required for {which} of {request.peer.name}: nothing else shows who sent it"
        problems.append(Problem("fingerprint", what, fix=_CONFIRM))
    if problems:
        raise ClusterlinkError(problems)
    return None


def _replay(where: str, what: str, moment: datetime) -> ClusterlinkError:
    return ClusterlinkError(
        Problem(where, what, f"the signed request was created at {iso(moment)}", "Ask for a new request")
    )
