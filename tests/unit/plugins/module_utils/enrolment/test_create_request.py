# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The peer's side: its key and its request."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.types import Address
from ansible_collections.skyshift.clusterlink.plugins.module_utils.enrolment.peer_addresses import (
    given_gateways,
    given_peers,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.enrolment.request import RequestedPeer
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import KeySpec, key_pem
from tests.unit.plugins.module_utils.enrolment.conftest import cached_ca, cached_key

if TYPE_CHECKING:
    from tests.unit.plugins.module_utils.enrolment.conftest import Stage


def key_file(stage: Stage) -> Path:
    return Path(stage.peer_side.peer.key)


def test_a_key_and_a_request_are_created_once(stage: Stage) -> None:
    first = stage.create_request()
    files = stage.files()
    second = stage.later(days=6).create_request()
    assert (first.changed, second.changed) == (True, False)
    assert first.reasons == ["there is no key yet"]
    assert first.values()["fingerprint"] == second.values()["fingerprint"]
    assert stage.files() == files
    assert key_file(stage).stat().st_mode & 0o777 == 0o600


def test_check_mode_writes_nothing_and_predicts_it(stage: Stage) -> None:
    before = stage.files()
    planned = stage.create_request(check=True)
    assert planned.changed
    assert stage.files() == before
    known = planned.values()
    done = stage.create_request().values()
    assert known == {name: done[name] for name in known}


@pytest.mark.parametrize("kind", [KeySpec(), KeySpec("rsa", 2048)], ids=str)
def test_the_kind_of_key_is_chosen(stage: Stage, kind: KeySpec) -> None:
    assert stage.create_request(key=kind).values()["key_size"] == kind.size


def test_a_key_of_another_kind_is_an_error_and_stays(stage: Stage) -> None:
    stage.create_request()
    files = stage.files()
    with pytest.raises(ClusterlinkError, match="its key is ECDSA P-256 instead of RSA 2048"):
        stage.create_request(key=KeySpec("rsa", 2048))
    assert stage.files() == files


def test_a_request_that_asks_for_something_else_is_recreated_for_the_same_key(stage: Stage) -> None:
    stage.create_request()
    key = key_file(stage).read_bytes()
    again = stage.create_request(RequestedPeer("demo", "lyon", (Address("198.51.100.9", 8443),)))
    assert again.reasons == ["its address is gateway.lyon.example.com port 443 instead of 198.51.100.9 port 8443"]
    assert stage.create_request(RequestedPeer("demo", "lyon")).reasons[0].endswith("instead of none")
    assert key_file(stage).read_bytes() == key


def test_a_request_that_expired_or_is_damaged_is_recreated(stage: Stage) -> None:
    stage.create_request()
    assert "it expired at" in stage.later(days=7).create_request().reasons[0]
    stage.request.write_bytes(stage.request.read_bytes()[:100])
    assert "is not JSON" in stage.create_request().reasons[0]
    assert not stage.create_request().changed


def test_a_request_for_another_key_is_recreated(stage: Stage) -> None:
    stage.create_request()
    key_file(stage).write_bytes(key_pem(cached_key(KeySpec(), 7)))
    assert stage.create_request().reasons == ["it is for another key than the existing one"]


def test_a_key_that_cannot_be_read_is_an_error_and_stays(stage: Stage) -> None:
    stage.create_request()
    key_file(stage).write_bytes(b"garbage")
    with pytest.raises(ClusterlinkError, match="never replaced"):
        stage.create_request()
    assert key_file(stage).read_bytes() == b"garbage"


def test_a_certificate_without_its_key_is_an_error(stage: Stage) -> None:
    stage.create_request()
    os.replace(key_file(stage), stage.peer_side.peer.certificate)
    with pytest.raises(ClusterlinkError, match=r"key\.pem: is missing"):
        stage.create_request()


def test_an_open_key_is_closed(stage: Stage) -> None:
    stage.create_request()
    key_file(stage).chmod(0o644)
    assert stage.create_request(check=True).changed
    assert stage.create_request().repaired
    assert key_file(stage).stat().st_mode & 0o777 == 0o600
    assert not stage.create_request().changed


def test_a_folder_with_the_cas_key_cannot_enrol(stage: Stage) -> None:
    stage.create_request()
    Path(stage.peer_side.fabric.key).write_bytes(key_pem(cached_ca().key))
    with pytest.raises(ClusterlinkError, match="so its peers do not enrol"):
        stage.create_request()


def test_a_request_holds_no_private_key(stage: Stage) -> None:
    created = stage.create_request()
    shown = stage.request.read_text() + json.dumps([created.values(), created.diff()]) + repr(created)
    assert "PRIVATE" not in shown
    assert key_file(stage).read_text().splitlines()[1] not in shown


@pytest.mark.parametrize("host", ["{{ 7 * 7 }}", "fe80::1%{{x}}", "a b", "10.0.0", "-a", "", "x" * 254, "h:443"])
def test_invalid_hosts_are_refused_because_they_end_in_inventories(host: str) -> None:
    with pytest.raises(ClusterlinkError, match=r"gateways\[0\]\.host"):
        given_gateways([{"host": host, "port": 443}], "gateways")
    with pytest.raises(ClusterlinkError, match=r"peers\[0\]"):
        given_peers([{"name": "paris", "host": host, "port": 443}], "peers")


@pytest.mark.parametrize("host", ["gateway.lyon.example.com", "203.0.113.7", "2001:db8::7", "localhost"])
def test_hosts(host: str) -> None:
    assert given_gateways([{"host": host, "port": 443}], "gateways") == (Address(host, 443),)
    assert given_peers([{"name": "a", "gateways": [{"host": host, "port": 1}]}], "p") == {"a": (Address(host, 1),)}


def test_a_peer_is_named_once() -> None:
    with pytest.raises(ClusterlinkError, match="is a duplicate"):
        given_peers([{"name": "a", "host": "h", "port": 1}, {"name": "a", "host": "h", "port": 2}], "peers")
