# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.skyshift.clusterlink.plugins.module_utils.enrolment.document import (
    Span,
    is_signed_by,
    read_document,
    require_days,
    require_fingerprint,
    sign,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import KeySpec
from tests.support.examples import examples
from tests.unit.plugins.module_utils.enrolment.conftest import NOW, cached_key

CONTENT = {"format": "test/1", "name": "lyon", "ports": [443, 8443], "nested": {"b": "é", "a": None}}
KINDS = [KeySpec(), KeySpec("rsa", 2048)]
SIGNED = sign(CONTENT, cached_key(KINDS[0]))


def reason(text: bytes) -> str:
    with pytest.raises(ClusterlinkError) as refused:
        read_document(text, "test/1", "/a.json")
    return str(refused.value)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_what_was_signed_is_read_back_and_is_the_signers_alone(kind: KeySpec) -> None:
    document = sign(CONTENT, cached_key(kind))
    read = read_document(document.text, "test/1", "/a.json")
    assert (read, read.fingerprint, read.identity) == (document, document.fingerprint, document.identity)
    assert is_signed_by(read, cached_key(kind).public_key())
    for other in KINDS:
        assert not is_signed_by(read, cached_key(other, 1).public_key())


def test_a_file_that_was_indented_again_or_got_other_line_ends_is_the_same() -> None:
    document = sign(CONTENT, cached_key(KINDS[0]))
    for text in (
        json.dumps(json.loads(document.text), indent=8, sort_keys=True).encode(),
        document.text.replace(b"\n", b"\r\n"),
    ):
        assert read_document(text, "test/1", "/a.json").identity == document.identity


@examples(200)
@given(data=st.data())
def test_an_altered_byte_is_an_error_or_alters_nothing(data: Any) -> None:
    key = cached_key(KINDS[0])
    text = bytearray(SIGNED.text)
    text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = read_document(bytes(text), "test/1", "/a.json")
    except ClusterlinkError:
        return
    assert read.content == CONTENT or not is_signed_by(read, key.public_key())


def test_every_truncation_is_an_error() -> None:
    text = sign(CONTENT, cached_key(KINDS[0])).text.rstrip()
    for length in range(len(text)):
        assert "/a.json: is" in reason(text[:length])


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b"", "is empty"),
        (b"\xff\xfe", "is not JSON"),
        (b"[1]", "not an object"),
        (b'{"format": "test/1", "format": "test/1", "signature": ""}', "is not JSON"),
        (b'{"format": "test/1", "n": 1.5}', "is not JSON"),
        (b'{"format": "test/1", "n": NaN}', "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"format": "other/1"}', "is another kind of file (found: 'other/1')"),
        (b'{"format": ["test/1"]}', "is another kind of file"),
        (b'{"format": "test/1"}', "has no readable signature"),
        (b'{"format": "test/1", "signature": 5}', "has no readable signature"),
        (b'{"format": "test/1", "signature": "AB=="}', "has no readable signature"),
        (b'{"format": "test/1", "signature": "!"}', "has no readable signature"),
        (b" " * 300_000, "is larger than"),
    ],
)
def test_what_is_no_such_file_is_named(text: bytes, what: str) -> None:
    assert what in reason(text)


def test_fingerprints_are_taken_as_people_write_them() -> None:
    wanted = bytes(range(32)).hex(":")
    for given_ in (wanted, wanted.upper(), bytes(range(32)).hex(), f" {wanted}\n"):
        assert require_fingerprint(given_, "f") == wanted
    for wrong in ("", "00", wanted[:-1], wanted + ":00", wanted.replace(":", " "), "g" * 64):
        with pytest.raises(ClusterlinkError, match="is not a SHA-256 fingerprint"):
            require_fingerprint(wrong, "f")


def test_a_file_is_good_from_when_it_was_made_until_it_expires() -> None:
    span = Span.of(NOW + timedelta(microseconds=5), 7)
    assert span.as_dict() == {"created": "2030-06-15T12:00:00Z", "expires": "2030-06-22T12:00:00Z"}
    assert span.reasons(NOW) == span.reasons(NOW + timedelta(days=7, seconds=-1)) == []
    assert "it expired at" in span.reasons(NOW + timedelta(days=7))[0]
    assert span.reasons(NOW - timedelta(minutes=4)) == [], "clocks differ a little"
    assert "in the future" in span.reasons(NOW - timedelta(minutes=6))[0]


def test_no_file_is_good_for_ever() -> None:
    assert "more than 90 days" in Span(NOW, datetime(2999, 1, 1, tzinfo=timezone.utc)).reasons(NOW)[0]
    for days in (0, -1, 91):
        with pytest.raises(ClusterlinkError, match="Use 1 to 90 days"):
            require_days(days, "valid_days")
