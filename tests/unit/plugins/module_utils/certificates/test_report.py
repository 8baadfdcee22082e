# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One table of a whole fabric, what is wrong with it, and the same for a CI system."""

from __future__ import annotations

import copy
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.certificates.report import report

Entry = dict[str, Any]


def entry(**different: Any) -> Entry:
    return {
        "owner": "east",
        "purpose": "peer",
        "place": "secret",
        "where": "Secret links/cl-peer cert.pem",
        "issuer_generation": "ca-8729fc524766db83",
        "fingerprint": "b1:5e",
        "not_before": "2030-01-01T12:00:00Z",
        "not_after": "2031-01-01T12:00:00Z",
        "valid": True,
        "days_left": 200.0,
        "life_left": 55,
        "served": None,
        "fault": "",
        **different,
    }


WIRE = entry(place="wire", where="192.0.2.1:30443")
FILE = entry(place="file", where="/pki/demo/east/cert.pem")
CA = entry(owner="demo", purpose="fabric_ca", place="file", where="/pki/demo/cert.pem", fingerprint="ca:ca")


def fabric(
    *entries: Entry, files: list[Entry] | None = None, days: float = 30, clock: int | None = 0
) -> dict[str, Any]:
    folder = None if files is None else {"certificates": files}
    return report({"east": {"certificates": list(entries), "clock": clock}}, folder, days)


def test_one_line_for_a_certificate_wherever_it_is() -> None:
    found = fabric(entry(), WIRE, files=[FILE, CA])
    assert found["table"] == [
        "WHOSE  FOR        ISSUER       FROM        TO          DAYS LEFT  STATE   IN",
        "demo   fabric CA  ca-8729fc52  2030-01-01  2031-01-01  200.0      stored  file",
        "east   peer       ca-8729fc52  2030-01-01  2031-01-01  200.0      served  file,secret,wire",
    ]
    assert found["problems"] == []
    assert len(found["certificates"]) == 4


def test_lines_are_in_order_of_peer_and_purpose() -> None:
    west = [entry(owner="west", purpose=purpose) for purpose in ("data_plane", "trusted_ca", "peer")]
    east = [entry(purpose=purpose) for purpose in ("control_plane", "site_ca")]
    found = report({"west": {"certificates": west}, "east": {"certificates": east}}, {"certificates": [CA]}, 30)
    assert [line.split("  ")[0] for line in found["table"][1:]] == ["demo", "east", "east", "west", "west", "west"]
    assert [line[7:20].strip() for line in found["table"][1:]] == [
        "fabric CA",
        "site CA",
        "control plane",
        "peer",
        "trusted CA",
        "data plane",
    ]


@pytest.mark.parametrize(("left", "fine"), [(30.0, True), (29.9, False), (0.1, False), (400.0, True)])
def test_one_with_less_than_the_days_asked_for_is_named(left: float, fine: bool) -> None:
    problems = fabric(entry(days_left=left))["problems"]
    assert (problems == []) is fine
    if not fine:
        assert problems == [
            f"east: peer (secret) has {left} days left, until 2031-01-01T12:00:00Z, where 30 are required"
        ]


@pytest.mark.parametrize("left", [-3.2, -0.0])
def test_one_that_has_expired_is_named_whatever_is_asked_for(left: float) -> None:
    (problem,) = fabric(entry(days_left=left, valid=False), days=0)["problems"]
    assert problem == "east: peer (secret) expired at 2031-01-01T12:00:00Z"


def test_one_that_is_not_valid_yet_is_named() -> None:
    (problem,) = fabric(entry(valid=False))["problems"]
    assert "is not valid before 2030-01-01T12:00:00Z" in problem


def test_one_that_is_only_stored_is_named() -> None:
    found = fabric(entry(), WIRE, files=[{**FILE, "fingerprint": "00:00"}])
    assert found["problems"] == [
        "east: peer (file), /pki/demo/east/cert.pem, is not the certificate that the gateway serves"
    ]
    assert sum(line.endswith("only stored  file") for line in found["table"]) == 1


