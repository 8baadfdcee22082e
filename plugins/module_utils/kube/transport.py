# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to one API server: authenticated, with time limits, and tried again where that may help.

A call is tried again where the server did not do it or where doing it twice is the same as once, which holds for all
calls that are made here: see C(_RETRY_DELAYS) and C(_RETRY_BUDGET) for how often and how long.
"""

from __future__ import annotations

import json
import random
import re
import ssl
import time
from collections.abc import Callable, Generator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError, Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.failures import Request, api_error

try:
    import urllib3
    from urllib3.exceptions import (
        ConnectTimeoutError,
        HTTPError,
        LocationValueError,
        NameResolutionError,
        NewConnectionError,
        ReadTimeoutError,
        SSLError,
    )
except ImportError:
    pass  # reported by task.missing_library: the kubernetes package brings it

CONNECT_TIMEOUT = 10.0
"""Seconds until an API server that does not answer is given up; not tried again."""
READ_TIMEOUT = 60.0
"""Seconds that the server may stay silent within one request."""

_RETRY_DELAYS = (0.2, 0.4, 0.8, 1.6)
"""Seconds before each further try, each shortened at random by up to half, so that many clients do not come at once."""
_RETRY_BUDGET = 20.0
"""Seconds from the first try after which there is no further one, whatever Retry-After says."""
_RETRY_STATUS = frozenset({429, 500, 502, 503, 504})

_HTTP_OK = range(200, 300)
_JSON = "application/json"


class ClusterUnreachableError(ClusterlinkError):
    """The API server could not be talked to."""


class Transport:
    """Sends requests over one pool of kept-alive connections.

    Attributes:
        server: The API server's URL, without a slash at its end.
        tls: The TLS settings; None for a plain http server.
        clock: Seconds by which the server's clock was at least ahead of this machine's at its latest answer, negative
            when it was behind, 0 when both may be the same; None before the first answer, and when it does not say the
            time.
    """

    def __init__(
        self,
        *,
        server: str,
        pool: urllib3.PoolManager,
        tls: ssl.SSLContext | None,
        headers: Callable[[], urllib3.HTTPHeaderDict],
    ) -> None:
        """Take what C(connection.connect) made.

        Args:
            server: As the attribute.
            pool: Where connections come from and go back to.
            tls: As the attribute.
            headers: Gives the headers that authenticate a request; asked each time, as a token may be renewed.
        """
        self.server = server
        self.tls = tls
        self.headers = headers
        self.clock: int | None = None
        self._pool = pool

    def close(self) -> None:
        """Close all connections."""
        self._pool.clear()

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
        """One request and its decoded answer.

        Args:
            request: What is asked, for errors.
            method: The HTTP method.
            api_path: A path of C(kinds.path).
            query: The query string's parameters.
            body: What is sent as JSON.
            content_type: What the body is.

        Raises:
            ApiError: The API server refuses.
            ClusterUnreachableError: It cannot be talked to.
        """
        url = self._url(api_path, query)
        data = None if body is None else json.dumps(body).encode()
        timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT, read=READ_TIMEOUT)
        started = time.monotonic()
        for delay in (*_RETRY_DELAYS, None):
            wait = 0.0 if delay is None else delay * random.uniform(0.5, 1.0)  # noqa: S311  # nothing is secret here
            asked = time.time()
            try:
                response = self._send(method, url, data, content_type, timeout)
                answered = time.time()
                content = response.data
            except HTTPError as error:
                if delay is None or not _may_pass(error) or time.monotonic() - started + wait > _RETRY_BUDGET:
                    raise self._unreachable(error) from error
            else:
                self.clock = _clock(response.headers.get("Date", ""), asked, answered)
                if response.status in _HTTP_OK:
                    return self._decoded(content)
                wait = max(wait, _retry_after(response))
                out_of_time = time.monotonic() - started + wait > _RETRY_BUDGET
                if response.status not in _RETRY_STATUS or delay is None or out_of_time:
                    raise api_error(request, response.status, content, self.server)
            time.sleep(wait)
        raise AssertionError("the last try returns or raises")

    def lines(self, request: Request, api_path: str, query: Mapping[str, Any], *, seconds: int) -> Generator[bytes]:
        """The lines of an answer that goes on for at most C(seconds), as they come; it is not tried again.

        Raises:
            ApiError: The API server refuses.
            ClusterUnreachableError: It cannot be talked to, or the connection broke.
        """
        timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT, read=seconds + 5.0)
        try:
            response = self._send("GET", self._url(api_path, query), None, "", timeout)
            try:
                if response.status not in _HTTP_OK:
                    raise api_error(request, response.status, response.data, self.server)
                rest = b""
                for chunk in response.stream(65536):
                    *lines, rest = (rest + chunk).split(b"\n")
                    yield from lines
            finally:
                # Not given back to the pool: more may be on its way when the reader has had enough.
                response.close()
        except HTTPError as error:
            raise self._unreachable(error) from error

    def _url(self, api_path: str, query: Mapping[str, Any] | None) -> str:
        return f"{self.server}{api_path}?{urlencode(query)}" if query else f"{self.server}{api_path}"

    def _send(
        self, method: str, url: str, data: bytes | None, content_type: str, timeout: urllib3.Timeout
    ) -> urllib3.BaseHTTPResponse:
        headers = urllib3.HTTPHeaderDict(self.headers())  # a header may be there several times
        headers["Accept"] = _JSON
        if data is not None:
            headers["Content-Type"] = content_type
        return self._pool.request(
            method,
            url,
            body=data,
            headers=headers,
            timeout=timeout,
            retries=False,
            redirect=False,
            preload_content=False,
        )

    def _decoded(self, content: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(content)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            what = "what answers there is no API server"
            fix = "Check host or the kubeconfig's server, and the proxy"
            raise ClusterUnreachableError(Problem(where=self.server, what=what, fix=fix))
        return answer

    def _unreachable(self, error: HTTPError) -> ClusterUnreachableError:
        fix = "Check host or the kubeconfig's server, and whether the API server runs and can be reached from here"
        if isinstance(error, SSLError):
            fix = "Check ca_cert or the kubeconfig's certificate authority, and client_cert and client_key"
        return ClusterUnreachableError(
            Problem(where=self.server, what="the API server cannot be talked to", found=_reason(error), fix=fix)
        )


def _retry_after(response: urllib3.BaseHTTPResponse) -> float:
    """The seconds that the server asks for; the API server sends whole seconds, never a date."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdigit() else 0.0


def _clock(date: str, asked: float, answered: float) -> int | None:
    """Seconds by which a server's clock is ahead, as far as that is certain.

    It said the time somewhere between question and answer, without the fraction of the second. So a slow answer makes
    the difference less certain, not greater.

    Args:
        date: The answer's header; not a date when the server does not say the time.
        asked: When the question went out, in seconds since the epoch.
        answered: When the answer's headers had come.
    """
    try:
        said = parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError):
        return None
    least, most = said - answered, said + 1 - asked
    return round(least if least > 0 else min(most, 0))


def _may_pass(error: HTTPError) -> bool:
    """Whether trying again at once can help: a reset or refused connection, not silence, names or certificates."""
    if isinstance(error, NewConnectionError):  # urllib3 counts it among the ConnectTimeoutErrors
        return not isinstance(error, NameResolutionError)
    return not isinstance(error, (ConnectTimeoutError, ReadTimeoutError, SSLError, LocationValueError))


def _reason(error: HTTPError) -> str:
    """The cause, without urllib3's own name of the connection: the server is named anyway."""
    return re.sub(r"^(<[^>]*>|HTTPS?Connection(Pool)?\([^)]*\)): ", "", str(error))
