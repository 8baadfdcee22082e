# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a command in a container, through the API server's exec websocket.

It uses websocket-client, which comes with the kubernetes package. That package's own stream functions set no timeout on
connecting and give an exit code only at the very end.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from ..common.kinds import path
from ..errors import ClusterlinkError, Problem
from .errors import HTTP_FORBIDDEN, HTTP_UNAUTHORIZED, ApiError

try:
    import urllib3
    import websocket
except ImportError:
    pass  # reported by libraries.library_problems

if TYPE_CHECKING:
    from .client import Cluster

# The first byte of every message names its stream. Version 4 is the last that adds something to a command without
# input (version 5 lets the client close single streams), and every supported API server has it.
PROTOCOL = "v4.channel.k8s.io"
STDOUT, STDERR, STATUS = 1, 2, 3

CONNECT_TIMEOUT = 10.0
_REFUSALS = (HTTP_UNAUTHORIZED, HTTP_FORBIDDEN)
OUTPUT_LIMIT = 4 * 1024 * 1024


@dataclass(frozen=True)
class Container:
    """The container that a command runs in."""

    namespace: str
    pod: str
    name: str

    def __str__(self) -> str:
        return f"Pod {self.namespace}/{self.pod} container {self.name}"


@dataclass(frozen=True)
class ExecResult:
    """The result of a command. C(exit_code) is None when it was still running at its timeout."""

    stdout: str
    stderr: str
    exit_code: int | None


class CommandMissingError(ClusterlinkError):
    """The container has no such executable."""


def run_in_container(
    cluster: Cluster, container: Container, command: Sequence[str], timeout: float = 30.0, limit: int = OUTPUT_LIMIT
) -> ExecResult:
    """Run a command without input and collect its output.

    Args:
        cluster: The connection whose address, certificates, token, proxy and impersonation are used.
        container: The container.
        command: The executable and its arguments; no shell splits or expands them.
        timeout: Seconds for everything together. The command is not killed when they are over.
        limit: Bytes of output to keep, of each stream.

    Raises:
        CommandMissingError: The container has no such executable.
        ApiError: The API server does not permit it.
        ClusterlinkError: The API server is unreachable, or the pod or container does not exist.
    """
    deadline = time.monotonic() + timeout
    streams = {STDOUT: bytearray(), STDERR: bytearray(), STATUS: bytearray()}
    socket = _connect(cluster, container, command, min(timeout, CONNECT_TIMEOUT))
    try:
        while True:
            socket.settimeout(max(deadline - time.monotonic(), 0.001))
            opcode, message = socket.recv_data()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                break
            stream = streams.get(message[0]) if message else None
            if stream is not None:
                stream += message[1 : 1 + limit - len(stream)]
    except websocket.WebSocketTimeoutException:
        return _result(streams, None)
    except (websocket.WebSocketException, OSError) as error:
        if not streams[STATUS]:
            raise _lost(container, str(error)) from error
    finally:
        socket.close(timeout=0)
    return _result(streams, _exit_code(container, command, bytes(streams[STATUS])))


def _connect(cluster: Cluster, container: Container, command: Sequence[str], timeout: float) -> Any:
    """Open the websocket that starts a command."""
    query = [("container", container.name), ("stdout", "true"), ("stderr", "true"), *(("command", c) for c in command)]
    scheme, _separator, address = cluster.server.partition("://")
    target = path("Pod", container.pod, container.namespace, "exec")
    socket: Any = websocket.WebSocket(skip_utf8_validation=True)
    try:
        # With a connection that is open already, it looks for no proxy of its own.
        opened = cluster.open_socket(timeout)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise _lost(container, str(error)) from error
    try:
        socket.connect(
            f"{'ws' if scheme == 'http' else 'wss'}://{address}{target}?{urlencode(query)}",
            header=[f"{name}: {value}" for name, value in cluster.auth_headers().items()],
            subprotocols=[PROTOCOL],
            suppress_origin=True,
            timeout=timeout,
            socket=opened,
        )
    except websocket.WebSocketBadStatusException as error:
        opened.close()
        raise _refused(container, error.status_code, error.resp_body) from error
    except (websocket.WebSocketException, OSError) as error:
        opened.close()
        raise _lost(container, str(error)) from error
    return socket


def _result(streams: dict[int, bytearray], exit_code: int | None) -> ExecResult:
    return ExecResult(streams[STDOUT].decode(errors="replace"), streams[STDERR].decode(errors="replace"), exit_code)


def _exit_code(container: Container, command: Sequence[str], status: bytes) -> int:
    """The exit code in the Status object that ends a command; a command that did not start has none."""
    if not status:
        raise _lost(container, "it was closed before the command's end")
    outcome = json.loads(status)
    if outcome.get("status") == "Success":
        return 0
    causes = (outcome.get("details") or {}).get("causes") or []
    for cause in causes:
        if cause.get("reason") == "ExitCode":
            return int(cause["message"])
    message = str(outcome.get("message", "no reason given"))
    if "executable file not found" in message or "no such file or directory" in message:
        raise CommandMissingError(Problem(str(container), f"there is no {command[0]!r} in its image"))
    raise ClusterlinkError(Problem(str(container), "the command could not be started", message))


def _refused(container: Container, status: int, body: bytes | None) -> ClusterlinkError:
    """The error when the API server refuses to open the websocket."""
    try:
        message = str(json.loads(body or b"")["message"])
    except (ValueError, KeyError, TypeError):
        message = f"HTTP {status}"
    fix = "Grant the verbs get and create on pods/exec in its namespace" if status == HTTP_FORBIDDEN else ""
    problem = Problem(str(container), "the API server does not run a command in it", message, fix)
    # The pod may have been replaced by now; permissions stay as they are.
    return ApiError(problem, status=status) if status in _REFUSALS else ClusterlinkError(problem)


def _lost(container: Container, reason: str) -> ClusterlinkError:
    return ClusterlinkError(Problem(str(container), "the connection for running a command in it failed", reason))
