# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands in containers, against a server that speaks the exec websocket as the API server does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlsplit

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.connection import connect
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.errors import ApiError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.exec import (
    CommandMissingError,
    Container,
    run_in_container,
)
from tests.unit.exec_server import ExecServer

CONTAINER = Container("default", "frontend-0", "app")
TOKEN = "secret-token"  # noqa: S105  # of a server that lives as long as a test
SUCCESS = b'\x03{"status":"Success"}'


def status(**fields: object) -> bytes:
    return b"\x03" + json.dumps({"status": "Failure", **fields}).encode()


@pytest.fixture
def server() -> Iterator[ExecServer]:
    made = ExecServer()
    yield made
    made.close()


@pytest.fixture
def run(server: ExecServer) -> Callable[..., object]:
    def call(*command: str, **options: float) -> object:
        cluster = connect({"host": server.url, "api_key": TOKEN, "impersonate_user": "eve"})
        return run_in_container(cluster, CONTAINER, command or ("true",), **options)

    return call


def test_streams_are_kept_apart_and_put_together(server: ExecServer, run: Callable[..., SimpleNamespace]) -> None:
    server.messages = [b"\x01", b"\x01one ", b"\x02warning", b"\x01two \xc3\xa9", SUCCESS]
    result = run()
    assert (result.stdout, result.stderr, result.exit_code) == ("one two é", "warning", 0)


def test_exit_code_is_the_commands(server: ExecServer, run: Callable[..., SimpleNamespace]) -> None:
    causes = [{"reason": "ExitCode", "message": "7"}]
    server.messages = [status(reason="NonZeroExitCode", details={"causes": causes})]
    assert run().exit_code == 7


def test_arguments_arrive_as_they_are_and_credentials_go_along(
    server: ExecServer, run: Callable[..., SimpleNamespace]
) -> None:
    server.messages = [SUCCESS]
    command = ("sh", "-c", "echo $1\n&x=y", "", "a b;`id`", "é%20+")
    run(*command)
    target = urlsplit(server.request.split(" ")[1])
    assert target.path == "/api/v1/namespaces/default/pods/frontend-0/exec"
    query = parse_qsl(target.query, keep_blank_values=True)
    assert tuple(value for key, value in query if key == "command") == command
    assert ("container", "app") in query
    assert f"authorization: Bearer {TOKEN}" in server.request
    assert "Impersonate-User: eve" in server.request


@pytest.mark.parametrize(
    "message",
    [
        'exec: "sh": executable file not found in $PATH: unknown',
        'exec: "/bin/sh": stat /bin/sh: no such file or directory: unknown',
    ],
)
def test_missing_executable_is_distinguished_from_other_failures(
    server: ExecServer, run: Callable[..., SimpleNamespace], message: str
) -> None:
    server.messages = [status(reason="InternalError", message=f"OCI runtime exec failed: {message}")]
    with pytest.raises(CommandMissingError, match=r"frontend-0 container app: there is no 'sh'"):
        run("sh")


def test_command_that_cannot_be_started_is_an_error_with_the_servers_words(
    server: ExecServer, run: Callable[..., SimpleNamespace]
) -> None:
    server.messages = [status(reason="InternalError", message="container is not running")]
    with pytest.raises(ClusterlinkError, match="container is not running"):
        run()


def test_time_limit_gives_what_was_printed_so_far(server: ExecServer, run: Callable[..., SimpleNamespace]) -> None:
    server.messages, server.ends = [b"\x01half"], False
    result = run(timeout=2)
    assert (result.stdout, result.exit_code) == ("half", None)


def test_output_beyond_the_limit_is_dropped(server: ExecServer, run: Callable[..., SimpleNamespace]) -> None:
    server.messages = [b"\x01" + b"x" * 900, b"\x01" + b"y" * 900, b"\x01z", SUCCESS]
    result = run(limit=1000)
    assert (result.stdout, result.exit_code) == ("x" * 900 + "y" * 100, 0)


def test_connection_lost_before_the_end_is_an_error(server: ExecServer, run: Callable[..., SimpleNamespace]) -> None:
    server.messages = [b"\x01half"]
    with pytest.raises(ClusterlinkError, match="closed before the command's end"):
        run()


def test_missing_permission_says_what_to_grant_and_shows_no_token(
    server: ExecServer, run: Callable[..., SimpleNamespace]
) -> None:
    server.response = (403, {"message": 'User "eve" cannot get resource "pods/exec"'})
    with pytest.raises(ApiError) as caught:
        run()
    assert caught.value.status == 403
    assert 'User "eve" cannot get resource "pods/exec"' in str(caught.value)
    assert "Grant the verbs get and create on pods/exec" in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_pod_that_is_gone_is_an_error_with_the_servers_words(
    server: ExecServer, run: Callable[..., SimpleNamespace]
) -> None:
    server.response = (404, {"message": 'pods "frontend-0" not found'})
    with pytest.raises(ClusterlinkError, match='pods "frontend-0" not found'):
        run()


def test_server_that_is_unreachable_is_an_error(server: ExecServer, run: Callable[..., SimpleNamespace]) -> None:
    server.url = "http://127.0.0.1:1"
    with pytest.raises(ClusterlinkError, match="Connection refused"):
        run()
