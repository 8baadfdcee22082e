# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of a server of which no protocol is known, and what its answers mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.probe.protocol import (
    HELLOS,
    first_target,
    settle,
    tcp_target,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.probe.script import (
    HTTP,
    TCP,
    Answer,
    NoToolError,
    Target,
)

AUTO = Target("auto", "db.default", 1234, count=2)
ASKED = replace(AUTO, scheme=HTTP)
OPEN = Answer(answered=True)
PAGE = Answer(answered=True, status=200)
CLOSED = Answer(answered=False, error="Empty reply from server")


class Server:
    """Gives the planned answers, and keeps which schemes it was asked by."""

    def __init__(self, *planned: Answer | None) -> None:
        self.planned = list(planned)
        self.asked: list[str] = []

    def __call__(self, targets: Sequence[Target]) -> list[list[Answer]]:
        self.asked += [each.scheme for each in targets]
        answer = self.planned.pop(0)
        if answer is None:
            raise NoToolError
        return [[answer] * each.count for each in targets]


def settled(server: Server, *answers: Answer, unnamed: bool = True) -> tuple[str, list[Answer]]:
    ((target, given),) = settle(server, [ASKED], [list(answers)], [unnamed], lambda: server.asked.append("pause"))
    return target.scheme, given


@pytest.mark.parametrize(
    ("port", "refused", "scheme"),
    [(80, False, HTTP), (8443, False, HTTP), (5432, False, TCP), (3306, False, TCP), (80, True, TCP)],
)
def test_http_is_asked_first_but_not_on_ports_of_other_protocols(port: int, refused: bool, scheme: str) -> None:
    assert first_target(replace(AUTO, port=port), refused=refused).scheme == scheme


def test_named_protocol_stays() -> None:
    named = Target("https", "web", 5432, "/x")
    assert first_target(named, refused=True) == named
    assert first_target(Target(TCP, "db", 6379), refused=False).hello == HELLOS[6379]


def test_connection_says_nothing_to_an_unknown_server() -> None:
    assert tcp_target(AUTO) == Target(TCP, "db.default", 1234, count=2)


def test_http_response_ends_it() -> None:
    server = Server()
    assert settled(server, PAGE, CLOSED) == (HTTP, [PAGE, CLOSED]), "a server of HTTP must answer every request"
    assert server.asked == []


def test_server_that_hangs_up_on_http_and_takes_connections_is_enough() -> None:
    server = Server(CLOSED, OPEN, CLOSED)
    assert settled(server, CLOSED, CLOSED) == (TCP, [OPEN, OPEN])
    assert server.asked == ["pause", HTTP, TCP, HTTP]


def test_http_that_is_answered_a_second_later_needs_no_bare_connection() -> None:
    """The first connections through a new import are refused."""
    server = Server(PAGE)
    assert settled(server, CLOSED, CLOSED) == (HTTP, [PAGE, PAGE])
    assert server.asked == ["pause", HTTP]


def test_http_that_is_answered_only_after_the_bare_connection_counts() -> None:
    assert settled(Server(CLOSED, OPEN, PAGE), CLOSED, CLOSED) == (HTTP, [PAGE, PAGE])


def test_what_hangs_up_on_everything_keeps_the_reason_of_the_request() -> None:
    server = Server(CLOSED, Answer(answered=False, error="closed"))
    assert settled(server, CLOSED, CLOSED) == (HTTP, [CLOSED, CLOSED])
    assert server.asked == ["pause", HTTP, TCP]


def test_image_that_cannot_tell_says_so() -> None:
    scheme, (answer, _second) = settled(Server(CLOSED, None), CLOSED, CLOSED)
    assert scheme == HTTP
    assert answer.error.startswith("Empty reply from server; its image has neither bash nor curl")


def test_server_of_a_named_protocol_must_speak_it() -> None:
    server = Server()
    assert settled(server, CLOSED, unnamed=False) == (HTTP, [CLOSED])
    assert server.asked == []
