# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe's script, run here by a real shell with real tools against real servers, and what its output means."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.skyshift.clusterlink.plugins.module_utils.probe.protocol import HELLOS
from ansible_collections.skyshift.clusterlink.plugins.module_utils.probe.script import (
    ANSWER_BYTES,
    BODY_CHARACTERS,
    Answer,
    NoToolError,
    Target,
    command,
    parse,
)
from tests.support.waiting import PATIENCE_SECONDS

MARK = "0123456789abcdef"
DECISION_SECONDS = 0.3
"""How long a gateway takes to deny a connection: Envoy waits 0.2 s for the decision (v0.4.1, xds/manager.go)."""
CLOSED_WITHIN_SECONDS = 60
"""How long a busy machine may take to close a connection; none of it passes when it has."""
HELPERS = ("head", "sleep", "timeout", "true")
TOOLS = ("curl", "wget", "bash")
NETCAT = """#!/bin/bash
exec 4<>"/dev/tcp/$3/$4" && /bin/cat >&4 && /bin/cat <&4
"""
"""As far as the script uses it, for machines without: nc -w SECONDS HOST PORT."""


class Handler(BaseHTTPRequestHandler):
    """Echoes the path, or misbehaves as the path says."""

    def do_GET(self) -> None:
        if self.path == "/nothing":
            return
        if self.path == "/slow":
            self.server.released.wait(PATIENCE_SECONDS)
            return
        body = b"x" * 1_000_000 if self.path == "/big" else f"path {self.path}\n\nend\n".encode()
        self.send_response(404 if self.path == "/missing" else 200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of an HTTP server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    released = threading.Event()
    server.released = released
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server.server_port
    released.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def silent_port() -> Iterator[int]:
    """A port where connections are taken and stay open."""
    listener = socket.create_server(("127.0.0.1", 0))
    yield listener.getsockname()[1]
    listener.close()


@pytest.fixture(scope="module")
def closing_port() -> Iterator[int]:
    """A port where connections are taken and closed when it is decided, as a gateway does that denies them."""
    listener = socket.create_server(("127.0.0.1", 0))

    def close_all() -> None:
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            time.sleep(DECISION_SECONDS)
            connection.close()

    threading.Thread(target=close_all, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


class Image:
    """A container's image, as far as the script sees one: a PATH with a few programs."""

    def __init__(self, folder: Path, *programs: str) -> None:
        self._folder = folder
        for name in (*HELPERS, *programs):
            found = shutil.which(name)
            if not found:
                pytest.skip(f"there is no {name} on this machine")
            (folder / name).symlink_to(found)

    def ask(
        self, *targets: Target, timeout: int = 20, hold: int = 1, mark: str = "fedcba9876543210"
    ) -> list[list[Answer]]:
        done = self.run(command(targets, mark, timeout, hold=hold))
        return parse(done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"), targets, mark)

    def run(self, words: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
        shell = shutil.which(words[0])
        assert shell
        return subprocess.run(
            [shell, *words[1:]],
            env={"PATH": str(self._folder), "http_proxy": "http://127.0.0.1:1"},
            cwd=self._folder,
            capture_output=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )


@pytest.fixture(params=TOOLS)
def image(request: pytest.FixtureRequest, tmp_path: Path) -> Image:
    """An image with one of the tools."""
    return Image(tmp_path, request.param)


def target(port: int, path: str = "/", count: int = 1, scheme: str = "http") -> Target:
    return Target(scheme, "127.0.0.1", port, path, count)


def test_every_tool_brings_status_and_body(image: Image, port: int) -> None:
    ((answer,),) = image.ask(target(port, "/hello?x=1"))
    assert (answer.answered, answer.status, answer.error) == (True, 200, "")
    assert answer.body.startswith("path /hello?x=1\n")
    assert answer.text.endswith("end\n")
    assert 0 <= answer.seconds < 5


def test_requests_are_made_as_often_as_asked_for_and_kept_apart(image: Image, port: int) -> None:
    answers = image.ask(target(port, "/one", 2), target(1, "/dead"), target(port, "/two", 3))
    assert [[answer.body.split("\n")[0] for answer in each] for each in answers] == [
        ["path /one"] * 2,
        [""],
        ["path /two"] * 3,
    ]
    assert answers[1][0].error


def test_status_that_says_failure_is_an_answer(image: Image, port: int) -> None:
    ((answer,),) = image.ask(target(port, "/missing"))
    assert (answer.answered, answer.status) == (True, 404)


@pytest.mark.parametrize("path", ["/$(touch hacked)", "/`touch hacked`", "/';touch hacked;'", '/"$(touch hacked)"'])
def test_path_is_never_run(image: Image, port: int, tmp_path: Path, path: str) -> None:
    ((answer,),) = image.ask(target(port, path))
    assert answer.body.split("\n")[0] == f"path {target(port, path).encoded_path}"
    assert not list(tmp_path.glob("hacked*"))


def test_connection_that_is_closed_without_a_word_is_no_answer(image: Image, closing_port: int) -> None:
    ((answer,),) = image.ask(target(closing_port))
    assert (answer.answered, answer.status) == (False, None)
    assert answer.error


def test_refused_connection_is_no_answer(image: Image) -> None:
    ((answer,),) = image.ask(target(1))
    assert not answer.answered
    assert re.search("refused|connect", answer.error, re.IGNORECASE)


def test_name_that_does_not_resolve_is_no_answer(image: Image) -> None:
    ((answer,),) = image.ask(Target("http", "nowhere.invalid", 80))
    assert not answer.answered
    assert answer.error


def test_request_is_given_up_after_its_time(image: Image, port: int) -> None:
    ((slow,), (after,)) = image.ask(target(port, "/slow"), target(port), timeout=3)
    assert not slow.answered
    assert re.search("time", slow.error)
    assert slow.seconds < PATIENCE_SECONDS / 2
    assert after.answered


def test_long_answer_is_cut(image: Image, port: int) -> None:
    ((answer,),) = image.ask(target(port, "/big"))
    assert (answer.answered, answer.status) == (True, 200)
    assert len(answer.body) == BODY_CHARACTERS
    assert len(answer.text) <= ANSWER_BYTES


def test_what_is_no_http_is_said_so() -> None:
    targets = [target(80)]
    output = f"\n{MARK}\nSSH-2.0-OpenSSH\r\n"
    ((answer,),) = parse(output, f"\n{MARK} 0 1.00 1.01\n", targets, MARK)
    assert (answer.answered, answer.error) == (False, "the server does not speak HTTP")


def test_head_after_an_interim_response_counts() -> None:
    output = f"\n{MARK}\nHTTP/1.1 100 Continue\r\n\r\nHTTP/2 201 \r\nserver: x\r\n\r\nbody\n{MARK} 0.25"
    ((answer,),) = parse(output, f"\n{MARK} 0 1.00 1.01\n", [target(80)], MARK)
    assert (answer.status, answer.body, answer.seconds) == (201, "body", 0.25)


def test_requests_that_were_not_made_in_time_are_not_answered() -> None:
    output = f"\n{MARK}\nHTTP/1.0 200 OK\r\n\r\nfirst\n{MARK}\n"
    (answers,) = parse(output, f"\n{MARK} 0 1.00 1.01\n", [target(80, count=3)], MARK)
    assert [(answer.answered, answer.error) for answer in answers] == [
        (True, ""),
        (False, "no answer when the time was over"),
        (False, "no answer when the time was over"),
    ]


@pytest.mark.parametrize("scheme", ["http", "https", "tcp"])
def test_image_without_a_tool_is_distinguished_from_no_answer(tmp_path: Path, port: int, scheme: str) -> None:
    with pytest.raises(NoToolError):
        Image(tmp_path).ask(target(port, scheme=scheme))


def test_proxy_of_the_container_is_not_used(tmp_path: Path, port: int) -> None:
    # Image.run sets one that refuses every connection.
    ((answer,),) = Image(tmp_path, "curl").ask(target(port))
    assert answer.answered


@pytest.mark.parametrize("tool", ["bash", "curl"])
def test_tcp_tells_an_open_connection_from_a_closed_one(
    tmp_path: Path, tool: str, silent_port: int, closing_port: int
) -> None:
    image = Image(tmp_path, tool)
    ((silent,),) = image.ask(target(silent_port, scheme="tcp"))
    closed = image.ask(*(target(each, scheme="tcp") for each in (closing_port, 1)), hold=CLOSED_WITHIN_SECONDS)
    assert (silent.answered, silent.error) == (True, "")
    assert [each[0].answered for each in closed] == [False, False]
    assert all(each[0].error for each in closed)


@pytest.mark.parametrize("tool", ["bash", "curl"])
@pytest.mark.parametrize("greeting", [b"220 mail\r\n", b"+OK mail\r\n", b"-ERR\r\n", b"\x4a\x00\x00\x00"])
def test_server_that_speaks_first_is_open(tmp_path: Path, tool: str, greeting: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _address = listener.accept()
            connection.sendall(greeting)
            with contextlib.suppress(ConnectionError):
                while connection.recv(64):
                    pass

        threading.Thread(target=serve, daemon=True).start()
        ((answer,),) = Image(tmp_path, tool).ask(target(listener.getsockname()[1], scheme="tcp"))
    assert answer.answered, answer


@pytest.mark.parametrize("tool", ["bash", "nc"])
def test_server_that_is_spoken_to_answers_without_waiting(tmp_path: Path, tool: str) -> None:
    """The PostgreSQL client's first message: is TLS supported? The server's answer is one byte."""
    heard: list[bytes] = []
    image = Image(tmp_path, tool) if shutil.which(tool) else Image(tmp_path)
    if tool == "nc" and not shutil.which(tool):
        (tmp_path / tool).write_text(NETCAT)
        (tmp_path / tool).chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _address = listener.accept()
            heard.append(connection.recv(64))
            connection.sendall(b"N")
            connection.close()

        server = threading.Thread(target=serve, daemon=True)
        server.start()
        hello = HELLOS[5432]
        ((answer,),) = image.ask(Target("tcp", "127.0.0.1", listener.getsockname()[1], hello=hello), timeout=30)
        server.join(PATIENCE_SECONDS)
    assert answer.answered, answer
    assert answer.seconds < 30
    assert heard == [bytes([0, 0, 0, 8, 4, 210, 22, 47])]


def test_server_that_takes_no_such_greeting_is_asked_silently(tmp_path: Path) -> None:
    """Another protocol on a port that is known for one: the server hangs up on what it does not understand."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            first, _address = listener.accept()
            first.recv(64)
            first.close()
            second, _address = listener.accept()
            second.sendall(b"220 mail")

        threading.Thread(target=serve, daemon=True).start()
        ((answer,),) = Image(tmp_path, "bash").ask(
            Target("tcp", "127.0.0.1", listener.getsockname()[1], hello=HELLOS[6379])
        )
    assert answer.answered, answer


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_encoded_path_ends_no_line_and_no_word(path: str) -> None:
    encoded = target(80, f"/{path}").encoded_path
    assert encoded.isascii()
    assert not re.search(r"[\s\x00-\x1f\"<>\\^`{|}#]", encoded)
