# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options and files of a CA of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..errors import ClusterlinkError, Problem
from ..pki.keys import require_passphrase
from ..pki.own_ca import OwnCa, load_own_ca
from ..pki.pair import Pair
from .disk import read_file

OWN_CA_SPEC: dict[str, Any] = {
    "ownca_path": {"type": "path"},
    # The path of a key is not secret, the key is.
    "ownca_privatekey_path": {"type": "path", "no_log": False},
    "ownca_privatekey_passphrase": {"type": "str", "no_log": True},
}
"""The options of the modules that take a CA, as community.crypto calls them."""


def own_ca(params: Mapping[str, Any], now: datetime) -> OwnCa | None:
    """The CA of the options; None when they give none.

    Raises:
        ClusterlinkError: A key without a certificate, options that contradict it, or C(load_own_ca)'s.
    """
    certificate, key = params["ownca_path"], params["ownca_privatekey_path"]
    if certificate is None:
        if key is not None:
            raise ClusterlinkError(Problem("ownca_path", "is missing, and ownca_privatekey_path is given", key))
        return None
    if params.get("subject") is not None:
        raise ClusterlinkError(Problem("subject", "contradicts ownca_path", fix="Omit it: the CA is taken as it is"))
    content = None if key is None else read_file(key)
    if key is not None and content is None:
        what, fix = "is missing", "Restore it, or omit ownca_privatekey_path once the fabric's folder has the CA"
        raise ClusterlinkError(Problem(key, what, fix=fix))
    passphrase = require_passphrase(params["ownca_privatekey_passphrase"], "ownca_privatekey_passphrase")
    found = Pair(read_file(certificate), content, certificate, key or "ownca_privatekey_path")
    return load_own_ca(found, now, passphrase)
