# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The peer's certificate as a gateway is given it: from files or as content, and never unchecked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..errors import ClusterlinkError, Problem
from ..pki.pair import Pair
from ..pki.peer_material import PeerMaterial, peer_material
from ..pki_files.disk import read_file

_TO_COME = "made by an earlier task"


def given_certificate(
    params: Mapping[str, Any], peer: str, now: datetime, *, missing_is_fine: bool = False
) -> PeerMaterial:
    """The certificate, key and CAs that a module's options give, checked.

    Args:
        params: With C(certificate), C(privatekey) and C(ca), each as C(_path) or as C(_content).
        peer: The peer's name.
        now: Aware.
        missing_is_fine: For check mode, in which an earlier task has not made the files: stand-ins are returned then.

    Raises:
        ClusterlinkError: With everything that is missing or wrong.
    """
    certificate, certificate_at = _given(params, "certificate")
    key, key_at = _given(params, "privatekey")
    ca, ca_at = _given(params, "ca")
    if missing_is_fine and None in (certificate, key, ca):
        return PeerMaterial(certificate_pem=_TO_COME, key_pem=_TO_COME, ca_pem=_TO_COME)
    if ca is None:
        raise ClusterlinkError(Problem(ca_at, "is missing", fix="Make the fabric's CA by fabric_ca"))
    return peer_material(Pair(certificate, key, certificate_at, key_at), ca, ca_at, peer, now)


def _given(params: Mapping[str, Any], name: str) -> tuple[bytes | None, str]:
    """What an option gives, or None for a file that is not there; and where it comes from."""
    path, content = params[f"{name}_path"], params[f"{name}_content"]
    if path is not None:
        return read_file(path), str(path)
    return (content or "").encode(), f"{name}_content"
