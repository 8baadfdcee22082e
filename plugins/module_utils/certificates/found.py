# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates from all places: their owners, purposes and validity. Never a key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..errors import ClusterlinkError
from ..pki.certificates import facts, fingerprint, load_chain, public_key
from ..pki.reasons import ca_usage_reasons, issuer_reasons
from ..pki.subject import generation

try:
    from cryptography import x509
    from cryptography.x509.oid import NameOID
except ImportError:
    pass  # reported by libraries.library_problems

if TYPE_CHECKING:
    from datetime import timedelta

# The purposes of certificates.
FABRIC_CA = "fabric_ca"
PEER = "peer"
TRUSTED_CA = "trusted_ca"
SITE_CA = "site_ca"
CONTROL_PLANE = "control_plane"
DATA_PLANE = "data_plane"

_CA_OF_LEAF = {PEER: FABRIC_CA, CONTROL_PLANE: SITE_CA, DATA_PLANE: SITE_CA}
"""The purpose of the CAs that follow a leaf in its chain."""

# The places of certificates.
FILE = "file"
CONTENT = "content"
SECRET = "secret"  # noqa: S105  # a name
WIRE = "wire"

_GENERATION = re.compile(r"ca-[0-9a-f]{16}")
_SECONDS_A_DAY = 86400


@dataclass(frozen=True)
class Found:
    """One certificate, or the reason why it cannot be read.

    Attributes:
        owner: The peer that it belongs to or that trusts it; the fabric for its own CA. Empty when unknown.
        purpose: One of the constants above.
        place: C(FILE), C(CONTENT), C(SECRET) or C(WIRE).
        where: The path, the Secret with its key, or the address.
        certificate: None when it cannot be read.
        fault: Why it cannot be read; otherwise empty.
        follows: Whether it only follows a leaf in a chain; a CA that is also found elsewhere is listed once.
    """

    owner: str
    purpose: str
    place: str
    where: str
    certificate: x509.Certificate | None = None
    fault: str = ""
    follows: bool = False


def read_chain(pem: bytes, owner: str, purpose: str, place: str, where: str) -> list[Found]:
    """Every certificate of a file or Secret's entry; an unreadable one has a fault.

    Args:
        pem: A leaf that its CAs may follow, or, for the purpose of a CA, CAs only.
        owner: As C(Found).
        purpose: The purpose of the first.
        place: As C(Found).
        where: As C(Found).
    """
    try:
        chain = load_chain(pem, where)
    except ClusterlinkError as error:
        return [Found(owner, purpose, place, where, fault=error.message())]
    after = _CA_OF_LEAF.get(purpose)
    return [
        Found(owner, after if after and number else purpose, place, where, certificate, follows=bool(after and number))
        for number, certificate in enumerate(chain)
    ]


def is_ca(certificate: x509.Certificate) -> bool:
    """Whether it is a CA that may sign certificates."""
    return not ca_usage_reasons(certificate)


def common_name(certificate: x509.Certificate) -> str:
    """The first common name of its subject; empty when there is none."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def describe(found: Iterable[Found], now: datetime) -> list[dict[str, Any]]:
    """The facts of every certificate, as plain data in the same order.

    Args:
        found: All certificates, so that their issuers and the served ones are known.
        now: Aware.

    Returns:
        For each C(owner), C(purpose), C(place), C(where), the facts of C(pki.certificates.facts), C(issuer_generation),
        C(valid), C(days_left), C(life_left), C(served) and C(fault); see module certificate_info. Unknown facts of an
        unreadable certificate are an empty string, an empty list or None.
    """
    listed = _without_repeats(found)
    authorities = [each.certificate for each in listed if each.certificate is not None and is_ca(each.certificate)]
    return mark_served([_entry(each, authorities, now) for each in listed])


def unreadable(found: Found) -> dict[str, Any]:
    """The entry of an unreadable certificate: its place and fault; all else is unknown."""
    return {
        **_place(found),
        **dict.fromkeys(("subject", "issuer", "not_before", "not_after", "key_type", "serial", "fingerprint"), ""),
        "dns_names": [],
        "key_size": None,
        "issuer_generation": "",
        **dict.fromkeys(("valid", "days_left", "life_left", "served")),
        "fault": found.fault,
    }


def mark_served(entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same entries, each peer's leaf marked by whether its gateway serves it.

    C(served) is True where the gateway serves this leaf, False where it serves another one, and None where that is
    unknown, and for all other certificates.
    """
    on_wire: dict[str, set[str]] = {}
    for entry in entries:
        if entry["place"] == WIRE and not entry["fault"]:
            on_wire.setdefault(entry["owner"], set()).add(entry["fingerprint"])

    def served(entry: dict[str, Any]) -> bool | None:
        if entry["purpose"] != PEER or entry["fault"] or entry["owner"] not in on_wire:
            return None
        return entry["fingerprint"] in on_wire[entry["owner"]]

    return [{**entry, "served": served(entry)} for entry in entries]


def issuer_generation(certificate: x509.Certificate, authorities: Iterable[x509.Certificate]) -> str:
    """The generation of the CA that signed it, as C(pki.subject.generation) names it; empty when unknown.

    Our CAs have it in their subjects. For other CAs it is derived from the key: of the CA itself where it is known,
    otherwise from the certificate's authority key identifier.
    """
    for unit in certificate.issuer.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME):
        if _GENERATION.fullmatch(str(unit.value)):
            return str(unit.value)
    for authority in (certificate, *authorities):
        if not issuer_reasons(certificate, authority):
            return generation(public_key(authority))
    try:
        extension = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except x509.ExtensionNotFound:
        return ""
    identifier = extension.value.key_identifier
    return f"ca-{identifier.hex()[:16]}" if identifier else ""


def _without_repeats(found: Iterable[Found]) -> list[Found]:
    """All but the CAs that only follow a leaf and are known from elsewhere, too."""
    everything = list(found)
    known = {fingerprint(each.certificate) for each in everything if each.certificate is not None and not each.follows}
    listed = []
    for each in everything:
        if each.follows and each.certificate is not None:
            mark = fingerprint(each.certificate)
            if mark in known:
                continue
            known.add(mark)
        listed.append(each)
    return listed


def _entry(found: Found, authorities: Sequence[x509.Certificate], now: datetime) -> dict[str, Any]:
    certificate = found.certificate
    if certificate is None:
        return unreadable(found)
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return {
        **_place(found),
        **facts(certificate),
        "issuer_generation": issuer_generation(certificate, authorities),
        "valid": start <= now <= end,
        "days_left": round((end - now).total_seconds() / _SECONDS_A_DAY, 1),
        "life_left": _life_left(end - now, end - start),
        "served": None,
        "fault": "",
    }


def _place(found: Found) -> dict[str, Any]:
    return {"owner": found.owner, "purpose": found.purpose, "place": found.place, "where": found.where}


def _life_left(rest: timedelta, whole: timedelta) -> int:
    """The remaining part of a lifetime, in whole percent from 0 to 100."""
    if whole.total_seconds() <= 0:
        return 0
    return max(0, min(100, round(100 * rest / whole)))
