# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.certificates import fingerprint
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import key_pem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.store.snapshot import (
    LARGEST,
    Comparison,
    authority,
    compare,
    difference,
    digests,
    key_of,
    pack,
    path_of,
    unpack,
)

if TYPE_CHECKING:
    from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.pair import Issued

NAMES = st.text(min_size=1, max_size=20).filter(lambda name: name[0] != "." and not set("/\0") & set(name))
LONGEST_KEY = 253
PATHS = st.lists(NAMES, min_size=1, max_size=2).map("/".join).filter(lambda path: len(key_of(path)) <= LONGEST_KEY)


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


@given(st.dictionaries(PATHS, st.binary(max_size=50), max_size=8))
def test_files_come_back_from_a_secret_as_they_were(files: dict[str, bytes]) -> None:
    for one in [name for name in files if "/" in name]:
        files.pop(one.split("/")[0], None)  # a name is a file or a folder
    files.pop("cert.pem", None)  # which must hold a certificate
    data = pack(files, "/pki/demo")
    assert all(re.fullmatch(r"[-._a-zA-Z0-9]+", key) and not key.startswith(".") for key in data)
    assert unpack(data, "Secret a/b") == files


@given(PATHS, PATHS)
def test_two_files_never_share_a_key(one: str, other: str) -> None:
    assert (key_of(one) == key_of(other)) == (one == other)


def test_keys_are_readable() -> None:
    names = ["cert.pem", "east-1/key.pem", "ca.next/cert.pem", "enrolled.json", "cert.pem.2030~"]
    assert [key_of(name) for name in names] == [
        *("cert.pem", "east-1__key.pem", "ca.next__cert.pem", "enrolled.json", "cert.pem.2030_7e")
    ]


@pytest.mark.parametrize(
    "key",
    [
        *("..__..__etc__passwd", "..__key.pem", "east__..", "__etc", "east____key.pem", "east__", "_2f", ".store.json"),
        *("east_2fkey.pem", "east__.lock", "a__b__c", "east_key.pem", "_00", "east__key_00.pem", "_2e_2e__key.pem", ""),
    ],
)
def test_a_key_that_leads_out_of_the_folder_or_is_not_ours_is_refused(key: str) -> None:
    assert path_of(key) == ""
    with pytest.raises(ClusterlinkError, match="names no file of a fabric's folder"):
        unpack({key: encoded(b"x")}, "Secret a/b")


def test_everything_that_is_wrong_with_a_secret_is_said() -> None:
    with pytest.raises(ClusterlinkError) as caught:
        unpack({"..__x": "", "east": "", "east__key.pem": encoded(b"x"), "key.pem": "***"}, "Secret a/b")
    message = caught.value.message()
    assert "3 problems" in message
    assert "'..__x'" in message
    assert "Secret a/b key.pem: is not base64" in message
    assert "both a file east and files in a folder" in message


def test_a_secret_with_a_damaged_ca_is_refused(ca: Issued) -> None:
    assert unpack({"cert.pem": encoded(ca.certificate_pem)}, "Secret a/b")
    with pytest.raises(ClusterlinkError, match=r"Secret a/b cert\.pem"):
        unpack({"cert.pem": encoded(ca.certificate_pem[:-40])}, "Secret a/b")


def test_what_is_larger_than_a_secret_may_be_is_refused_with_its_largest_files() -> None:
    assert pack({"a": bytes(LARGEST)}, "/pki/demo")
    with pytest.raises(ClusterlinkError, match=rf"{LARGEST + 2} bytes; the largest are old~, a\)") as caught:
        pack({"a": b"x", "old~": bytes(LARGEST + 1)}, "/pki/demo")
    assert caught.value.problems[0].where == "/pki/demo"


def test_a_name_that_is_too_long_for_a_secret_is_refused() -> None:
    assert pack({"a" * 253: b""}, "/pki/demo")
    with pytest.raises(ClusterlinkError, match="too long a name"):
        pack({"a" * 127 + "/" + "b" * 125: b""}, "/pki/demo")


BASE = {"a": b"1", "b": b"1"}


@pytest.mark.parametrize(
    ("here", "there", "changed_here", "changed_there"),
    [
        (BASE, BASE, [], []),
        ({"a": b"2", "b": b"1"}, BASE, ["a"], []),
        (BASE, {"a": b"2", "b": b"1"}, [], ["a"]),
        ({"a": b"1"}, BASE, ["b"], []),
        (BASE, {"a": b"1"}, [], ["b"]),
        ({**BASE, "c": b"1"}, BASE, ["c"], []),
        ({"a": b"2"}, {"a": b"2"}, [], []),  # alike in both
        ({"a": b"2", "b": b"1"}, {"a": b"3", "b": b"1"}, ["a"], ["a"]),
        ({"a": b"2", "b": b"1"}, {"a": b"1", "b": b"2"}, ["a"], ["b"]),
    ],
)
def test_it_is_known_which_side_has_gone_on(
    here: dict[str, bytes], there: dict[str, bytes], changed_here: list[str], changed_there: list[str]
) -> None:
    assert compare(digests(BASE), here, there) == Comparison(changed_here, changed_there)


def test_where_nothing_was_ever_the_same_what_differs_counts_as_changed_where_it_is() -> None:
    changes = compare({}, {"a": b"1", "b": b"1", "d": b"1"}, {"a": b"2", "b": b"1", "c": b"1"})
    assert changes == Comparison(here=["a", "d"], there=["a", "c"])


def test_a_difference_names_files_and_certificates_and_no_content(ca: Issued, east: Issued) -> None:
    key = key_pem(ca.key)
    chain = f"{fingerprint(east.certificate)}, {fingerprint(ca.certificate)}"
    before = {"cert.pem": ca.certificate_pem, "key.pem": key, "east/key.pem": b"one", "same": b"1", "gone": b"1"}
    after = {"cert.pem": east.certificate_pem, "key.pem": key, "east/key.pem": b"other", "same": b"1"}
    assert difference(before, after) == {
        "before": {"cert.pem": fingerprint(ca.certificate), "east/key.pem": "present", "gone": "present"},
        "after": {"cert.pem": chain, "east/key.pem": "present, changed"},
    }
    assert authority(before, "") == fingerprint(ca.certificate)
    assert authority({}, "") is None