def test_what_is_on_no_wire_is_only_known_to_be_stored() -> None:
    found = fabric(entry())
    assert found["table"][1].endswith("stored  secret")
    assert found["problems"] == found["summary"] == []


def test_a_gateway_that_does_not_answer_is_a_line_and_a_problem() -> None:
    nothing = {key: None if value is not None else value for key, value in entry().items()}
    silent = {**nothing, "owner": "east", "purpose": "peer", "place": "wire", "where": "192.0.2.1:30443"}
    silent |= {"fingerprint": "", "not_after": "", "issuer_generation": "", "fault": "192.0.2.1:30443: refused."}
    found = fabric(entry(), silent)
    assert any(line.endswith("fault   wire: 192.0.2.1:30443: refused.") for line in found["table"])
    assert found["problems"] == ["east: peer (wire) cannot be read: 192.0.2.1:30443: refused."]
    assert found["summary"] == ["east: peer (wire) cannot be read; the table says why"]


@pytest.mark.parametrize(
    ("result", "says"),
    [
        ({"msg": "the API server\ncannot be talked to"}, "the API server; cannot be talked to"),
        ({}, "was not read"),
    ],
)
def test_a_cluster_that_is_unreachable_hides_no_other(result: dict[str, Any], says: str) -> None:
    found = report({"west": result, "east": {"certificates": [entry()]}}, None, 30)
    assert len(found["table"]) == 3
    assert says in found["table"][2]
    (problem,) = found["problems"]
    assert problem.startswith("west: ")


def test_a_folder_that_could_not_be_read_is_a_line() -> None:
    found = report({}, {"msg": "no such library"}, 30)
    assert "no such library" in found["table"][1]
    assert len(found["problems"]) == 1


@pytest.mark.parametrize(("seconds", "said"), [(61, "61 s ahead of"), (-3600, "3600 s behind"), (60, ""), (-60, "")])
def test_a_clock_that_is_off_by_more_than_a_minute_is_named(seconds: int, said: str) -> None:
    found = fabric(entry(), clock=seconds)
    assert found["clocks"] == {"east": seconds}
    assert found["problems"] == ([f"east: its clock is {said} this machine's"] if said else [])


def test_an_unknown_clock_is_left_out() -> None:
    found = fabric(entry(), clock=None)
    assert found["clocks"] == {}
    assert found["problems"] == []


def test_nothing_at_all_is_no_table() -> None:
    assert report({}, None, 30)["table"] == []


def test_what_was_given_stays_as_it_was() -> None:
    given = [entry(), WIRE]
    before = copy.deepcopy(given)
    fabric(*given)
    assert given == before


def test_junit_has_a_case_for_each_certificate_and_clock() -> None:
    found = fabric(entry(days_left=3.0), WIRE, files=[CA], clock=100)
    suites = ET.fromstring(found["junit"])  # noqa: S314  # our own
    assert (suites.tag, suites.get("tests"), suites.get("failures")) == ("testsuites", "3", "2")
    (suite,) = suites
    cases = {case.get("name"): [failure.get("message") for failure in case] for case in suite}
    assert cases == {
        "demo: fabric CA (file)": [],
        "east: peer (secret, wire)": [
            "east: peer (secret, wire) has 3.0 days left, until 2031-01-01T12:00:00Z, where 30 are required"
        ],
        "east: clock": ["east: its clock is 100 s ahead of this machine's"],
    }
    assert {case.get("classname") for case in suite} == {"certificates.demo", "certificates.east"}


def test_junit_can_be_read_whatever_a_fault_says() -> None:
    strange = 'answers <html> & "\x00\x1b[31m\ud800 \U0001f600'
    found = report({"east": {"msg": strange}}, None, 30)
    (failure,) = ET.fromstring(found["junit"]).iter("failure")  # noqa: S314  # our own
    assert 'answers <html> & "' in str(failure.text)
    assert "\U0001f600" in str(failure.text)
