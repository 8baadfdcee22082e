# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The phases of replacing a fabric's CA without losing requests, and the condition of each. Pure.

Every gateway must always trust the certificates of all others. So every cluster trusts both CAs before the first peer
gets a certificate of the new one. No cluster stops trusting the old CA before the last peer has such a certificate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..errors import ClusterlinkError, Problem
from .certificates import fingerprint

if TYPE_CHECKING:
    from cryptography import x509

IDLE = "idle"
"""There is one CA."""
TRUST = "trust"
"""There is a new CA beside the one that signs, and gateways must trust both."""
ISSUE = "issue"
"""The new CA signs, gateways still trust both, and peers get new certificates."""
DROP = "drop"
"""Gateways must trust the new CA alone; the old one is kept until all of them do."""

PHASES = (TRUST, ISSUE, DROP, IDLE)
"""In the order of a rotation."""


def is_next(now: str, wanted: str) -> bool:
    """Whether a phase follows the present one."""
    return PHASES.index(wanted) == (PHASES.index(now) + 1) % len(PHASES)


_NO_GATEWAY = "it has no gateway with a certificate"
_INSTALL = "Run playbook site first, which installs the gateway with its certificate"
_AGAIN = "Run rotate_ca.yml again when its cluster is reachable; the fabric keeps working meanwhile"


@dataclass(frozen=True)
class Authorities:
    """A fabric's CAs: the one that signs, and in a rotation the next and the old one."""

    current: x509.Certificate
    next: x509.Certificate | None = None
    old: x509.Certificate | None = None


def require_other_subject(current: x509.Certificate, new: x509.Certificate, where: str) -> None:
    """Refuse a new CA that gateways cannot distinguish from the old one.

    Envoy finds a certificate's CA by its subject. With two CAs of one subject, more than half of all requests were
    lost in a rotation (measured).

    Raises:
        ClusterlinkError: The subjects are equal.
    """
    if current.subject == new.subject:
        raise ClusterlinkError(
            Problem(
                where,
                "has the subject of the CA that it replaces, so gateways cannot distinguish them",
                new.subject.rfc4514_string(),
                "Give another subject, such as an organizational unit of its own; without a subject, rotate_ca.yml "
                "creates such a CA itself",
            )
        )


def has_expired(ca: x509.Certificate, observed: Mapping[str, Any], now: datetime) -> bool:
    """Whether a CA has expired by this machine's clock and by that of every cluster that was read, at least one.

    A clock that is wrong alone must not end the trust in a CA that works.

    Args:
        ca: The CA.
        observed: By peer, C(clock) as module gateway_info returns it: by how many seconds the cluster's clock is
            ahead; None when it is unknown.
        now: Aware.
    """
    end = ca.not_valid_after_utc
    ahead = [timedelta(seconds=view.get("clock") or 0) for view in observed.values()]
    return now > end and bool(ahead) and all(now + each > end for each in ahead)


def require_ready(wanted: str, authorities: Authorities, peers: Sequence[str], observed: Mapping[str, Any]) -> None:
    """Refuse the next phase unless every cluster is ready for it.

    Args:
        wanted: The next phase.
        authorities: The fabric's CAs in the present phase.
        peers: The names of all peers.
        observed: By peer, C(certificate), C(trusted) and C(loading_seconds) as module gateway_info returns them;
            unreachable peers are missing.

    Raises:
        ClusterlinkError: With every peer that is not ready.
    """
    problems = []
    for peer in peers:
        if peer not in observed:
            what = "its certificates are unknown, because its cluster was not read, so the rotation cannot advance"
            problems.append(Problem("fabric_ca_rotation", what, fix=_AGAIN, host=peer))
            continue
        reason = _REASONS[wanted](authorities, observed[peer])
        if reason:
            fix = _INSTALL if reason == _NO_GATEWAY else _AGAIN
            problems.append(Problem("fabric_ca_rotation", reason, fix=fix, host=peer))
    if problems:
        raise ClusterlinkError(problems)


