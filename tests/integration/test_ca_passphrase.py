# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA's encrypted key, made by real runs of Ansible and opened by openssl."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.certificates import WAYS, Play, changed, openssl


@pytest.fixture
def play(tmp_path: Path) -> Play:
    return Play(tmp_path, playbook=True)


@pytest.mark.parametrize("way", WAYS)
def test_an_encrypted_key_opens_with_its_passphrase_which_is_in_no_output(play: Play, way: str) -> None:
    play.environment = WAYS[way]
    secrets = {"right": "correct-horse-battery", "wrong": "incorrect-horse-battery"}

    def given(name: str, prefix: str = "") -> dict[str, Any]:
        return {f"{prefix}privatekey_passphrase": f"{{{{ {name} }}}}"}

    results = play(
        play.ca(),
        play.ca(**given("right")),
        play.ca(**given("right")),
        play.peer("east", **given("right", "ca_")),
        play.ca(**given("wrong")),
        play.peer("west", **given("wrong", "ca_")),
        secrets=secrets,
    )
    assert changed(results[:4]) == [True, True, False, True]
    assert all("cannot be decrypted with" in result["msg"] for result in results[4:])
    assert "horse" not in play.output
    key = str(play.pki / "demo/key.pem")
    openssl("pkey", "-in", key, "-passin", "pass:correct-horse-battery", "-noout", "-check")
    public = openssl("pkey", "-in", key, "-passin", "pass:correct-horse-battery", "-pubout")
    assert public == openssl("x509", "-in", str(play.pki / "demo/cert.pem"), "-noout", "-pubkey")
