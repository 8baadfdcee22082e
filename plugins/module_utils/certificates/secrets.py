# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All certificates that a gateway's Secrets hold, for a survey. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..clusterlink import names
from ..errors import ClusterlinkError, Problem
from ..gateway.stored_certificates import secret_text
from ..pki.certificates import dns_names, load_chain
from .found import CONTROL_PLANE, DATA_PLANE, PEER, SECRET, SITE_CA, TRUSTED_CA, Found, read_chain

_HELD = (
    (names.PEER_SECRET, names.PEER_CERTIFICATE, PEER),
    (names.PEER_SECRET, names.PEER_CA, TRUSTED_CA),
    (names.CA_SECRET, names.CA, SITE_CA),
    (names.CONTROLPLANE, names.CERTIFICATE, CONTROL_PLANE),
    (names.DATAPLANE, names.CERTIFICATE, DATA_PLANE),
)
"""The Secrets, the keys under which they hold certificates, and what for."""

SECRETS = tuple(dict.fromkeys(secret for secret, _key, _purpose in _HELD))

Object = Mapping[str, Any]


def peer_name(secrets: Mapping[str, Object | ClusterlinkError | None]) -> str:
    """The peer's name by its certificate; empty when that cannot be read. Takes what C(stored_certificates) does."""
    secret = secrets.get(names.PEER_SECRET)
    if isinstance(secret, ClusterlinkError):
        return ""
    try:
        leaf = load_chain(secret_text(secret, names.PEER_CERTIFICATE).encode(), names.PEER_SECRET)[0]
    except ClusterlinkError:
        return ""
    return next(iter(dns_names(leaf)), "")


def stored_certificates(
    secrets: Mapping[str, Object | ClusterlinkError | None], namespace: str, owner: str
) -> list[Found]:
    """The certificates in a gateway's Secrets; what is missing or cannot be read is one with a fault.

    Args:
        secrets: What each of C(SECRETS) was found to be: the object, why it cannot be read, or None when there is none.
        namespace: The gateway's.
        owner: The peer's name.
    """
    if all(secrets.get(name) is None for name in SECRETS):
        where = f"Secret {namespace}/{names.PEER_SECRET}"
        what = "is not there, nor is any other Secret of a gateway"
        problem = Problem(where, what, fix="Install a gateway by role gateway, or give the namespace that it is in")
        return [Found(owner, PEER, SECRET, where, fault=str(problem))]
    found: list[Found] = []
    for name, key, purpose in _HELD:
        secret, where = secrets.get(name), f"Secret {namespace}/{name}"
        if isinstance(secret, ClusterlinkError):
            found.append(Found(owner, purpose, SECRET, where, fault=secret.message()))
        elif secret is None:
            missing = Problem(where, "is not there", fix="Run role gateway, which makes it")
            found.append(Found(owner, purpose, SECRET, where, fault=str(missing)))
        else:
            found += read_chain(secret_text(secret, key).encode(), owner, purpose, SECRET, f"{where} {key}")
    return found
