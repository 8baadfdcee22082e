# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric's answer to a request: the peer's certificate, the CAs to trust, where peers are; the first CA signs it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..common.naming import label_value_fault
from ..errors import ClusterlinkError, Problem
from ..pki.certificates import chain_pem, fingerprint, load_chain, public_key
from ..pki.issue import Issuer
from ..pki.keys import KeySpec, same_key, spec_of
from ..pki.leaf import LeafRequest, leaf_reasons
from ..pki.reasons import ca_usage_reasons, validity_reasons
from .document import Document, Span, content_item, damaged, is_signed_by, read_document, read_span, sign
from .peer_addresses import Peers, plain_peers, read_peers
from .request import Request

if TYPE_CHECKING:
    from cryptography import x509

    from ..pki.keys import PrivateKey

FORMAT = "clusterlink-enrolment-answer/1"

_PAIRS = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){31}")


@dataclass(frozen=True)
class Response:
    """An answer that was read, and is signed by the CA that it brings; whether that is the right one is another thing.

    Attributes:
        fabric: The fabric's name.
        name: The peer's name.
        request: The fingerprint of the request that it answers.
        span: From when to when it may be installed.
        chain: The peer's certificate, followed by the CA's.
        ca: The CA that signed.
        beside: The CA that is trusted, too, while one takes the place of the other.
        peers: Where the fabric's other peers are reached.
        document: The file.
    """

    fabric: str
    name: str
    request: str
    span: Span
    chain: tuple[x509.Certificate, ...]
    ca: x509.Certificate
    beside: tuple[x509.Certificate, ...]
    peers: Peers
    document: Document

    def facts(self) -> dict[str, Any]:
        """What may be said of it in a result or a diff."""
        return {
            "fabric": self.fabric,
            "name": self.name,
            "request_fingerprint": self.request,
            **self.span.as_dict(),
            "certificate_fingerprint": fingerprint(self.chain[0]),
            "ca_fingerprint": fingerprint(self.ca),
            "trusted_fingerprints": [fingerprint(each) for each in (self.ca, *self.beside)],
            "peers": plain_peers(self.peers),
        }


def make_response(
    request: Request,
    leaf: x509.Certificate,
    issuer: Issuer,
    peers: Peers,
    span: Span,
    *,
    beside: tuple[x509.Certificate, ...] = (),
) -> Response:
    """The answer that brings a certificate to the request's sender."""
    asked, found = request.asked, request.document.fingerprint
    chain = (leaf, issuer.certificate)
    content = {
        "format": FORMAT,
        "fabric": asked.fabric,
        "name": asked.name,
        "request": found,
        **span.as_dict(),
        "certificate": chain_pem(*chain).decode(),
        "ca": chain_pem(issuer.certificate, *beside).decode(),
        "peers": plain_peers(peers),
    }
    document = sign(content, issuer.key)
    return Response(asked.fabric, asked.name, found, span, chain, issuer.certificate, beside, peers, document)


def read_response(text: bytes, where: str) -> Response:
    """Read an answer and check all that it says of itself: its shape, and its signature by the CA that it brings.

    Raises:
        ClusterlinkError: It is damaged, altered or forged.
    """
    document = read_document(text, FORMAT, where)
    item, report = content_item(document, where)
    fabric = item.name("fabric", required=True, fault=label_value_fault)
    name = item.name("name", required=True)
    request = item.text("request", required=True)
    if request and not _PAIRS.fullmatch(request):
        item.problem("request", "must be a SHA-256 fingerprint", request)
    span = read_span(item)
    certificate, authority = item.text("certificate", required=True), item.text("ca", required=True)
    peers = read_peers(item)
    item.finish()
    report.raise_any()
    try:
        chain = tuple(load_chain(certificate.encode(), f"{where}.certificate"))
        ca, *beside = load_chain(authority.encode(), f"{where}.ca")
    except ClusterlinkError as error:
        problem = error.problems[0]
        raise damaged(problem.where, problem.what, problem.found) from error
    if not is_signed_by(document, public_key(ca)):
        fix = "Ask for the file as it was made; nothing in it can be relied on"
        raise ClusterlinkError(Problem(where, "was altered, or is signed by another key than its CA's", fix=fix))
    return Response(fabric, name, request, span, chain, ca, tuple(beside), peers, document)


def response_reasons(answer: Response, wanted: Response, now: datetime) -> list[str]:
    """Why an answer that is there is not the one that is wanted, as sentences without a full stop."""
    before, after = answer.facts(), wanted.facts()
    changes = [
        f"its {key.replace('_', ' ')} changed"
        for key in before.keys() - {"created", "expires"}
        if before[key] != after[key]
    ]
    return [*sorted(changes), *answer.span.reasons(now)]


def certificate_reasons(
    chain: tuple[x509.Certificate, ...], ca: x509.Certificate, name: str, now: datetime
) -> list[str]:
    """Why a certificate cannot be a peer's under a CA, as sentences without a full stop."""
    reasons = [f"its CA cannot be used: {reason}" for reason in (*validity_reasons(ca, now), *ca_usage_reasons(ca))]
    return reasons or leaf_reasons(list(chain), ca, LeafRequest(name), now)


def require_acceptable(
    answer: Response, request: Request, key: PrivateKey, *, fabric: str, now: datetime, where: str
) -> None:
    """Refuse an answer that does not answer the request of this peer.

    That its CA is the right one has been checked before: all the rest is said by whoever has that CA's key.

    Raises:
        ClusterlinkError: With everything that is wrong.
    """
    asked = request.asked
    problems = [
        Problem(f"{where}.{part}", f"is not the {what} that was asked for", f"{theirs}, not {ours}", fix)
        for part, what, theirs, ours, fix in (
            ("fabric", "fabric", answer.fabric, fabric, "Ask for the answer to this fabric's request"),
            ("name", "peer", answer.name, asked.name, "Ask for the answer to this peer's request"),
        )
        if theirs != ours
    ]
    if answer.request != request.document.fingerprint:
        what = "answers another request than the one that is here"
        fix = "Install the answer to the last request, or have the last request answered"
        found = f"{answer.request}, not {request.document.fingerprint}"
        problems.append(Problem(where, what, found, fix))
    fix = "Make a new request by enrolment_request and have it answered"
    problems += [Problem(where, f"cannot be installed: {reason}", fix=fix) for reason in answer.span.reasons(now)]
    place = f"{where}.certificate"
    if not same_key(key, answer.chain[0].public_key()):
        found = _kinds(spec_of(public_key(answer.chain[0])), spec_of(key))
        problems.append(Problem(place, "is for another key than this peer's", found, fix))
    reasons = certificate_reasons(answer.chain, answer.ca, asked.name, now)
    problems += [Problem(place, f"cannot be installed: {reason}", fix=fix) for reason in reasons]
    for each in answer.beside:
        reasons = ca_usage_reasons(each)
        if each.subject == answer.ca.subject:
            reasons.append("it has the subject of the CA that signed, so gateways could not tell them apart")
        problems += [Problem(f"{where}.ca", f"cannot be trusted: {reason}", fix=fix) for reason in reasons]
    if problems:
        raise ClusterlinkError(problems)


def _kinds(theirs: KeySpec, ours: KeySpec) -> str:
    return f"an {theirs} key, not this {ours} key" if theirs != ours else f"another {theirs} key"
