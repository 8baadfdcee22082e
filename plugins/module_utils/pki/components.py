# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates by which one gateway's control plane and data plane know each other.

They are of no use outside their cluster: a site CA signs two leaves and its key is then forgotten, so they are always
made together (names and uses as in ClusterLink v0.4.1, pkg/bootstrap/cert.go).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from ..errors import ClusterlinkError
from .certificates import chain_pem, load_chain
from .issue import Issuer, Leaf, Term, Usage, issue_ca, issue_leaf
from .keys import SYSTEM, Fresh, KeySpec, key_pem, load_key
from .reasons import (
    ca_usage_reasons,
    issuer_reasons,
    key_reasons,
    leaf_usage_reasons,
    match_reasons,
    name_reasons,
    validity_reasons,
)
from .renewal import ONCE_EXPIRED, Renewal
from .subject import ca_subject, leaf_subject

if TYPE_CHECKING:
    from cryptography import x509

SITE_CA = "cl-ca"
CONTROLPLANE = "cl-controlplane"
DATAPLANE = "cl-dataplane"

DEFAULT_DAYS = 365
DEFAULT_KEY = KeySpec()

_SERVER = Usage(server=True, client=False)
_CLIENT = Usage(server=False, client=True)


@dataclass(frozen=True)
class ComponentCertificates:
    """All of a gateway's component certificates as PEM; a certificate is the leaf followed by the site CA.

    While they are made anew, C(ca_pem) is more than one site CA.
    """

    ca_pem: str
    controlplane_cert_pem: str
    controlplane_key_pem: str = field(repr=False)
    dataplane_cert_pem: str
    dataplane_key_pem: str = field(repr=False)


def make_components(
    now: datetime, *, key: KeySpec = DEFAULT_KEY, days: int = DEFAULT_DAYS, fresh: Fresh = SYSTEM
) -> ComponentCertificates:
    """New certificates for one gateway.

    Args:
        now: Aware; validity starts five minutes before.
        key: The kind of all three keys.
        days: How long all three are valid from now on.
        fresh: Where keys and serial numbers come from.
    """
    term = Term(now, days)
    ca_key = fresh.key(key)
    ca = issue_ca(ca_subject(SITE_CA, ca_key.public_key()), ca_key, term, fresh.serial())

    def make_leaf(name: str, usage: Usage) -> tuple[str, str]:
        leaf_key = fresh.key(key)
        leaf = Leaf(leaf_subject(name), leaf_key.public_key(), name, usage)
        certificate = issue_leaf(leaf, Issuer(ca, ca_key), term, fresh.serial())
        return chain_pem(certificate, ca).decode(), key_pem(leaf_key).decode()

    controlplane_cert, controlplane_key = make_leaf(CONTROLPLANE, _SERVER)
    dataplane_cert, dataplane_key = make_leaf(DATAPLANE, _CLIENT)
    return ComponentCertificates(
        ca_pem=chain_pem(ca).decode(),
        controlplane_cert_pem=controlplane_cert,
        controlplane_key_pem=controlplane_key,
        dataplane_cert_pem=dataplane_cert,
        dataplane_key_pem=dataplane_key,
    )


def check_components(
    found: ComponentCertificates, now: datetime, *, key: KeySpec | None = None, renewal: Renewal = ONCE_EXPIRED
) -> list[str]:
    """Why a gateway's component certificates should be made anew, as sentences without a full stop; empty for fine.

    What cannot be read is a reason too, and no error: nobody outside the gateway depends on these keys.

    Args:
        found: What the gateway's Secrets hold; an empty string for what is missing.
        now: Aware.
        key: The kind of key asked for; None takes any.
        renewal: When they are made anew before their end.
    """
    try:
        trusted = load_chain(found.ca_pem.encode(), f"the certificate of {SITE_CA}")
        leaves = [
            (
                load_chain(certificate.encode(), f"the certificate of {name}"),
                load_key(private.encode(), f"the key of {name}"),
                name,
                usage,
            )
            for name, usage, certificate, private in (
                (CONTROLPLANE, _SERVER, found.controlplane_cert_pem, found.controlplane_key_pem),
                (DATAPLANE, _CLIENT, found.dataplane_cert_pem, found.dataplane_key_pem),
            )
        ]
    except ClusterlinkError as error:
        return [f"{problem.where} {problem.what}" for problem in error.problems]
    reasons = []
    for ca in signers(found) or trusted[:1]:
        site = (*validity_reasons(ca, now, renewal.margin(ca)), *ca_usage_reasons(ca))
        reasons += [f"{SITE_CA}: {reason}" for reason in site]
    for chain, private, name, usage in leaves:
        own = [
            *validity_reasons(chain[0], now, renewal.margin(chain[0])),
            *key_reasons(private, key),
            *match_reasons(chain[0], private),
            *name_reasons(chain[0], name),
            *leaf_usage_reasons(chain[0], usage),
            *(_signer(chain[0], trusted)[1]),
        ]
        reasons += [f"{name}: {reason}" for reason in own]
    return reasons


def signers(found: ComponentCertificates) -> list[x509.Certificate]:
    """Those of the trusted site CAs that signed one of the two leaves.

    Args:
        found: Certificates that can be read.
    """
    trusted = load_chain(found.ca_pem.encode(), SITE_CA)
    used = [
        _signer(load_chain(pem.encode(), name)[0], trusted)[0]
        for name, pem in ((CONTROLPLANE, found.controlplane_cert_pem), (DATAPLANE, found.dataplane_cert_pem))
    ]
    return [ca for ca in trusted if ca in used]


def _signer(leaf: x509.Certificate, trusted: Sequence[x509.Certificate]) -> tuple[x509.Certificate | None, list[str]]:
    """The CA that signed a leaf, or why the first one did not."""
    faults = [issuer_reasons(leaf, ca) for ca in trusted]
    for ca, reasons in zip(trusted, faults, strict=True):
        if not reasons:
            return ca, []
    return None, faults[0]
