# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The subjects of certificates, and the names in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..common.naming import dns_label_fault, label_value_fault
from ..errors import ClusterlinkError, Problem
from .certificates import public_key

try:
    from cryptography import x509
    from cryptography.x509.oid import NameOID
except ImportError:
    pass  # reported by libraries.library_problems

if TYPE_CHECKING:
    from .keys import PublicKey

# In the order in which they stand in a subject, from the widest to the narrowest.
ATTRIBUTES = ("country", "province", "locality", "organization", "organizational_unit")

_LONGEST_ATTRIBUTE = 64


def require_peer(name: str, where: str) -> str:
    """The name of a peer, checked: it is a DNS name of its certificate, and a folder.

    Raises:
        ClusterlinkError: It is not valid.
    """
    return _require(name, where, dns_label_fault(name))


def require_fabric(name: str, where: str) -> str:
    """The name of a fabric, checked: it is a Kubernetes label's value, and a folder.

    It may be more than a DNS label, because the ``clusterlink`` CLI's default is ``default_fabric``.

    Raises:
        ClusterlinkError: It is not valid.
    """
    return _require(name, where, label_value_fault(name) if name else "is empty")


def _require(name: str, where: str, fault: str) -> str:
    if fault:
        raise ClusterlinkError(Problem(where, fault, repr(name), "Choose another name"))
    return name


def require_subject(given: Mapping[str, str | None] | None, where: str) -> dict[str, str] | None:
    """The given attributes, checked; None when there is no subject at all.

    Raises:
        ClusterlinkError: With every attribute that a certificate cannot have.
    """
    if given is None:
        return None
    subject = {name: value for name in ATTRIBUTES if (value := given.get(name)) is not None}
    problems = []
    for name, value in subject.items():
        if name == "country" and not re.fullmatch(r"[A-Z]{2}", value):
            problems.append(Problem(f"{where}.{name}", "is not a country code", repr(value), "Use two capital letters"))
        elif not 0 < len(value) <= _LONGEST_ATTRIBUTE:
            fix = f"Use 1 to {_LONGEST_ATTRIBUTE} characters, or omit it"
            problems.append(Problem(f"{where}.{name}", "is not valid in a subject", repr(value), fix))
    if problems:
        raise ClusterlinkError(problems)
    return subject


def generation(key: PublicKey) -> str:
    """The generation of a CA, derived from its key, so that two CAs of a fabric never share a subject.

    Envoy finds the CA of a certificate by its subject; with two CAs of one subject it may use the wrong one.
    """
    return f"ca-{x509.SubjectKeyIdentifier.from_public_key(key).digest.hex()[:16]}"


def ca_subject(name: str, key: PublicKey, attributes: Mapping[str, str] | None = None) -> x509.Name:
    """The subject of a new CA: the attributes, an organizational unit of its own, and the common name."""
    return x509.Name([*_attributes(attributes), _generation_unit(key), _common_name(name)])


def leaf_subject(name: str, attributes: Mapping[str, str] | None = None) -> x509.Name:
    """The subject of a new leaf: the attributes and the common name."""
    return x509.Name([*_attributes(attributes), _common_name(name)])


def subject_reasons(certificate: x509.Certificate, name: str, attributes: Mapping[str, str] | None) -> list[str]:
    """Whether the subject is the desired one, apart from a CA's generation; None accepts any attributes."""
    reasons = []
    found = certificate.subject
    common_names = [str(attribute.value) for attribute in found.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if common_names != [name]:
        reasons.append(f"its common name is {', '.join(common_names) or 'missing'} instead of {name}")
    if attributes is not None:
        own = (
            _common_name(name),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, generation(public_key(certificate))),
        )
        rest = x509.Name([attribute for attribute in found if attribute not in own])
        wanted = x509.Name(_attributes(attributes))
        if rest != wanted:
            reasons.append(f"its subject is {found.rfc4514_string()} instead of {wanted.rfc4514_string() or 'nothing'}")
    return reasons


def _generation_unit(key: PublicKey) -> x509.NameAttribute[str]:
    return x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, generation(key))


def _common_name(name: str) -> x509.NameAttribute[str]:
    return x509.NameAttribute(NameOID.COMMON_NAME, name)


def _attributes(attributes: Mapping[str, str] | None) -> list[x509.NameAttribute[str]]:
    oids = {
        "country": NameOID.COUNTRY_NAME,
        "province": NameOID.STATE_OR_PROVINCE_NAME,
        "locality": NameOID.LOCALITY_NAME,
        "organization": NameOID.ORGANIZATION_NAME,
        "organizational_unit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    }
    given = attributes or {}
    return [x509.NameAttribute(oids[name], given[name]) for name in ATTRIBUTES if name in given]