def require_renewed(current: x509.Certificate, outside: Mapping[str, x509.Certificate]) -> None:
    """Refuse to advance while a peer of another organisation has a certificate of the old CA.

    Such a peer receives the new CA together with its new certificate.

    Args:
        current: The new CA.
        outside: By name, the latest certificate of each such peer.

    Raises:
        ClusterlinkError: With every such peer.
    """
    fix = (
        "Enrol it again (enrol_request, enrol_sign, enrol_install), and run rotate_ca.yml "
        "again; or leave it out for good: -e '{clusterlink_left_out: [NAME]}'"
    )
    what = "was enrolled from outside and has no certificate of the new CA"
    problems = [
        Problem("fabric_ca_rotation", what, fix=fix, host=name)
        for name, certificate in sorted(outside.items())
        if certificate.issuer != current.subject
    ]
    if problems:
        raise ClusterlinkError(problems)


def _no_gateway(view: Mapping[str, Any]) -> str:
    return "" if view.get("certificate") else view.get("fault") or _NO_GATEWAY


def _cannot_begin(authorities: Authorities, view: Mapping[str, Any]) -> str:
    return _no_gateway(view) or _not_trusting(authorities.current, view, "the fabric's present CA")


def _cannot_issue(authorities: Authorities, view: Mapping[str, Any]) -> str:
    new = authorities.next
    missing = _no_gateway(view) or ("" if new is None else _not_trusting(new, view, "the new CA"))
    return missing or _still_loading(view)


def _cannot_drop(authorities: Authorities, view: Mapping[str, Any]) -> str:
    issuer = (view.get("certificate") or {}).get("issuer", "")
    if _no_gateway(view):
        return _no_gateway(view)
    if issuer != authorities.current.subject.rfc4514_string():
        return f"its certificate is still signed by {issuer}"
    return _not_trusting(authorities.current, view, "the new CA") or _still_loading(view)


def _cannot_end(authorities: Authorities, view: Mapping[str, Any]) -> str:
    others = [
        ca.get("subject", "")
        for ca in view.get("trusted") or []
        if ca.get("fingerprint") != fingerprint(authorities.current)
    ]
    return _cannot_drop(authorities, view) or (f"it still trusts {', '.join(others)}" if others else "")


def _not_trusting(ca: x509.Certificate, view: Mapping[str, Any], name: str) -> str:
    trusted = [each.get("fingerprint") for each in view.get("trusted") or []]
    return "" if fingerprint(ca) in trusted else f"it does not trust {name} ({ca.subject.rfc4514_string()})"


def _still_loading(view: Mapping[str, Any]) -> str:
    """A gateway uses what its pods have loaded, which may be older than its Secret."""
    seconds = view.get("loading_seconds") or 0
    return f"its pods may use its previous certificates for another {seconds} s" if seconds else ""


_REASONS = {TRUST: _cannot_begin, ISSUE: _cannot_issue, DROP: _cannot_drop, IDLE: _cannot_end}


def steps(phase: str, peers: Sequence[str], outside: Sequence[str]) -> list[str]:
    """The remaining steps from a phase on, a sentence each without a full stop.

    Args:
        phase: The present phase.
        peers: The names of all peers.
        outside: Those of other organisations.
    """
    everybody = ", ".join(peers)
    enrolled = f"stop until these have enrolled again, for a certificate of the new CA: {', '.join(outside)}"
    ahead = {
        IDLE: ["create a new CA beside the present one"],
        TRUST: [
            f"let every gateway trust both CAs ({everybody}), and check all links",
            *([enrolled] if outside else []),
        ],
        ISSUE: [f"give {peer} a certificate of the new CA, and check its links" for peer in peers],
        DROP: [f"let every gateway trust the new CA alone ({everybody}), and check all links", "delete the old CA"],
    }
    order = (IDLE, TRUST, ISSUE, DROP)
    return [step for each in order[order.index(phase) :] for step in ahead[each]]
