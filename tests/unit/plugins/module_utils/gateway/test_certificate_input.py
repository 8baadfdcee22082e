# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The peer's certificate as a gateway is given it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.certificate_input import given_certificate
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.ca import CaRequest, make_ca
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.certificates import chain_pem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.issue import (
    Issuer,
    Leaf,
    Term,
    Usage,
    issue_leaf,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import KeySpec, generate, key_pem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.subject import leaf_subject

NOW = datetime(2030, 6, 15, 12, 0, 0, tzinfo=UTC)
NAMES = ("certificate", "privatekey", "ca")


@pytest.fixture(scope="module")
def pems() -> dict[str, str]:
    """A peer's certificate without its CA, its key, and the CA."""
    authority = make_ca(CaRequest("demo"), NOW)
    key = generate(KeySpec())
    leaf = Leaf(leaf_subject("east"), key.public_key(), "east", Usage())
    certificate = issue_leaf(leaf, Issuer(authority.certificate, authority.key), Term(NOW, 30), 7)
    return {
        "certificate": chain_pem(certificate).decode(),
        "privatekey": key_pem(key).decode(),
        "ca": authority.certificate_pem.decode(),
    }


def params(paths: dict[str, Any] | None = None, contents: dict[str, Any] | None = None) -> dict[str, Any]:
    given = {f"{name}_path": str(path) for name, path in (paths or {}).items()}
    given.update({f"{name}_content": content for name, content in (contents or {}).items()})
    return {f"{name}_{kind}": given.get(f"{name}_{kind}") for name in NAMES for kind in ("path", "content")}


@pytest.fixture
def files(pems: dict[str, str], tmp_path: Path) -> dict[str, Path]:
    paths = {name: tmp_path / f"{name}.pem" for name in NAMES}
    for name, path in paths.items():
        path.write_text(pems[name], encoding="utf-8")
    return paths


def test_files_and_content_give_the_same(pems: dict[str, str], files: dict[str, Path]) -> None:
    material = given_certificate(params(contents=pems), "east", NOW)
    assert material == given_certificate(params(paths=files), "east", NOW)
    assert material.certificate_pem == pems["certificate"] + pems["ca"]
    assert material.ca_pem == pems["ca"]
    assert pems["privatekey"] not in repr(material)


def test_a_certificate_for_another_peer_is_refused(files: dict[str, Path]) -> None:
    with pytest.raises(ClusterlinkError, match="its DNS names are east instead of west"):
        given_certificate(params(paths=files), "west", NOW)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_missing_is_named(files: dict[str, Path], name: str) -> None:
    files[name].unlink()
    with pytest.raises(ClusterlinkError, match=f"{name}.pem: is missing"):
        given_certificate(params(paths=files), "east", NOW)


@pytest.mark.parametrize("name", NAMES)
def test_in_check_mode_a_file_that_is_missing_counts_as_made_earlier(files: dict[str, Path], name: str) -> None:
    files[name].unlink()
    given = given_certificate(params(paths=files), "east", NOW, missing_is_fine=True)
    assert given == given_certificate(params(paths=files), "east", NOW, missing_is_fine=True)


def test_in_check_mode_what_is_there_is_checked_all_the_same(files: dict[str, Path]) -> None:
    with pytest.raises(ClusterlinkError, match="instead of west"):
        given_certificate(params(paths=files), "west", NOW, missing_is_fine=True)


def test_empty_content_is_an_error_even_in_check_mode(pems: dict[str, str]) -> None:
    with pytest.raises(ClusterlinkError, match="certificate_content"):
        given_certificate(params(contents={**pems, "certificate": ""}), "east", NOW, missing_is_fine=True)
