# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA whose key is encrypted: modules fabric_ca and peer_certificate with a passphrase, which nothing ever shows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.outcome import Mode, Outcome, failure
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import Passphrase, load_key, same_key
from ansible_collections.skyshift.clusterlink.plugins.modules import fabric_ca, peer_certificate

PASSPHRASE = "correct horse battery staple"  # noqa: S105 - of no key outside this test
WRONG = "Tr0ub4dor-and-3"
SECRETS = (PASSPHRASE, WRONG)
GIVEN = {"privatekey_passphrase": PASSPHRASE}
FOR_PEERS = {"ca_privatekey_passphrase": PASSPHRASE}

Run = Callable[..., Outcome]


@pytest.fixture
def pki(tmp_path: Path) -> Path:
    return tmp_path / "pki"


@pytest.fixture
def said() -> Iterator[list[str]]:
    """All that modules say in a test, which holds no passphrase in the end."""
    everything: list[str] = []
    yield everything
    assert everything
    assert not [text for text in everything if any(secret in text for secret in SECRETS)]


@pytest.fixture
def make_ca(pki: Path, said: list[str]) -> Run:
    return runner(fabric_ca, {"path": str(pki), "fabric": "demo"}, said)


@pytest.fixture
def make_peer(pki: Path, said: list[str]) -> Run:
    return runner(peer_certificate, {"path": str(pki), "fabric": "demo", "name": "east"}, said)


def runner(module: Any, common: dict[str, Any], said: list[str]) -> Run:
    def go(*, check: bool = False, **arguments: Any) -> Outcome:
        given = {name: value for name, value in {**common, **arguments}.items() if value is not None}
        validation = ArgumentSpecValidator(module.TASK.argument_spec).validate(given)
        assert not validation.error_messages
        assert set(SECRETS) & {str(value) for value in given.values()} <= set(validation._no_log_values)
        mode = Mode(check=check, diff=True)
        try:
            outcome: Outcome = module.run(validation.validated_parameters, mode)
        except ClusterlinkError as error:
            said.append(f"{json.dumps(failure(error))}{error!r}{error.__cause__}")
            raise
        said.append(f"{json.dumps(outcome.as_result(mode))}{outcome!r}")
        return outcome

    return go


def error(run: Run, **arguments: Any) -> str:
    with pytest.raises(ClusterlinkError) as refused:
        run(**arguments)
    return str(refused.value)


def contents(pki: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in pki.rglob("*.pem") if path.is_file()}


def test_a_new_key_is_encrypted_once_and_signs_peers_whose_keys_are_not(make_ca: Run, make_peer: Run) -> None:
    made = make_ca(**GIVEN)
    key = Path(made.values["privatekey_path"])
    assert key.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert key.stat().st_mode & 0o777 == 0o600
    before = key.read_bytes()
    assert not make_ca(**GIVEN).changed
    assert key.read_bytes() == before, "encrypted once, not with new salt in every run"
    peer = make_peer(**FOR_PEERS)
    assert peer.values["issuer"] == made.values["subject"]
    assert b"ENCRYPTED" not in Path(peer.values["privatekey_path"]).read_bytes()
    assert not make_peer(**FOR_PEERS).changed


def test_a_key_in_the_clear_is_encrypted_and_stays_the_same(make_ca: Run, make_peer: Run, pki: Path) -> None:
    made = make_ca()
    make_peer()
    key = Path(made.values["privatekey_path"])
    before = contents(pki)
    planned = make_ca(**GIVEN, check=True)
    assert contents(pki) == before
    assert not make_peer(**FOR_PEERS, check=True).changed, "in check mode an earlier task would have encrypted it"
    done = make_ca(**GIVEN, backup=True)
    for outcome in (planned, done):
        assert outcome.changed
        assert outcome.values["reasons"] == []
        assert outcome.values["repaired"] == [f"{key} is not encrypted though privatekey_passphrase is given"]
        assert outcome.values["fingerprint"] == made.values["fingerprint"]
        assert (outcome.diff["before"]["key_encrypted"], outcome.diff["after"]["key_encrypted"]) == (False, True)
    after = contents(pki)
    assert {path for path in after if after[path] != before.get(path)} == {key}, "and no backup in the clear"
    old = load_key(before[key], "")
    assert same_key(load_key(after[key], "", Passphrase("", PASSPHRASE)), old.public_key())
    assert not make_ca(**GIVEN).changed
    assert not make_peer(**FOR_PEERS).changed


