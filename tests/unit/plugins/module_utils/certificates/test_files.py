# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.certificates import files as survey_files
from ansible_collections.skyshift.clusterlink.plugins.module_utils.certificates.files import in_content, in_path
from ansible_collections.skyshift.clusterlink.plugins.module_utils.certificates.found import (
    CONTENT,
    FABRIC_CA,
    FILE,
    PEER,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import key_pem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki_files import disk

if TYPE_CHECKING:
    from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.pair import Issued


@pytest.fixture
def folder(tmp_path: Path, ca: Issued, east: Issued) -> Path:
    """A fabric's folder with a peer, and what does not belong to it."""
    root = tmp_path / "demo"
    for path, issued in ((root, ca), (root / "east", east)):
        path.mkdir()
        (path / "cert.pem").write_bytes(issued.certificate_pem)
        (path / "key.pem").write_bytes(key_pem(issued.key))
    (root / "notes").mkdir()
    return root


def listed(path: Path) -> list[tuple[str, str, bool]]:
    return [(each.owner, each.purpose, bool(each.fault)) for each in in_path(str(path)) if not each.follows]


def test_a_fabrics_folder_holds_its_ca_and_its_peers(folder: Path) -> None:
    assert listed(folder) == [("demo", FABRIC_CA, False), ("east", PEER, False)]
    assert {each.place for each in in_path(str(folder))} == {FILE}


def test_a_peers_folder_holds_its_certificate(folder: Path) -> None:
    assert listed(folder / "east") == [("east", PEER, False), ("demo", FABRIC_CA, False)]


def test_a_single_file_says_itself_whose_it_is(folder: Path) -> None:
    assert listed(folder / "east" / "cert.pem") == [("east", PEER, False), ("demo", FABRIC_CA, False)]
    assert listed(folder / "cert.pem") == [("demo", FABRIC_CA, False)]


def test_keys_are_not_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def read(path: str) -> bytes | None:
        opened.append(path)
        return disk.read_file(path)

    monkeypatch.setattr(survey_files, "read_file", read)
    in_path(str(folder))
    assert opened == [str(folder / "cert.pem"), str(folder / "east" / "cert.pem")]


def test_a_file_of_a_key_is_a_fault_that_does_not_quote_it(folder: Path) -> None:
    (found,) = in_path(str(folder / "east" / "key.pem"))
    assert "holds no whole certificate" in found.fault
    assert "BEGIN" not in found.fault


def test_a_peer_whose_certificate_is_missing_is_a_fault(folder: Path) -> None:
    (folder / "east" / "cert.pem").unlink()
    assert listed(folder) == [("demo", FABRIC_CA, False), ("east", PEER, True)]


def test_a_folder_without_a_ca_is_a_fault(folder: Path) -> None:
    (folder / "cert.pem").unlink()
    assert listed(folder)[0] == ("demo", FABRIC_CA, True)


def test_a_path_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    (found,) = in_path(str(tmp_path / "none"))
    assert str(tmp_path / "none") in found.fault


def test_content_says_itself_whose_it_is(east: Issued) -> None:
    assert [(each.owner, each.purpose, each.place) for each in in_content(east.certificate_pem.decode())] == [
        ("east", PEER, CONTENT),
        ("demo", FABRIC_CA, CONTENT),
    ]


def test_empty_content_is_a_fault() -> None:
    (found,) = in_content("")
    assert "is empty" in found.fault
