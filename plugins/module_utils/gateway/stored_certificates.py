# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates that a gateway's Secrets hold."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

from ..clusterlink import names
from ..errors import ClusterlinkError
from ..pki.certificates import facts, load_chain
from ..pki.components import ComponentCertificates

Object = Mapping[str, Any]


def secret_text(secret: Object | None, key: str) -> str:
    """What a Secret holds under a key; empty when there is none or it is no text."""
    value = ((secret or {}).get("data") or {}).get(key, "")
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def component_certificates(secrets: Iterable[Object]) -> ComponentCertificates | None:
    """The component certificates that a gateway has; None when it has nothing of them.

    Args:
        secrets: The Secrets in the gateway's namespace.
    """
    by_name = {secret["metadata"]["name"]: secret for secret in secrets}
    places = {
        "ca_pem": (names.CA_SECRET, names.CA),
        "controlplane_cert_pem": (names.CONTROLPLANE, names.CERTIFICATE),
        "controlplane_key_pem": (names.CONTROLPLANE, names.KEY),
        "dataplane_cert_pem": (names.DATAPLANE, names.CERTIFICATE),
        "dataplane_key_pem": (names.DATAPLANE, names.KEY),
    }
    texts = {field: secret_text(by_name.get(secret), key) for field, (secret, key) in places.items()}
    return ComponentCertificates(**texts) if any(texts.values()) else None


def peer_facts(secret: Object | None) -> dict[str, Any]:
    """What may be said of the certificate by which other peers know a gateway, and of the CAs that it trusts.

    Returns:
        C(certificate) and C(trusted), facts as C(pki.certificates.facts) gives them, and C(fault), a sentence that says
        why there are none, otherwise empty.
    """
    if secret is None:
        return {"certificate": None, "trusted": [], "fault": ""}
    where = f"Secret {secret['metadata']['namespace']}/{secret['metadata']['name']}"
    try:
        chain = load_chain(secret_text(secret, names.PEER_CERTIFICATE).encode(), f"{where} {names.PEER_CERTIFICATE}")
        trusted = load_chain(secret_text(secret, names.PEER_CA).encode(), f"{where} {names.PEER_CA}")
    except ClusterlinkError as error:
        return {"certificate": None, "trusted": [], "fault": error.message()}
    return {"certificate": facts(chain[0]), "trusted": [facts(authority) for authority in trusted], "fault": ""}
