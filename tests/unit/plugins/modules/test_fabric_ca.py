# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module fabric_ca, run with arguments as Ansible validates them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.outcome import Mode, Outcome
from ansible_collections.skyshift.clusterlink.plugins.modules import fabric_ca, peer_certificate

Run = Callable[..., Outcome]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the module on a folder; path=None is content mode."""

    def go(*, check: bool = False, module: Any = fabric_ca, **arguments: Any) -> Outcome:
        arguments = {"path": str(tmp_path / "pki"), "fabric": "demo", **arguments}
        given = {name: value for name, value in arguments.items() if value is not None}
        validation = ArgumentSpecValidator(module.TASK.argument_spec).validate(given)
        assert not validation.error_messages
        outcome: Outcome = module.run(validation.validated_parameters, Mode(check=check, diff=True))
        return outcome

    return go


def error(run: Run, **arguments: Any) -> str:
    with pytest.raises(ClusterlinkError) as refused:
        run(**arguments)
    return str(refused.value)


def test_a_ca_is_made_once(run: Run, tmp_path: Path) -> None:
    first, second = run(), run()
    assert (first.changed, second.changed) == (True, False)
    assert first.values["reasons"] == ["there is no CA yet"]
    assert first.values["fingerprint"] == second.values["fingerprint"]
    assert first.values["certificate_path"] == str(tmp_path / "pki/demo/cert.pem")
    assert (first.values["key_type"], first.values["key_size"]) == ("ecdsa", 256)


def test_the_defaults_are_a_fabric_called_fabric_for_ten_years(run: Run) -> None:
    values = run(path=None, fabric=None, return_content=True).values
    assert values["subject"].startswith("CN=fabric,OU=ca-")
    assert int(values["not_after"][:4]) - int(values["not_before"][:4]) in {9, 10}


def test_key_lifetime_and_subject_are_as_asked_for(run: Run) -> None:
    subject = {"organization": "Example", "country": "NL"}
    wanted = {"key_type": "rsa", "key_size": 2048, "valid_days": 1, "subject": subject}
    values = run(**wanted).values
    assert (values["key_type"], values["key_size"]) == ("rsa", 2048)
    assert values["subject"].endswith(",O=Example,C=NL")
    assert not run(**wanted).changed
    assert not run(valid_days=9).changed, "the lifetime of an existing CA is not compared"


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"fabric": "../demo"}, "fabric"),
        ({"valid_days": 0}, "valid_days"),
        ({"key_type": "ecdsa", "key_size": 2048}, "key_size"),
        ({"key_size": 2048}, "key_size"),
        ({"subject": {"country": "Holland"}}, "subject.country"),
        ({"return_content": True}, "return_content"),
        ({"privatekey_content": "x"}, "privatekey_content"),
    ],
)
def test_what_cannot_be_is_refused_by_its_option(run: Run, tmp_path: Path, wrong: dict[str, Any], where: str) -> None:
    assert error(run, **wrong).startswith(f"{where}: ")
    assert list(tmp_path.iterdir()) == []


def test_a_different_ca_is_refused_and_replaced_only_with_replace(run: Run) -> None:
    old = run().values["fingerprint"]
    assert "RSA 2048" in error(run, key_type="rsa", key_size=2048)
    assert run().values["fingerprint"] == old
    replaced = run(key_type="rsa", key_size=2048, replace=True, backup=True)
    assert replaced.changed
    assert replaced.values["fingerprint"] != old
    assert len(replaced.values["backup_files"]) == 2
    assert not run(key_type="rsa", key_size=2048, replace=True).changed


def test_a_first_run_that_was_interrupted_is_gone_on_with(run: Run) -> None:
    key = Path(run().values["privatekey_path"])
    before = key.read_bytes()
    os.unlink(key.with_name("cert.pem"))
    assert run().values["reasons"] == ["there is a key without a certificate"]
    assert key.read_bytes() == before


def test_a_certificate_that_was_lost_is_not_recreated_when_peers_depend_on_it(run: Run) -> None:
    certificate = Path(run().values["certificate_path"])
    run(module=peer_certificate, name="east")
    certificate.unlink()
    assert "cert.pem: is missing" in error(run)
    assert run(replace=True).changed


def test_the_ca_is_not_removed_before_its_peers_unless_forced(run: Run, tmp_path: Path) -> None:
    run()
    run(module=peer_certificate, name="east")
    assert "found: east" in error(run, state="absent")
    assert run(state="absent", force=True, check=True).changed
    assert (tmp_path / "pki/demo/key.pem").exists()
    removed = run(state="absent", force=True)
    assert len(removed.values["removed"]) == 2
    assert (tmp_path / "pki/demo/east/key.pem").exists()
    assert not run(state="absent", force=True).changed


def test_removing_the_last_leaves_no_folder(run: Run, tmp_path: Path) -> None:
    run()
    assert run(state="absent").changed
    assert [path.name for path in (tmp_path / "pki").iterdir()] == [".gitignore"]


def test_content_is_kept_by_the_caller(run: Run, tmp_path: Path) -> None:
    content = {"path": None, "return_content": True}
    planned = run(check=True, **content)
    assert planned.changed
    assert not {"certificate", "privatekey"} & set(planned.values)
    made = run(**content).values
    again = run(certificate_content=made["certificate"], privatekey_content=made["privatekey"], **content)
    assert not again.changed
    assert again.values["certificate"] == made["certificate"]
    assert "privatekey" not in again.values
    assert list(tmp_path.iterdir()) == []


def test_no_diff_ever_shows_pem(run: Run) -> None:
    for outcome in (run(), run(), run(path=None, return_content=True)):
        assert "-----BEGIN" not in str(outcome.diff)


def test_every_secret_argument_is_kept_out_of_logs() -> None:
    for module in (fabric_ca, peer_certificate):
        secret = {name for name in module.TASK.argument_spec if "privatekey" in name and not name.endswith("_path")}
        assert secret
        assert all(module.TASK.argument_spec[name]["no_log"] for name in secret)
