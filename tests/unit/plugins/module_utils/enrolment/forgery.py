# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that are forged or damaged, and the check that they are refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from ansible_collections.skyshift.clusterlink.plugins.module_utils.enrolment.document import sign
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError

if TYPE_CHECKING:
    from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import PrivateKey
    from tests.unit.plugins.module_utils.enrolment.conftest import Stage


def refused(stage: Stage, **arguments: Any) -> str:
    """The error of signing; nothing may be written, not even in check mode."""
    before = stage.files()
    for check in (True, False):
        with pytest.raises(ClusterlinkError) as error:
            stage.sign(check=check, **arguments)
    assert stage.files() == before
    return str(error.value)


def content(stage: Stage, **changes: Any) -> dict[str, Any]:
    """The content of the request without its signature, with changes."""
    whole = json.loads(stage.request.read_text())
    del whole["signature"]
    return {**whole, **changes}


def put(stage: Stage, changed: Mapping[str, Any], key: PrivateKey) -> None:
    stage.request.write_bytes(sign(changed, key).text)


def csr(key: Any, name: str = "lyon", names: list[str] | None = None) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    )
    if names != []:
        alternatives = x509.SubjectAlternativeName([x509.DNSName(each) for each in names or [name]])
        builder = builder.add_extension(alternatives, critical=False)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(serialization.Encoding.PEM).decode()
