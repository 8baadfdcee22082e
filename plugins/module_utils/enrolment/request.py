# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A peer's request for a certificate: its name, its gateway's addresses and its key, signed by that key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from ..common.naming import label_value_fault
from ..common.types import Address
from ..errors import ClusterlinkError, Problem
from ..pki.certificates import DAMAGED
from ..pki.keys import SMALLEST_RSA, spec_of
from ..pki.reasons import key_reasons
from ..pki.subject import leaf_subject
from .document import Document, Span, content_item, damaged, is_signed_by, read_document, read_span, sign
from .peer_addresses import plain_gateways, read_gateways

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
except ImportError:
    pass  # reported by libraries.library_problems

if TYPE_CHECKING:
    from ..pki.keys import KeySpec, PrivateKey, PublicKey

FORMAT = "clusterlink-enrolment-request/1"

_CSR = re.compile(r"-----BEGIN CERTIFICATE REQUEST-----\n[A-Za-z0-9+/=\n]+-----END CERTIFICATE REQUEST-----\n")
_NONCE = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class RequestedPeer:
    """The requested fabric, peer name and gateway addresses. A peer without addresses can only import."""

    fabric: str
    name: str
    gateways: tuple[Address, ...] = ()


@dataclass(frozen=True)
class Request:
    """A request, signed by the key that it is for."""

    peer: RequestedPeer
    span: Span
    nonce: str
    key: PublicKey
    document: Document

    def facts(self) -> dict[str, Any]:
        """The facts that a result or a diff may show."""
        spec = spec_of(self.key)
        return {
            "fabric": self.peer.fabric,
            "name": self.peer.name,
            "gateways": plain_gateways(self.peer.gateways),
            **self.span.as_dict(),
            "key_type": spec.type,
            "key_size": spec.size,
            "fingerprint": self.document.fingerprint,
        }


@dataclass(frozen=True)
class Expected:
    """The request that the fabric's operator expects.

    Attributes:
        fabric: The fabric's name.
        name: The peer's name.
        key: The kind of key; None accepts every kind that gateways support.
        fingerprint: The fingerprint from the peer's operator; None for a renewal, which needs none.
    """

    fabric: str
    name: str
    key: KeySpec | None = None
    fingerprint: str | None = None


def make_request(peer: RequestedPeer, key: PrivateKey, span: Span, nonce: str) -> Request:
    """A new request for the key, signed by it; C(nonce) is 32 hexadecimal digits, never used before."""
    csr = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(leaf_subject(peer.name))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(peer.name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    content = {
        "format": FORMAT,
        "fabric": peer.fabric,
        "name": peer.name,
        "gateways": plain_gateways(peer.gateways),
        **span.as_dict(),
        "nonce": nonce,
        "csr": csr.public_bytes(serialization.Encoding.PEM).decode(),
    }
    return Request(peer, span, nonce, key.public_key(), sign(content, key))


def read_request(text: bytes, where: str) -> Request:
    """Read a request and check its shape, both its signatures, and its names.

    Raises:
        ClusterlinkError: It is damaged, altered, forged, or contradicts itself.
    """
    document = read_document(text, FORMAT, where)
    item, report = content_item(document, where)
    peer = RequestedPeer(
        fabric=item.name("fabric", required=True, fault=label_value_fault),
        name=item.name("name", required=True),
        gateways=read_gateways(item),
    )
    span = read_span(item)
    nonce = item.text("nonce", required=True)
    if nonce and not _NONCE.fullmatch(nonce):
        item.problem("nonce", "must be 32 hexadecimal digits", nonce)
    pem = item.text("csr", required=True)
    item.finish()
    report.raise_any()
    csr = _load_csr(pem, f"{where}.csr")
    key = _require_key(csr, f"{where}.csr")
    if not is_signed_by(document, key):
        fix = "Do not trust its content. Get the original file again"
        raise ClusterlinkError(Problem(where, "was altered, or is signed by another key than its own", fix=fix))
    _require_names(csr, peer.name, f"{where}.csr")
    return Request(peer, span, nonce, key, document)


def _load_csr(pem: str, where: str) -> x509.CertificateSigningRequest:
    if not _CSR.fullmatch(pem):
        raise damaged(where, "is not exactly one certificate signing request as PEM")
    try:
        csr = x509.load_pem_x509_csr(pem.encode())
        # The library parses the parts on first use: trigger that here, where an error can name the file.
        _parts = csr.public_key(), csr.extensions, csr.subject.rfc4514_string()
        valid = csr.is_signature_valid
    except DAMAGED:
        raise damaged(where, "is a damaged certificate signing request") from None
    if not valid:
        raise damaged(where, "is not signed by the key that it is for")
    return csr


def _require_key(csr: x509.CertificateSigningRequest, where: str) -> PublicKey:
    key = csr.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= SMALLEST_RSA:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    found = f"{type(key).__name__} of {getattr(key, 'key_size', '?')} bits"
    what = f"is for a key that is neither ECDSA P-256 nor RSA of at least {SMALLEST_RSA} bits"
    raise ClusterlinkError(Problem(where, what, found, "Ask for a request with another key"))


def _require_names(csr: x509.CertificateSigningRequest, name: str, where: str) -> None:
    try:
        names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found = [str(each.value) for each in names]
    except x509.ExtensionNotFound:
        found = []
    subject = csr.subject.rfc4514_string()
    if found != [name] or csr.subject != leaf_subject(name):
        what = f"is for another name than the request, which is for {name}"
        fix = "Ask for a request for one name"
        raise ClusterlinkError(Problem(where, what, f"subject {subject}, names {', '.join(found) or 'none'}", fix))


def require_expected(request: Request, expected: Expected, now: datetime, where: str) -> None:
    """Refuse a request that differs from the expected one.

    Raises:
        ClusterlinkError: With everything that differs.
    """
    peer, found = request.peer, request.document.fingerprint
    problems = [
        Problem(f"{where}.{key}", f"is not the expected {what}", f"{theirs}, not {ours}", fix)
        for key, what, theirs, ours, fix in (
            ("fabric", "fabric", peer.fabric, expected.fabric, "Ask for a request for this fabric"),
            ("name", "peer", peer.name, expected.name, "Find out who sent it, and for whom"),
        )
        if theirs != ours
    ]
    if expected.fingerprint not in (None, found):
        fix = "Do not sign it: it is not the file that the peer's operator created. Ask them for the fingerprint again"
        problems.append(Problem(where, f"does not have the fingerprint {expected.fingerprint}", found, fix))
    fix = "Ask for a new request"
    problems += [Problem(where, f"cannot be signed: {reason}", fix=fix) for reason in request.span.reasons(now)]
    problems += [Problem(f"{where}.csr", reason, fix=fix) for reason in key_reasons(request.key, expected.key)]
    if problems:
        raise ClusterlinkError(problems)


def request_reasons(request: Request, peer: RequestedPeer, key: PrivateKey, now: datetime) -> list[str]:
    """Why a peer's existing request differs from the desired one, as sentences without a full stop."""
    reasons = [
        f"its {what} is {found or 'none'} instead of {wanted or 'none'}"
        for what, found, wanted in (
            ("fabric", request.peer.fabric, peer.fabric),
            ("name", request.peer.name, peer.name),
            ("address", _addresses(request.peer), _addresses(peer)),
        )
        if found != wanted
    ]
    if request.key != cast("object", key.public_key()):
        reasons.append("it is for another key than the existing one")
    return [*reasons, *request.span.reasons(now)]


def _addresses(peer: RequestedPeer) -> str:
    return ", ".join(f"{address.host} port {address.port}" for address in peer.gateways)
