# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A request is signed once: what was signed is on record, and the record is never guessed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.enrolment.document import Span
from ansible_collections.skyshift.clusterlink.plugins.module_utils.enrolment.request import make_request, read_request
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import KeySpec
from tests.unit.plugins.module_utils.enrolment.conftest import LYON, cached_key
from tests.unit.plugins.module_utils.enrolment.forgery import content, csr, put, refused

if TYPE_CHECKING:
    from tests.unit.plugins.module_utils.enrolment.conftest import Stage


def test_an_older_request_than_one_that_was_signed_is_a_replay(stage: Stage) -> None:
    stage.create_request()
    old = stage.request.read_bytes()
    stage.request.unlink()
    stage.later(minutes=1).create_request()
    stage.sign()
    stage.request.write_bytes(old)
    assert "is not newer than the last signed request of this peer" in refused(stage)


def test_a_request_that_was_signed_before_the_last_one_is_a_replay(stage: Stage) -> None:
    stage.create_request()
    old = stage.request.read_bytes()
    stage.sign()
    stage.request.unlink()
    stage.later(minutes=1).create_request()
    assert stage.sign().changed
    stage.request.write_bytes(old)
    assert "is a replay" in refused(stage)


def test_the_same_nonce_in_another_request_is_a_replay(stage: Stage) -> None:
    stage.create_request()
    stage.sign()
    key = cached_key(KeySpec(), 3)
    put(stage, content(stage, csr=csr(key), created="2030-06-15T12:00:30Z"), key)
    assert "its nonce is on record for lyon" in refused(stage.later(minutes=1))


def test_a_renewal_for_the_same_key_is_signed(stage: Stage) -> None:
    stage.create_request()
    first = stage.sign().values()["certificate_fingerprint"]
    stage.later(days=300).create_request()
    renewed = stage.sign()
    assert renewed.values()["certificate_fingerprint"] != first
    assert len(json.loads(stage.record.read_text())["signed"]) == 2


def another_key(stage: Stage, number: int = 5) -> str:
    """Write a newer request of lyon for another key; returns its fingerprint."""
    key = cached_key(KeySpec(), number)
    request = make_request(LYON, key, Span.of(stage.later(hours=1).now, 7), f"{number:032x}")
    stage.request.write_bytes(request.document.text)
    return request.document.fingerprint


def test_a_new_key_for_an_enrolled_peer_needs_replace(stage: Stage) -> None:
    stage.create_request()
    stage.sign()
    fingerprint = another_key(stage)
    assert "is for another key than the enrolled one of lyon" in refused(stage, fingerprint=fingerprint)
    assert stage.sign(fingerprint=fingerprint, replace=True).changed


def test_a_first_request_and_one_for_another_key_need_their_fingerprint(stage: Stage) -> None:
    stage.create_request()
    message = refused(stage, fingerprint=None)
    assert "fingerprint: is required for the first request of lyon" in message
    assert "enrol_request" in message
    assert "-e enrol_fingerprint=" in message
    assert read_request(stage.request.read_bytes(), "").document.fingerprint not in message, "it would confirm itself"
    stage.sign()
    another_key(stage)
    message = refused(stage, fingerprint=None, replace=True)
    assert "fingerprint: is required for a request for another key of lyon" in message
    assert refused(stage, fingerprint=None).startswith("2 problems:")


def test_a_renewal_for_the_same_key_needs_no_fingerprint(stage: Stage) -> None:
    stage.create_request()
    stage.sign()
    assert not stage.sign(fingerprint=None).changed
    stage.later(days=300).create_request()
    assert stage.sign(fingerprint=None).changed


@pytest.mark.parametrize("damage", [b"", b"{}", b"[]", b'{"format": "clusterlink-enrolled/1", "signed": [{}]}'])
def test_a_record_that_cannot_be_read_stops_everything(stage: Stage, damage: bytes) -> None:
    stage.create_request()
    stage.sign()
    stage.record.write_bytes(damage)
    assert "could be signed again" in refused(stage)
