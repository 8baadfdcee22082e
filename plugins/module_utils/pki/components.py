# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates by which one gateway's control plane and data plane authenticate each other.

They are valid inside their cluster alone. A site CA signs two leaves and its key is then discarded, so all three are
always created together (names and uses as in ClusterLink v0.4.1, pkg/bootstrap/cert.go).

A gateway receives new ones without a moment at which its two parts do not trust each other: first its pods trust the
old and the new site CA, then they receive certificates of the new one, then they trust it alone (gateway/install_plan
gives the order of the pods). The key of the new site CA is never stored. So a run that is killed leaves a CA behind
that signs nothing more, and the next run starts with another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
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

    During a renewal C(ca_pem) holds more than one site CA.
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
    """The reasons to recreate a gateway's component certificates, as sentences without a full stop; empty to keep them.

    An unreadable certificate is a reason, too, and no error: nobody outside the gateway depends on these keys.

    Args:
        found: The content of the gateway's Secrets; an empty string for missing content.
        now: Aware.
        key: The required kind of key; None accepts any.
        renewal: When they are renewed.
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
    """The trusted site CAs that signed one of the two leaves.

    Args:
        found: Readable certificates.
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


@dataclass(frozen=True)
class ComponentRollout:
    """The steps to a gateway's desired component certificates.

    Attributes:
        final: The desired certificates.
        reasons: Why the present ones differ; empty when they do not.
        transition: The certificates of the step before: the present ones, with trust in the new site CA, too. None when
            there are no usable ones.
        extra_trust: Whether pods trust more CAs than desired. They may need them until they have been replaced.
    """

    final: ComponentCertificates
    reasons: list[str] = field(default_factory=list)
    transition: ComponentCertificates | None = None
    extra_trust: bool = False


def plan_component_rollout(
    found: ComponentCertificates | None, now: datetime, renewal: Renewal = ONCE_EXPIRED
) -> ComponentRollout:
    """Decide whether to keep or recreate a gateway's component certificates.

    Args:
        found: The content of its Secrets; None when there are none.
        now: Aware.
        renewal: When they are renewed.
    """
    if found is None:
        return ComponentRollout(make_components(now), ["there are none yet"])
    reasons = check_components(found, now, renewal=renewal)
    if reasons:
        made = make_components(now)
        usable = not check_components(found, now)
        transition = replace(found, ca_pem=found.ca_pem + made.ca_pem) if usable else None
        return ComponentRollout(made, reasons, transition)
    used = signers(found)
    if len(used) == len(load_chain(found.ca_pem.encode(), SITE_CA)):
        return ComponentRollout(found)
    lean = replace(found, ca_pem=chain_pem(*used).decode())
    return ComponentRollout(lean, [f"{SITE_CA}: it trusts a CA that signs nothing any more"], extra_trust=True)
