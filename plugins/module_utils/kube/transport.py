# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to one API server: authenticated, with time limits, and retried as C(retry) says."""

from __future__ import annotations

import json
import re
import socket
import ssl
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from ..common.progress import Progress
from ..errors import ClusterlinkError, Problem
from .errors import Request, api_error, is_against_schema
from .proxies import open_socket
from .retry import TRANSIENT, RetryPolicy, may_be_processed, may_repeat

try:
    import urllib3
    from urllib3.exceptions import (
        ConnectTimeoutError,
        HTTPError,
        LocationValueError,
        NameResolutionError,
        NewConnectionError,
        SSLError,
    )
except ImportError:
    pass  # reported by libraries.library_problems: the kubernetes package brings it

CONNECT_TIMEOUT = 10.0
"""Seconds for a connection to an API server that does not answer."""
READ_TIMEOUT = 60.0
"""Seconds that the server may stay silent within one request: its own default time limit for one."""
FIRST_READ_TIMEOUT = 10.0
"""The same for the first attempt of a GET: no webhook delays it, so its response is more likely lost than late."""

_HTTP_OK = range(200, 300)
_JSON = "application/json"


Guard = Callable[[str, str], None]
"""Takes an API server's URL and a request's path; raises ClusterlinkError when nothing may be written there."""
_guards: list[Guard] = []


def guard_writes(guard: Guard) -> None:
    """Have the guard asked before each request that writes, by this process and those that it forks."""
    if guard not in _guards:
        _guards.append(guard)


class ClusterUnreachableError(ClusterlinkError):
    """The API server is unreachable."""


