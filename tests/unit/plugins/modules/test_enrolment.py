# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two organisations, from nothing to what a gateway needs, with arguments as Ansible validates them."""

from __future__ import annotations

import json
import shutil
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.declaration import parse
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.options import given_certificate
from ansible_collections.skyshift.clusterlink.plugins.module_utils.outcome import Mode, Outcome
from ansible_collections.skyshift.clusterlink.plugins.modules import (
    enrolment_install,
    enrolment_request,
    enrolment_response,
    fabric_ca,
    peer_certificate,
)

GATEWAY = {"host": "gateway.lyon.example.com", "port": 443}


class Sides:
    """Runs modules for either organisation, and keeps their output."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ours, self.theirs, self.post = root / "ours", root / "theirs", root / "post"
        self.post.mkdir()
        self.output = self.fingerprint = ""

    def call(self, module: Any, path: Path, *, check: bool = False, **arguments: Any) -> Outcome:
        given = {"path": str(path), "fabric": "demo", **arguments}
        validation = ArgumentSpecValidator(module.TASK.argument_spec).validate(given)
        assert not validation.error_messages
        try:
            outcome: Outcome = module.run(validation.validated_parameters, Mode(check=check, diff=True))
        except ClusterlinkError as error:
            self.output += error.message()
            raise
        self.output += json.dumps([outcome.values, outcome.diff, outcome.warnings])
        return outcome

    def create_request(self, **arguments: Any) -> dict[str, Any]:
        values = self.call(enrolment_request, self.theirs, name="lyon", **{"gateways": [GATEWAY], **arguments}).values
        shutil.copy(values["request_path"], self.post / "request.json")
        self.fingerprint = str(values["fingerprint"])
        return values

    def sign(self, **arguments: Any) -> Outcome:
        paris = {"name": "paris", "host": "203.0.113.7", "port": 30443}
        files = {"request": str(self.post / "request.json"), "dest": str(self.post / "response.json")}
        given = {"name": "lyon", **files, "peers": [paris], "fingerprint": self.fingerprint, **arguments}
        return self.call(enrolment_response, self.ours, **given)

    def install(self, **arguments: Any) -> Outcome:
        return self.call(
            enrolment_install, self.theirs, name="lyon", response=str(self.post / "response.json"), **arguments
        )

    def check_certificate(self, **arguments: Any) -> Outcome:
        return self.call(peer_certificate, self.theirs, name="lyon", enrolled=True, **arguments)


@pytest.fixture
def sides(tmp_path: Path) -> Sides:
    return Sides(tmp_path)


def enrol(sides: Sides) -> tuple[Outcome, Outcome]:
    sides.call(fabric_ca, sides.ours)
    request = sides.create_request()
    response = sides.sign(fingerprint=request["fingerprint"].upper())
    return response, sides.install(ca_fingerprint=response.values["ca_fingerprint"].replace(":", ""))


def error(run: Any, *positional: Any, **arguments: Any) -> str:
    with pytest.raises(ClusterlinkError) as refused:
        run(*positional, **arguments)
    return str(refused.value)


def test_another_organisations_cluster_gets_what_its_gateway_needs(sides: Sides) -> None:
    response, installed = enrol(sides)
    assert (response.changed, installed.changed, response.warnings) == (True, True, [])
    folder = Path(sides.theirs) / "demo"
    places = {"certificate": folder / "lyon/cert.pem", "privatekey": folder / "lyon/key.pem", "ca": folder / "cert.pem"}
    given = {f"{name}_path": str(path) for name, path in places.items()}
    contents = {f"{name}_content": None for name in places}
    material = given_certificate({**given, **contents}, "lyon", datetime.now(timezone.utc))
    assert material.ca_pem == (sides.ours / "demo/cert.pem").read_text()
    theirs = {str(path.relative_to(sides.theirs)) for path in sides.theirs.rglob("*") if path.is_file()}
    assert theirs == {
        ".gitignore",
        "demo/cert.pem",
        "demo/lyon/cert.pem",
        "demo/lyon/key.pem",
        "demo/lyon/request.json",
    }


def test_a_second_time_nothing_changes(sides: Sides) -> None:
    enrol(sides)
    assert not sides.call(enrolment_request, sides.theirs, name="lyon", gateways=[GATEWAY]).changed
    assert not sides.sign().changed
    assert not sides.install().changed


def test_what_is_returned_can_be_declared(sides: Sides) -> None:
    response, installed = enrol(sides)
    for host, outcome, peer in (("paris", response, "lyon"), ("lyon", installed, "paris")):
        own = {"peers": outcome.values["clusterlink_peers"]}
        declaration = parse({"fabric": "demo", "groups": {"clusters": [host]}, "peers": {host: own}})
        assert declaration.peers[host].entries[peer].gateways


def test_no_private_key_leaves_its_place(sides: Sides) -> None:
    enrol(sides)
    keys = [sides.ours / "demo/key.pem", sides.theirs / "demo/lyon/key.pem"]
    public = [path for path in sides.root.rglob("*") if path.is_file() and path not in keys]
    output = sides.output + "".join(path.read_text() for path in public)
    assert "PRIVATE KEY" not in output
    for key in keys:
        assert key.stat().st_mode & 0o777 == 0o600
        assert key.read_text().splitlines()[1] not in output


def test_a_first_request_needs_its_fingerprint_and_a_renewal_needs_none(sides: Sides) -> None:
    sides.call(fabric_ca, sides.ours)
    sides.create_request()
    assert "fingerprint: is required for the first request of lyon" in error(sides.sign, fingerprint=None)
    assert not (sides.post / "response.json").exists()
    sides.sign()
    time.sleep(1.1)  # a request that is not newer than the last is a replay
    sides.create_request(renew=True)
    renewed = sides.sign(fingerprint=None)
    assert (renewed.changed, renewed.warnings) == (True, [])


def test_invalid_options_are_refused(sides: Sides) -> None:
    sides.call(fabric_ca, sides.ours)
    assert "gateways[0].port: must be a port number" in error(sides.create_request, gateways=[{"host": "a", "port": 0}])
    assert "valid_days: is too short or too long" in error(sides.create_request, valid_days=365)
    sides.create_request()
    assert "fingerprint: is not a SHA-256 fingerprint" in error(sides.sign, fingerprint="4b:2f")
    assert "peers[0].port: is required" in error(sides.sign, peers=[{"name": "paris", "host": "a"}])
    assert "name: is not a DNS label" in error(sides.sign, name="../x")
    sides.sign()
    assert "ca_fingerprint: is not a SHA-256 fingerprint" in error(sides.install, ca_fingerprint="9a")


def test_the_new_peer_does_not_get_its_own_address(sides: Sides) -> None:
    sides.call(fabric_ca, sides.ours)
    sides.create_request()
    assert sides.sign(peers=[{"name": "lyon", **GATEWAY}]).values["peers"] == []


@pytest.mark.parametrize("check", [False, True])
def test_an_enrolled_peers_certificate_is_checked_and_kept(sides: Sides, check: bool) -> None:
    enrol(sides)
    checked = sides.check_certificate(check=check)
    assert (checked.changed, checked.values["reasons"]) == (False, [])


@pytest.mark.parametrize("check", [False, True])
def test_an_enrolled_peer_without_a_certificate_must_enrol_and_nothing_is_created(sides: Sides, check: bool) -> None:
    sides.create_request()
    before = sorted(sides.theirs.rglob("*"))
    assert "demo/cert.pem: is missing. Enrol again" in error(sides.check_certificate, check=check)
    assert sorted(sides.theirs.rglob("*")) == before


@pytest.mark.parametrize("check", [False, True])
def test_an_enrolled_peers_certificate_that_cannot_be_used_is_an_error(sides: Sides, check: bool) -> None:
    enrol(sides)
    before = (sides.theirs / "demo/lyon/cert.pem").read_bytes()
    message = error(sides.check_certificate, key_type="rsa", check=check)
    assert "its key is ECDSA P-256 instead of RSA 3072. Enrol again" in message
    assert (sides.theirs / "demo/lyon/cert.pem").read_bytes() == before


def test_no_ca_is_created_for_another_organisations_fabric(sides: Sides) -> None:
    sides.create_request()
    for arguments in ({}, {"replace": True}, {"check": True}):
        assert "Set clusterlink_enrolled: true" in error(sides.call, fabric_ca, sides.theirs, **arguments)
    assert not (sides.theirs / "demo/cert.pem").exists()
    sides.call(fabric_ca, sides.ours)
    sides.install(ca_fingerprint=sides.sign().values["ca_fingerprint"])
    for arguments in ({}, {"replace": True}, {"check": True}):
        assert "Set clusterlink_enrolled: true" in error(sides.call, fabric_ca, sides.theirs, **arguments)
    assert not (sides.theirs / "demo/key.pem").exists()


def test_a_fabric_whose_cas_key_is_encrypted_signs_with_its_passphrase(sides: Sides) -> None:
    right, wrong = ({"ca_privatekey_passphrase": text} for text in ("correct-horse", "incorrect-horse"))
    sides.call(fabric_ca, sides.ours, privatekey_passphrase=right["ca_privatekey_passphrase"])
    sides.create_request()
    assert "is encrypted with a passphrase. Set ca_privatekey_passphrase" in error(sides.sign)
    assert "cannot be decrypted" in error(sides.sign, **wrong)
    response = sides.sign(**right)
    assert sides.install(ca_fingerprint=response.values["ca_fingerprint"]).changed
    assert "horse" not in sides.output


def test_replacing_the_ca_at_once_names_the_peers_that_must_enrol_again(sides: Sides) -> None:
    enrol(sides)
    assert sides.call(fabric_ca, sides.ours).warnings == []
    replaced = sides.call(fabric_ca, sides.ours, replace=True, key_type="rsa", key_size=2048)
    assert replaced.changed
    assert any("enrolled again: lyon. " in warning for warning in replaced.warnings)


def later(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """Let peer_certificate run so many days from now."""

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Later:
            return cls.fromtimestamp(datetime.now(tz).timestamp() + days * 86400, tz)

    monkeypatch.setattr(peer_certificate, "datetime", Later)


@pytest.mark.parametrize("check", [False, True])
def test_an_enrolled_peers_certificate_near_its_end_is_a_warning_until_then(
    sides: Sides, monkeypatch: pytest.MonkeyPatch, check: bool
) -> None:
    enrol(sides)
    kept = sides.check_certificate()
    assert kept.warnings == []
    later(monkeypatch, 340)
    near = sides.check_certificate(check=check)
    assert not near.changed
    assert near.values["fingerprint"] == kept.values["fingerprint"]
    (warning,) = near.warnings
    assert f"{sides.theirs}/demo/lyon/cert.pem: it expires at {kept.values['not_after']}" in warning
    assert "No link works after that. Enrol again" in warning
    assert sides.check_certificate(renew_percent=0).warnings == []
    later(monkeypatch, 366)
    assert f"it expired at {kept.values['not_after']}" in error(sides.check_certificate, check=check)
