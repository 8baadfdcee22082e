# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA of one's own for a fabric: a self-signed one, or an intermediate of a larger hierarchy.

Gateways trust exactly the CA that signs. For Go every trusted certificate is a root (crypto/x509), and Envoy sets
X509_V_FLAG_PARTIAL_CHAIN (since 1.24; ClusterLink 0.4.1 has 1.34). So an intermediate needs no root in a gateway, and
no certificate that its root or another intermediate signs makes a peer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from ..errors import ClusterlinkError, Problem
from .certificates import fingerprint, load_chain, require_match
from .keys import Passphrase, load_key
from .pair import Issued, Pair
from .reasons import ca_usage_reasons, issuer_reasons, validity_reasons

try:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID
except ImportError:
    pass  # reported by libraries.library_problems

if TYPE_CHECKING:
    from .keys import PrivateKey

_KEPT = "Keep it there until the fabric's folder has the CA, or give the certificate alone once it has"


@dataclass(frozen=True)
class OwnCa:
    """A checked CA.

    Attributes:
        certificate: Its certificate.
        key: Its key; None where it is not given, which is enough once the fabric has the CA.
        certificate_at: The file of the certificate, for messages.
        key_at: The file or option of the key.
    """

    certificate: x509.Certificate
    key: PrivateKey | None = field(repr=False)
    certificate_at: str
    key_at: str

    def issued(self, passphrase: str | None) -> Issued:
        """The CA as the fabric's folder holds it, its key encrypted when there is a passphrase.

        Raises:
            ClusterlinkError: The key is not given.
        """
        if self.key is None:
            what = f"is missing, and the fabric does not have the CA of {self.certificate_at} yet"
            raise ClusterlinkError(Problem(self.key_at, what, fix="Give the CA's private key"))
        return Issued((self.certificate,), self.key, passphrase)

    def differs(self, found: x509.Certificate) -> str:
        """Why a fabric's CA is not this one, a sentence without a full stop; empty when it is."""
        if found == self.certificate:
            return ""
        return (
            f"it is another CA ({found.subject.rfc4514_string()}, {fingerprint(found)}) than that of "
            f"{self.certificate_at} ({self.certificate.subject.rfc4514_string()})"
        )


def load_own_ca(found: Pair, now: datetime, passphrase: Passphrase) -> OwnCa:
    """Read a CA of one's own, and check that gateways take what it signs.

    Args:
        found: Its certificate, which the certificates of the CAs above it may follow, and its key if there is one.
        now: Aware.
        passphrase: Of its key.

    Raises:
        ClusterlinkError: With all that is wrong with the certificate; the key cannot be read, or is another one's.
    """
    if found.certificate is None:
        raise ClusterlinkError(Problem(found.certificate_at, "is missing", fix=_KEPT))
    first, *above = load_chain(found.certificate, found.certificate_at)
    reasons = [*validity_reasons(first, now), *ca_usage_reasons(first), *_gateway_reasons(first)]
    for lower, upper in zip([first, *above], above, strict=False):
        name = lower.subject.rfc4514_string()
        reasons += [f"in its chain, {name} is not signed by the next: {each}" for each in issuer_reasons(lower, upper)]
    if reasons:
        fix = "Give a CA whose certificates gateways take, its own certificate first"
        raise ClusterlinkError([Problem(found.certificate_at, reason, fix=fix) for reason in reasons])
    key = None
    if found.key is not None:
        key = load_key(found.key, found.key_at, passphrase)
        require_match(first, key, found.certificate_at, found.key_at)
    return OwnCa(first, key, found.certificate_at, found.key_at)


def _gateway_reasons(ca: x509.Certificate) -> list[str]:
    """Why Go or Envoy would refuse a peer's certificate of a CA, as sentences without a full stop."""
    reasons = [] if ca.subject.rdns else ["it has no subject, by which Envoy finds a certificate's CA"]
    for extension in ca.extensions:
        value = extension.value
        if isinstance(value, x509.NameConstraints):
            reasons.append("it has name constraints, and the names of peers are in no domain")
        elif isinstance(value, x509.ExtendedKeyUsage):
            uses = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
            if ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in value and not uses <= set(value):
                reasons.append("its extended key usage does not allow both server and client authentication")
        elif isinstance(value, x509.UnrecognizedExtension) and extension.critical:
            reasons.append(f"it has a critical extension that gateways do not know, {extension.oid.dotted_string}")
    return reasons
