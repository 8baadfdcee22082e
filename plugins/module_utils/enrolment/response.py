# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The response to a request: the peer's certificate, the CAs to trust and the peers' addresses, signed by the CA."""

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

FORMAT = "clusterlink-enrolment-response/1"

_PAIRS = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){31}")


@dataclass(frozen=True)
class Response:
    """A response, signed by the CA that it contains; whether that CA is the right one is checked elsewhere.

    Attributes:
        fabric: The fabric's name.
        name: The peer's name.
        request: The fingerprint of the request that it responds to.
        span: When it may be installed.
        chain: The peer's certificate, followed by the CA's.
        ca: The CA that signed.
        beside: The other trusted CA during a rotation.
        peers: The addresses of the fabric's other peers.
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
        """The facts that a result or a diff may show."""
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
    """The response with a certificate for the request's sender."""
    peer, found = request.peer, request.document.fingerprint
    chain = (leaf, issuer.certificate)
    content = {
        "format": FORMAT,
        "fabric": peer.fabric,
        "name": peer.name,
        "request": found,
        **span.as_dict(),
        "certificate": chain_pem(*chain).decode(),
        "ca": chain_pem(issuer.certificate, *beside).decode(),
        "peers": plain_peers(peers),
    }
    document = sign(content, issuer.key)
    return Response(peer.fabric, peer.name, found, span, chain, issuer.certificate, beside, peers, document)


def read_response(text: bytes, where: str) -> Response:
    """Read a response and check its shape, and its signature by the CA that it contains.

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
        fix = "Do not trust its content. Get the original file again"
        raise ClusterlinkError(Problem(where, "was altered, or is signed by another key than its CA's", fix=fix))
    return Response(fabric, name, request, span, chain, ca, tuple(beside), peers, document)


def response_reasons(response: Response, wanted: Response, now: datetime) -> list[str]:
    """Why an existing response differs from the desired one, as sentences without a full stop."""
    before, after = response.facts(), wanted.facts()
    changes = [
        f"its {key.replace('_', ' ')} changed"
        for key in before.keys() - {"created", "expires"}
        if before[key] != after[key]
    ]
    return [*sorted(changes), *response.span.reasons(now)]


def certificate_reasons(
    chain: tuple[x509.Certificate, ...], ca: x509.Certificate, name: str, now: datetime
) -> list[str]:
    """Why a peer cannot use a certificate of a CA, as sentences without a full stop."""
    reasons = [f"its CA cannot be used: {reason}" for reason in (*validity_reasons(ca, now), *ca_usage_reasons(ca))]
    return reasons or leaf_reasons(list(chain), ca, LeafRequest(name), now)


def require_installable(
    response: Response, request: Request, key: PrivateKey, *, fabric: str, now: datetime, where: str
) -> None:
    """Refuse a response that is not for the request of this peer.

    The caller has checked the CA, and everything else is signed by that CA's key.

    Raises:
        ClusterlinkError: With everything that is wrong.
    """
    peer = request.peer
    problems = [
        Problem(f"{where}.{part}", f"is not the requested {what}", f"{theirs}, not {ours}", fix)
        for part, what, theirs, ours, fix in (
            ("fabric", "fabric", response.fabric, fabric, "Get the response to this fabric's request"),
            ("name", "peer", response.name, peer.name, "Get the response to this peer's request"),
        )
        if theirs != ours
    ]
    if response.request != request.document.fingerprint:
        what = "is for another request than this peer's last one"
        fix = "Install the response to the last request, or get the last request signed"
        found = f"{response.request}, not {request.document.fingerprint}"
        problems.append(Problem(where, what, found, fix))
    fix = "Create a new request with enrolment_request, and get it signed"
    problems += [Problem(where, f"cannot be installed: {reason}", fix=fix) for reason in response.span.reasons(now)]
    place = f"{where}.certificate"
    if not same_key(key, response.chain[0].public_key()):
        found = _kinds(spec_of(public_key(response.chain[0])), spec_of(key))
        problems.append(Problem(place, "is for another key than this peer's", found, fix))
    reasons = certificate_reasons(response.chain, response.ca, peer.name, now)
    problems += [Problem(place, f"cannot be installed: {reason}", fix=fix) for reason in reasons]
    for each in response.beside:
        reasons = ca_usage_reasons(each)
        if each.subject == response.ca.subject:
            reasons.append("it has the same subject as the signing CA, so gateways cannot distinguish them")
        problems += [Problem(f"{where}.ca", f"cannot be trusted: {reason}", fix=fix) for reason in reasons]
    if problems:
        raise ClusterlinkError(problems)


def _kinds(theirs: KeySpec, ours: KeySpec) -> str:
    return f"an {theirs} key, not this {ours} key" if theirs != ours else f"another {theirs} key"
