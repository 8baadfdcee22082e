# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A peer's certificate: keep or renew the present one, and issue a new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..errors import ClusterlinkError, Problem
from .ca import Authority
from .certificates import iso, load_chain, public_key, require_match
from .issue import Issuer, Leaf, Term, Usage, issue_leaf
from .keys import SYSTEM, Fresh, KeySpec, load_key, spec_of
from .pair import Decision, Issued, Pair
from .reasons import NO_MARGIN, issuer_reasons, key_reasons, leaf_usage_reasons, name_reasons, validity_reasons
from .renewal import CHANGE_CA, ONCE_EXPIRED, Renewal, lost_by_leaf
from .subject import leaf_subject, subject_reasons

if TYPE_CHECKING:
    from cryptography import x509

    from .keys import PrivateKey

DEFAULT_DAYS = 365

PEER_USAGE = Usage(server=True, client=True)
"""A gateway accepts connections from peers and opens connections to them."""


@dataclass(frozen=True)
class LeafRequest:
    """The desired certificate.

    Attributes:
        name: The peer's name, which is the common name and the only DNS name.
        key: The kind of key; None keeps any present key and creates one of the CA's kind where there is none.
        days: The lifetime of a new certificate; that of a present one is not compared.
        subject: Further attributes of its subject; None keeps any present ones.
    """

    name: str
    key: KeySpec | None = None
    days: int = DEFAULT_DAYS
    subject: Mapping[str, str] | None = None

    def new_key(self, ca: x509.Certificate) -> KeySpec:
        """The kind of a new key; a fabric of RSA keys, which the CLI can read, stays one."""
        return self.key or spec_of(public_key(ca))

    def expected(self, ca: x509.Certificate | None) -> dict[str, Any]:
        """The facts of a new certificate that are known before it is issued."""
        known = {"subject": leaf_subject(self.name, self.subject).rfc4514_string(), "dns_names": [self.name]}
        return known if ca is None else {**known, "issuer": ca.subject.rfc4514_string()}


def decide_leaf(
    found: Pair, ca: x509.Certificate | None, request: LeafRequest, now: datetime, renewal: Renewal = ONCE_EXPIRED
) -> Decision:
    """Decide whether to keep the peer's present certificate. A usable key is kept.

    Args:
        found: The present certificate and key.
        ca: The fabric's CA; None when it does not exist yet.
        request: The desired certificate.
        now: Aware.
        renewal: When it is renewed. It is kept when a new one would end no later.

    Raises:
        ClusterlinkError: A file cannot be read, or certificate and key do not match.
    """
    expected = request.expected(ca)
    if found.certificate is None and found.key is None:
        return Decision(["there is no certificate yet"], expected=expected)
    if found.key is None:
        raise ClusterlinkError(
            Problem(
                found.key_at,
                f"is missing, though its certificate is in {found.certificate_at}",
                fix="Restore it from a backup, or remove the certificate to recreate both",
            )
        )
    key = load_key(found.key, found.key_at)
    unfit = key_reasons(key, request.key)
    keep = None if unfit else key
    if found.certificate is None:
        return Decision(["there is a key without a certificate", *unfit], None, keep, expected)
    chain = load_chain(found.certificate, found.certificate_at)
    require_match(chain[0], key, found.certificate_at, found.key_at)
    if ca is None:
        return Decision(["the fabric has no CA yet"], chain[0], keep, expected)
    margin = renewal.margin(chain[0])
    # For a certificate of an earlier CA, the warning about that CA says it already.
    warnings = [] if issuer_reasons(chain[0], ca) else lost_by_leaf(chain[0], request.name, now)
    if _end(ca, request, now) <= chain[0].not_valid_after_utc:
        if ca.not_valid_after_utc <= chain[0].not_valid_after_utc and now + margin > ca.not_valid_after_utc:
            warnings.append(_cut_short(ca, request.name))
        margin = NO_MARGIN
    return Decision(leaf_reasons(chain, ca, request, now, margin), chain[0], keep, expected, warnings)


def decide_own(found: Pair, authority: Authority, request: LeafRequest, now: datetime, renewal: Renewal) -> Decision:
    """As C(decide_leaf), for a CA whose key is available.

    Raises:
        ClusterlinkError: As C(decide_leaf); or a certificate must be signed and the CA's key is missing. This error
            comes before anything is written.
    """
    decision = decide_leaf(found, authority.certificate, request, now, renewal)
    if decision.reasons and authority.certificate is not None:
        authority.issuer()
    return decision


def _end(ca: x509.Certificate, request: LeafRequest, now: datetime) -> datetime:
    """The end of a certificate that is issued now."""
    return min(Term(now, request.days).end, ca.not_valid_after_utc)


def _cut_short(ca: x509.Certificate, name: str) -> str:
    return (
        f"The certificate of {name} is near its end and cannot be renewed, because the fabric's CA itself expires at "
        f"{iso(ca.not_valid_after_utc)}. {CHANGE_CA}"
    )


def leaf_reasons(
    chain: list[x509.Certificate],
    ca: x509.Certificate,
    request: LeafRequest,
    now: datetime,
    renew_before: timedelta = NO_MARGIN,
) -> list[str]:
    """Why a peer's certificate, followed by the CA's, differs from the desired one; sentences without a full stop."""
    leaf = chain[0]
    reasons = [
        *validity_reasons(leaf, now, renew_before),
        *subject_reasons(leaf, request.name, request.subject),
        *name_reasons(leaf, request.name),
        *leaf_usage_reasons(leaf, PEER_USAGE),
        *key_reasons(public_key(leaf), request.key),
        *issuer_reasons(leaf, ca),
    ]
    if not reasons and chain[1:] != [ca]:
        reasons.append("it is not followed by the CA's certificate alone")
    return reasons


def make_leaf(
    request: LeafRequest, issuer: Issuer, now: datetime, key: PrivateKey | None = None, fresh: Fresh = SYSTEM
) -> Issued:
    """Issue a peer's certificate, followed by the CA's, for the given key or a new one."""
    key = key or fresh.key(request.new_key(issuer.certificate))
    leaf = Leaf(leaf_subject(request.name, request.subject), key.public_key(), request.name, PEER_USAGE)
    certificate = issue_leaf(leaf, issuer, Term(now, request.days), fresh.serial())
    return Issued((certificate, issuer.certificate), key)
