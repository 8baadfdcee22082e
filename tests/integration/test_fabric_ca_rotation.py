# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""fabric_ca_rotation in real runs of Ansible, proven with openssl. Scenario certificates has gateways and traffic.

What the clusters show is what a gateway would show that was given the folder's files, by certificate_info of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.certificates import Play, changed, contents, openssl

PEERS = ["east", "west"]


class Rotation:
    """A fabric's folder, and what its clusters show."""

    def __init__(self, folder: Path) -> None:
        self.play = Play(folder)
        self.folder = self.play.pki / "demo"
        changed(self.play(self.play.ca(), *(self.play.peer(name) for name in PEERS)))
        self.observed: dict[str, Any] = {}
        self.update_peer_certificate()

    def task(self, phase: str | None, *, check_mode: bool = False, **options: Any) -> dict[str, Any]:
        own = {"path": str(self.play.pki), "fabric": "demo", "peers": PEERS, "observed": self.observed}
        wanted = {} if phase is None else {"phase": phase}
        return {"skyshift.clusterlink.fabric_ca_rotation": {**own, **wanted, **options}, "check_mode": check_mode}

    def update_peer_certificate(self) -> None:
        """What role gateway does with the folder's files."""
        bundle = self.folder / "trusted.pem"
        places = [bundle if bundle.exists() else self.folder / "cert.pem"]
        places += [self.folder / name / "cert.pem" for name in PEERS]
        looks = [{"skyshift.clusterlink.certificate_info": {"content": place.read_text()}} for place in places]
        trusted, *leaves = (result["certificates"] for result in self.play(*looks))
        for name, found in zip(PEERS, leaves, strict=True):
            leaf = next(each for each in found if each["subject"] == f"CN={name}")
            self.observed[name] = {"certificate": leaf, "trusted": trusted}

    def step(self, phase: str) -> None:
        """A phase is foretold, done, and done no second time."""
        before = contents(self.folder)
        (foretold,) = self.play(self.task(phase, check_mode=True))
        assert contents(self.folder) == before
        done, again = self.play(self.task(phase), self.task(phase))
        assert changed([foretold, done, again]) == [True, True, False]
        assert foretold["phase"] == done["phase"] == phase

    def verified(self, ca: Path) -> list[bool]:
        """Of each peer, whether openssl verifies its certificate by the CAs in a file."""
        said = [openssl("verify", "-CAfile", str(ca), str(self.folder / n / "cert.pem"), check=False) for n in PEERS]
        return [text.strip().endswith("OK") for text in said]


@pytest.fixture
def rotation(tmp_path: Path) -> Rotation:
    return Rotation(tmp_path)


def subject(certificate: Path) -> str:
    return openssl("x509", "-in", str(certificate), "-noout", "-subject")


def test_every_phase_is_predicted_done_and_done_once_and_verifies_all_the_way(rotation: Rotation) -> None:
    folder, play = rotation.folder, rotation.play
    old = subject(folder / "cert.pem")
    keys = {name: (folder / name / "key.pem").read_bytes() for name in PEERS}

    rotation.step("trust")
    assert (folder / "trusted.pem").read_text().count("BEGIN CERTIFICATE") == 2
    assert subject(folder / "cert.pem") == old, "the old CA signs still"
    assert rotation.verified(folder / "trusted.pem") == [True, True]
    rotation.update_peer_certificate()

    rotation.step("issue")
    assert subject(folder / "cert.pem") != old, "Envoy finds a CA by its subject"
    assert changed(play(play.peer("east"))) == [True]
    assert rotation.verified(folder / "cert.pem") == [True, False]
    assert rotation.verified(folder / "trusted.pem") == [True, True], "both trust both"
    assert changed(play(play.peer("west"))) == [True]
    rotation.update_peer_certificate()

    rotation.step("drop")
    rotation.update_peer_certificate()
    rotation.step("idle")
    assert rotation.verified(folder / "cert.pem") == [True, True]
    assert {name: (folder / name / "key.pem").read_bytes() for name in PEERS} == keys
    assert set(contents(folder)) == {"cert.pem", "key.pem", *(f"{n}/{f}.pem" for n in PEERS for f in ("cert", "key"))}
    assert {path.stat().st_mode & 0o077 for path in folder.rglob("key.pem")} == {0}
    assert changed(play(play.ca(), *(play.peer(name) for name in PEERS))) == [False, False, False]


def test_a_phase_for_which_a_cluster_is_not_ready_is_refused_and_nothing_is_written(rotation: Rotation) -> None:
    changed(rotation.play(rotation.task("trust")))
    before = contents(rotation.folder)
    early, elsewhere, skipped = rotation.play(
        rotation.task("issue"),
        rotation.task("issue", observed={name: rotation.observed[name] for name in ("east",)}),
        rotation.task("drop"),
    )
    for result in (early, elsewhere):
        assert result["failed"]
        assert not result["changed"]
    assert (skipped.get("failed", False), skipped["changed"]) == (False, False)  # it is not the next one
    assert "east" in early["msg"]
    assert "west" in elsewhere["msg"]
    assert contents(rotation.folder) == before
    (where,) = rotation.play(rotation.task(None))
    assert (where["changed"], where["phase"]) == (False, "trust")
    assert where["steps"]


def test_bad_input_is_refused_before_anything_is_written(rotation: Rotation) -> None:
    before = contents(rotation.folder)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"phase": "begin"}, "phase"),
        ({"key_type": "rsa", "key_size": 1024}, "key_size"),
        ({"key_size": 4096}, "key_type"),
        ({"valid_days": 0}, "valid_days"),
        ({"fabric": "../demo"}, "fabric"),
        ({"privatekey_passphrase": ""}, "privatekey_passphrase"),
        ({"path": str(rotation.folder / "none")}, "none"),
    ]
    results = rotation.play(*(rotation.task(**{"phase": "trust", **options}) for options, _said in wrong))
    for result, (options, said) in zip(results, wrong, strict=True):
        assert result["failed"], options
        assert said in result["msg"]
    assert contents(rotation.folder) == before
    assert not (rotation.folder / "none").exists()