def test_an_open_key_in_the_clear_is_closed_and_encrypted(make_ca: Run) -> None:
    key = Path(make_ca().values["privatekey_path"])
    key.chmod(0o644)
    assert len(make_ca(**GIVEN).values["repaired"]) == 2
    assert key.stat().st_mode & 0o777 == 0o600
    assert b"ENCRYPTED" in key.read_bytes()
    assert not make_ca(**GIVEN).changed


def test_a_key_that_an_interrupted_run_left_is_gone_on_with_and_encrypted(make_ca: Run) -> None:
    values = make_ca().values
    before = load_key(Path(values["privatekey_path"]).read_bytes(), "")
    Path(values["certificate_path"]).unlink()
    done = make_ca(**GIVEN)
    assert done.values["reasons"] == ["there is a key without a certificate"]
    assert len(done.values["repaired"]) == 1
    after = load_key(Path(values["privatekey_path"]).read_bytes(), "", Passphrase("", PASSPHRASE))
    assert same_key(after, before.public_key())
    assert not make_ca(**GIVEN).changed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "key.pem: is encrypted with a passphrase. Set {option}."),
        (WRONG, "key.pem: cannot be decrypted with {option}"),
        ("", "{option}: is empty"),
        ("x" * 1024, "{option}: is longer than"),
    ],
)
@pytest.mark.parametrize("check", [False, True])
def test_without_the_right_passphrase_nothing_is_written(
    *, make_ca: Run, make_peer: Run, pki: Path, text: str | None, expected: str, check: bool
) -> None:
    make_ca(**GIVEN)
    before = contents(pki)
    for run, option in ((make_ca, "privatekey_passphrase"), (make_peer, "ca_privatekey_passphrase")):
        assert expected.format(option=option) in error(run, **{option: text}, check=check)
    assert "privatekey_passphrase" in error(make_ca, privatekey_passphrase=text, replace=True, check=check)
    assert contents(pki) == before


def test_a_peer_is_not_signed_by_a_key_that_should_be_encrypted(make_ca: Run, make_peer: Run, pki: Path) -> None:
    make_ca()
    before = contents(pki)
    assert "key.pem: is not encrypted though ca_privatekey_passphrase is given" in error(make_peer, **FOR_PEERS)
    assert contents(pki) == before


def test_a_replaced_ca_has_an_encrypted_key(make_ca: Run) -> None:
    key = Path(make_ca(**GIVEN).values["privatekey_path"])
    before = key.read_bytes()
    assert make_ca(**GIVEN, subject={"country": "NL"}, replace=True).changed
    assert key.read_bytes() != before
    assert b"ENCRYPTED" in key.read_bytes()


def test_a_ca_with_an_encrypted_key_can_be_removed_without_the_passphrase(make_ca: Run, pki: Path) -> None:
    make_ca(**GIVEN)
    assert make_ca(state="absent").changed
    assert not contents(pki)


def test_as_content_an_encrypted_key_is_given_back_only_when_it_is_new(make_ca: Run, make_peer: Run) -> None:
    content = {"path": None, "return_content": True}
    plain = make_ca(**content).values
    kept = {"certificate_content": plain["certificate"], "privatekey_content": plain["privatekey"]}
    assert "privatekey" not in make_ca(**content, **kept, **GIVEN, check=True).values
    sealed = make_ca(**content, **kept, **GIVEN)
    assert sealed.changed
    assert sealed.values["repaired"] == ["privatekey_content is not encrypted though privatekey_passphrase is given"]
    assert sealed.values["certificate"] == plain["certificate"]
    kept["privatekey_content"] = sealed.values["privatekey"]
    again = make_ca(**content, **kept, **GIVEN)
    assert (again.changed, "privatekey" in again.values) == (False, False)
    authority = {"ca_certificate_content": plain["certificate"], "ca_privatekey_content": sealed.values["privatekey"]}
    assert make_peer(**content, **authority, **FOR_PEERS).changed
    assert "ca_privatekey_content: is encrypted" in error(make_peer, **content, **authority)
