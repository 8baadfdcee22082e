# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a probe speaks when no protocol is named: HTTP where it is spoken; elsewhere a connection is enough. Pure.

HTTP comes first, because an answer comes in milliseconds. What closes the connection on an HTTP request is a gateway
that refuses it, or a server of another protocol; a connection without a request tells them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..fabric.resources import AUTO
from .script import HTTP, TCP, Answer, NoToolError, Target

HELLOS = {
    5432: r"\0000\0000\0000\0010\0004\0322\0026\0057",  # PostgreSQL: SSLRequest
    6379: r"PING\r\n",  # Redis
    11211: r"version\r\n",  # memcached
}
"""By port, what a server answers at once, also to a client that it does not know."""

OTHER_PORTS = frozenset({22, 25, 389, 587, 1433, 1521, 1883, 3306, 5672, 9042, 9092, 27017, *HELLOS})
"""Ports of other protocols, whose servers would log an HTTP request as an attack."""


def first_target(target: Target, *, refused: bool) -> Target:
    """The requests to begin with, of HTTP, HTTPS or TCP.

    Args:
        target: The requests; C(AUTO) as the scheme is replaced.
        refused: Whether a refusal is expected. Only a connection without a request proves one.
    """
    if target.scheme == AUTO:
        return replace(target, scheme=HTTP) if not refused and target.port not in OTHER_PORTS else tcp_target(target)
    return tcp_target(target) if target.scheme == TCP else target


def tcp_target(target: Target) -> Target:
    """The same requests, which only connect, and say what the port's server answers to."""
    return replace(target, scheme=TCP, path="/", hello=HELLOS.get(target.port, ""))


def speaks_http(answers: Sequence[Answer]) -> bool:
    """Whether any request had an HTTP response."""
    return any(each.status is not None for each in answers)


def settle(
    send: Callable[[Sequence[Target]], list[list[Answer]]],
    targets: Sequence[Target],
    answers: Sequence[list[Answer]],
    unnamed: Sequence[bool],
    pause: Callable[[], None],
) -> list[tuple[Target, list[Answer]]]:
    """The requests and answers that count: the given ones, unless a server that need not speak HTTP does not.

    Args:
        send: Sends requests of one scheme and returns the answers to each.
        targets: The requests that were sent.
        answers: The answers to them.
        unnamed: Whether the requests are by HTTP only because no protocol is named.
        pause: Waits until a new import takes connections.
    """
    settled = list(zip(targets, answers, strict=True))
    silent = [index for index, given in enumerate(answers) if unnamed[index] and not speaks_http(given)]
    if not silent:
        return settled
    # A new import refuses its first connections for about a second; a connection without a request takes longer.
    pause()
    for index, given in zip(silent, send([targets[index] for index in silent]), strict=True):
        settled[index] = (targets[index], given)
    silent = [index for index in silent if not speaks_http(settled[index][1])]
    if not silent:
        return settled
    others = [tcp_target(targets[index]) for index in silent]
    try:
        connections = send(others)
    except NoToolError:
        note = "; its image has neither bash nor curl, which show whether the server speaks another protocol than HTTP"
        for index in silent:
            settled[index] = (targets[index], [_noted(each, note) for each in settled[index][1]])
        return settled
    found = dict(zip(silent, zip(others, connections, strict=True), strict=True))
    accepted = [index for index in silent if all(each.answered for each in found[index][1])]
    # HTTP may be spoken by now.
    again = send([targets[index] for index in accepted]) if accepted else []
    for index, given in zip(accepted, again, strict=True):
        settled[index] = (targets[index], given) if speaks_http(given) else found[index]
    return settled


def _noted(answer: Answer, note: str) -> Answer:
    return answer if answer.answered else replace(answer, error=f"{answer.error}{note}")