class Transport:
    """Sends requests over one pool of kept-alive connections.

    Attributes:
        server: The API server's URL, without a trailing slash.
        tls: The TLS settings; None for a plain http server.
        clock: Seconds by which the server's clock was at least ahead of this machine's at its latest response, negative
            when it was behind, 0 when both may be the same; None before the first response, and when responses carry
            no time.
    """

    def __init__(
        self,
        *,
        server: str,
        pool: urllib3.PoolManager,
        tls: ssl.SSLContext | None,
        headers: Callable[[], urllib3.HTTPHeaderDict],
        policy: RetryPolicy | None = None,
    ) -> None:
        """Use the settings that C(connection.connect) has prepared.

        Args:
            server: As the attribute.
            pool: The pool of connections.
            tls: As the attribute.
            headers: Gives the headers that authenticate a request; called for each request, as a token may be renewed.
            policy: How requests are retried.
        """
        self.server = server
        self.tls = tls
        self.headers = headers
        self.clock: int | None = None
        self._pool = pool
        self._policy = policy or RetryPolicy()

    def close(self) -> None:
        """Close all connections."""
        self._pool.clear()

    def open_socket(self, timeout: float) -> socket.socket:
        """A connection of its own, for a websocket; as C(proxies.open_socket)."""
        return open_socket(self._pool, self.server, timeout)

    def call(
        self,
        request: Request,
        method: str,
        api_path: str,
        query: Mapping[str, Any] | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        content_type: str = _JSON,
    ) -> dict[str, Any]:
        """Send one request and decode its response.

        Args:
            request: The request, for errors.
            method: The HTTP method.
            api_path: A path of C(kinds.path).
            query: The query string's parameters.
            body: The body, sent as JSON.
            content_type: The body's type.

        Raises:
            ApiError: The API server refuses.
            ClusterUnreachableError: It is unreachable.
            ClusterlinkError: A guard refuses the write.
        """
        if method != "GET" and not (query or {}).get("dryRun"):
            for guard in _guards:
                guard(self.server, api_path)
        url = self._url(api_path, query)
        data = None if body is None else json.dumps(body).encode()
        with self._answer(request, method, url, data, content_type) as response:
            return self._decoded(response.data)

    def lines(self, request: Request, api_path: str, query: Mapping[str, Any], *, seconds: int) -> Generator[bytes]:
        """The lines of a streamed response that lasts at most C(seconds), as they arrive.

        The request is retried as any other. A stream that has begun and breaks is not.

        Raises:
            ApiError: The API server refuses.
            ClusterUnreachableError: It is unreachable, or the connection broke.
        """
        url = self._url(api_path, query)
        try:
            with self._answer(request, "GET", url, None, "", seconds=seconds + 5.0) as response:
                rest = b""
                for chunk in response.stream(65536):
                    *lines, rest = (rest + chunk).split(b"\n")
                    yield from lines
        except HTTPError as error:
            raise self._unreachable(error) from error

    def _answer(
        self,
        request: Request,
        method: str,
        url: str,
        data: bytes | None,
        content_type: str,
        *,
        seconds: float = 0.0,
    ) -> AbstractContextManager[urllib3.BaseHTTPResponse]:
        """The response to a request that succeeds, to be read within C(with).

        Args:
            request: The request, for errors.
            method: The HTTP method.
            url: Its URL.
            data: Its body.
            content_type: The body's type.
            seconds: How long a streamed response may be silent; 0 for a response that is read at once, as a whole.

        Raises:
            ApiError: The API server refuses.
            ClusterUnreachableError: It is unreachable.
        """
        attempts, done, progress = self._policy.start(), False, Progress()
        while True:
            progress.say(f"{self.server}: no usable response yet")
            silence = seconds or self._silence(method, attempts.count)
            asked = time.time()
            try:
                response = self._send(method, url, data, content_type, silence)
                answered = time.time()
                if not seconds or response.status not in _HTTP_OK:
                    response.read(cache_content=True)  # a response that breaks off is retried, too
            except HTTPError as error:
                done = done or _may_be_processed(error)
                if not (_is_transient(error) and may_repeat(method, may_be_processed=done) and attempts.wait()):
                    raise self._unreachable(error, attempts.summary) from error
                continue
            self.clock = _clock(response.headers.get("Date", ""), asked, answered)
            if response.status in _HTTP_OK:
                # Closed rather than returned to the pool half read: more data may still arrive.
                return closing(response) if seconds else nullcontext(response)
            transient = response.status in TRANSIENT and not is_against_schema(response.status, response.data)
            maybe = transient and may_be_processed(response.status)
            repeat = transient and may_repeat(method, may_be_processed=done or maybe)
            if not (repeat and attempts.wait(_retry_after(response))):
                tried = attempts.summary if transient else ""
                refusal = api_error(request, response.status, response.data, self.server, tried)
                refusal.may_be_processed_before = done
                raise refusal
            done = done or maybe

    def _silence(self, method: str, attempt: int) -> float:
        """Seconds for which the server may be silent; a webhook may delay what is no GET, however short the limit."""
        if method != "GET":
            return self._policy.attempt or READ_TIMEOUT
        return self._policy.attempt_time(FIRST_READ_TIMEOUT if attempt == 1 else READ_TIMEOUT)

    def _url(self, api_path: str, query: Mapping[str, Any] | None) -> str:
        return f"{self.server}{api_path}?{urlencode(query)}" if query else f"{self.server}{api_path}"

    def _send(
        self, method: str, url: str, data: bytes | None, content_type: str, silence: float
    ) -> urllib3.BaseHTTPResponse:
        headers = urllib3.HTTPHeaderDict(self.headers())  # a header may occur several times
        headers["Accept"] = _JSON
        if data is not None:
            headers["Content-Type"] = content_type
        try:
            return self._pool.request(
                method,
                url,
                body=data,
                headers=headers,
                timeout=urllib3.Timeout(connect=self._policy.attempt_time(CONNECT_TIMEOUT), read=silence),
                retries=False,
                redirect=False,
                preload_content=False,
            )
        except HTTPError:
            raise
        except ValueError:
            # The libraries' messages repeat the header, such as the token.
            what = "the token, user, password, groups or URL have characters that no request can carry"
            fix = "Remove line breaks and characters beyond Latin-1 from the kubeconfig's user or the options"
            raise ClusterlinkError(Problem(self.server, what, fix=fix)) from None

    def _decoded(self, content: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(content)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            what = "the response does not come from a Kubernetes API server"
            fix = "Check host or the kubeconfig's server, and the proxy"
            raise ClusterUnreachableError(Problem(where=self.server, what=what, fix=fix))
        return answer

    def _unreachable(self, error: HTTPError, tried: str = "") -> ClusterUnreachableError:
        fix = "Check host or the kubeconfig's server, and whether the API server runs and can be reached from here"
        if isinstance(error, SSLError):
            fix = "Check ca_cert or the kubeconfig's certificate authority, and client_cert and client_key"
        return ClusterUnreachableError(
            Problem(where=self.server, what="the API server is unreachable", found=_reason(error) + tried, fix=fix)
        )


def _retry_after(response: urllib3.BaseHTTPResponse) -> float:
    """The seconds that the server asks for; the API server sends whole seconds, never a date."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdigit() else 0.0


def _clock(date: str, asked: float, answered: float) -> int | None:
    """Seconds by which a server's clock is ahead, as far as that is certain.

    The server writes the time at some moment between request and response, in whole seconds. So a slow response makes
    the difference less certain, not greater.

    Args:
        date: The response's Date header; no date when the server sends none.
        asked: When the request was sent, in seconds since the epoch.
        answered: When the response's headers had arrived.
    """
    try:
        said = parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError):
        return None
    least, most = said - answered, said + 1 - asked
    return round(least if least > 0 else min(most, 0))


def _is_transient(error: HTTPError) -> bool:
    """Whether a retry can help: not where names, certificates or the URL are wrong."""
    if isinstance(error, SSLError):  # the connection may just have been cut
        return bool(error.args) and isinstance(error.args[0], (ssl.SSLEOFError, ssl.SSLZeroReturnError))
    if isinstance(error, NameResolutionError):  # a server of names that fails says nothing about the name
        return isinstance(error.__cause__, socket.gaierror) and error.__cause__.errno == socket.EAI_AGAIN
    return not isinstance(error, LocationValueError)


def _may_be_processed(error: HTTPError) -> bool:
    """Whether the server may have received the request: not without a connection."""
    return not isinstance(error, (NewConnectionError, ConnectTimeoutError))


def _reason(error: HTTPError) -> str:
    """The cause, without urllib3's own name of the connection, since the error names the server."""
    # The arguments of a connection's timeout are the connection and the message.
    text = str(error.args[-1] if isinstance(error, ConnectTimeoutError) and error.args else error)
    return re.sub(r"^(<[^>]*>|HTTPS?Connection(Pool)?\([^)]*\)): ", "", text)
