# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a gateway needs of its peer's certificate, checked before it is handed over.

A control plane that is given a damaged bundle or a key that is not its certificate's stops working, so nothing is
handed over unread.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..errors import ClusterlinkError, Problem
from .certificates import chain_pem, facts, load_chain, require_match
from .keys import load_key
from .leaf import PEER_USAGE
from .pair import Pair
from .reasons import ca_usage_reasons, issuer_reasons, leaf_usage_reasons, name_reasons, validity_reasons
from .renewal import REPLACE_CA


@dataclass(frozen=True)
class PeerMaterial:
    """The contents of a gateway's peer Secret as PEM: the leaf followed by its CA, its key, and the trusted CAs."""

    certificate_pem: str
    key_pem: str = field(repr=False)
    ca_pem: str


def peer_material(found: Pair, ca: bytes, ca_at: str, peer: str, now: datetime) -> PeerMaterial:
    """Check a peer's certificate against its key, its name, the CAs and the clock.

    Args:
        found: The peer's certificate, which may be followed by its CA's, and its key.
        ca: The CAs that the gateway shall trust, at least the one that signed the certificate.
        ca_at: The file or option that holds them, for messages.
        peer: The peer's name.
        now: Aware.

    Raises:
        ClusterlinkError: With everything that is wrong.
    """
    missing = [
        Problem(place, "is missing", fix=f"Make it by peer_certificate for {peer}")
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
        Problem(found.certificate_at, reason, fix=f"Make it anew by peer_certificate for {peer}")
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
        for reason in (*validity_reasons(authority, now), *ca_usage_reasons(authority))
    ]
    if problems:
        raise ClusterlinkError(problems)
    return PeerMaterial(
        certificate_pem=chain_pem(leaf, issuer).decode(),
        key_pem=found.key.decode(),
        ca_pem=chain_pem(*trusted).decode(),
    )


def material_facts(peer: PeerMaterial) -> dict[str, Any]:
    """What may be said of a material's certificate; nothing of one that is yet to be made."""
    if not peer.certificate_pem.startswith("-----"):
        return {}
    return facts(load_chain(peer.certificate_pem.encode(), "certificate")[0])
