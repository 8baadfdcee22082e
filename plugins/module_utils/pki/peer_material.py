# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate, key and CAs of a gateway, checked before they are installed.

A control plane with a damaged bundle, or with a key that does not match its certificate, stops working.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..errors import ClusterlinkError, Problem
from .certificates import chain_pem, facts, load_chain, require_match
from .keys import load_key
from .leaf import PEER_USAGE
from .pair import Pair
from .reasons import ca_usage_reasons, issuer_reasons, leaf_usage_reasons, name_reasons, validity_reasons
from .renewal import REPLACE_CA

if TYPE_CHECKING:
    from cryptography import x509


@dataclass(frozen=True)
class PeerMaterial:
    """The contents of a gateway's peer Secret as PEM: the leaf followed by its CA, its key, and the trusted CAs."""

    certificate_pem: str
    key_pem: str = field(repr=False)
    ca_pem: str


def peer_material(found: Pair, ca: bytes, ca_at: str, peer: str, now: datetime) -> PeerMaterial:
    """Check a peer's certificate against its key, its name, the CAs and the clock.

    A CA that has expired and did not sign the certificate stays trusted: in a rotation that is the old one. It harms
    nobody, and this machine's clock may be the wrong one.

    Args:
        found: The peer's certificate, which may be followed by its CA's, and its key.
        ca: The CAs that the gateway must trust, at least the one that signed the certificate.
        ca_at: Their file or option, for messages.
        peer: The peer's name.
        now: Aware.

    Raises:
        ClusterlinkError: With all problems.
    """
    missing = [
        Problem(place, "is missing", fix=f"Create it with peer_certificate for {peer}")
        for place, content in ((found.certificate_at, found.certificate), (found.key_at, found.key))
        if content is None
    ]
    if found.certificate is None or found.key is None:
        raise ClusterlinkError(missing)
    leaf = load_chain(found.certificate, found.certificate_at)[0]
    key = load_key(found.key, found.key_at)
    require_match(leaf, key, found.certificate_at, found.key_at)
    trusted = load_chain(ca, ca_at)
    issuer = next((candidate for candidate in trusted if not issuer_reasons(leaf, candidate)), trusted[0])
    problems = [
        Problem(found.certificate_at, reason, fix=f"Recreate it with peer_certificate for {peer}")
        for reason in (
            *validity_reasons(leaf, now),
            *name_reasons(leaf, peer),
            *leaf_usage_reasons(leaf, PEER_USAGE),
            *issuer_reasons(leaf, issuer),
        )
    ]
    problems += [
        Problem(ca_at, f"the CA {authority.subject.rfc4514_string()} cannot be used: {reason}", fix=REPLACE_CA)
        for authority in trusted
        for reason in (
            *(validity_reasons(authority, now) if authority == issuer or not _has_ended(authority, now) else ()),
            *ca_usage_reasons(authority),
        )
    ]
    if problems:
        raise ClusterlinkError(problems)
    return PeerMaterial(
        certificate_pem=chain_pem(leaf, issuer).decode(),
        key_pem=found.key.decode(),
        ca_pem=chain_pem(*trusted).decode(),
    )


def _has_ended(authority: x509.Certificate, now: datetime) -> bool:
    return now > authority.not_valid_after_utc


def material_facts(peer: PeerMaterial) -> dict[str, Any]:
    """The facts of the certificate; empty for one that does not exist yet."""
    if not peer.certificate_pem.startswith("-----"):
        return {}
    return facts(load_chain(peer.certificate_pem.encode(), "certificate")[0])
