# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to one API server: authenticated, with time limits, and tried again where that may help.

What is tried again, and for how long, is in C(retry).
"""

from __future__ import annotations

import json
import re
import ssl
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from ..errors import ClusterlinkError, Problem
from .errors import Request, api_error
from .retry import PASSING, Patience, may_be_done, may_repeat

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
    pass  # reported by task.missing_library: the kubernetes package brings it

CONNECT_TIMEOUT = 10.0
"""Seconds for a connection to an API server that does not answer."""
READ_TIMEOUT = 60.0
"""Seconds that the server may stay silent within one request: as long as it takes itself for one by default."""
FIRST_READ_TIMEOUT = 10.0
"""The same for the first try of a GET: no webhook holds it up, so its answer is rather lost than late."""

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
        patience: Patience | None = None,
    ) -> None:
        """Take what C(connection.connect) made.

        Args:
            server: As the attribute.
            pool: Where connections come from and go back to.
            tls: As the attribute.
            headers: Gives the headers that authenticate a request; asked each time, as a token may be renewed.
            patience: How long a request that fails in passing is tried again.
        """
        self.server = server
        self.tls = tls
        self.headers = headers
        self.clock: int | None = None
        self._pool = pool
        self._patience = patience or Patience()

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
        with self._answer(request, method, url, data, content_type) as response:
            return self._decoded(response.data)

    def lines(self, request: Request, api_path: str, query: Mapping[str, Any], *, seconds: int) -> Generator[bytes]:
        """The lines of an answer that goes on for at most C(seconds), as they come.

        Until it begins it is tried again as any other; when it breaks it is not.

        Raises:
            ApiError: The API server refuses.
            ClusterUnreachableError: It cannot be talked to, or the connection broke.
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
        """The answer of a request that succeeded, to be read within C(with).

        Args:
            request: What is asked, for errors.
            method: The HTTP method.
            url: What is asked for.
            data: What is sent.
            content_type: What that is.
            seconds: How long an answer that goes on may be silent; 0 for one that is read at once, as a whole.

        Raises:
            ApiError: The API server refuses.
            ClusterUnreachableError: It cannot be talked to.
        """
        tries, done = self._patience.begin(), False
        while True:
            first_get = method == "GET" and tries.count == 1
            silence = seconds or (FIRST_READ_TIMEOUT if first_get else READ_TIMEOUT)
            asked = time.time()
            try:
                response = self._send(method, url, data, content_type, silence)
                answered = time.time()
                if not seconds or response.status not in _HTTP_OK:
                    response.read(cache_content=True)  # an answer that breaks off is tried again, too
            except HTTPError as error:
                done = done or _may_be_done(error)
                if not (_may_pass(error) and may_repeat(method, may_be_done=done) and tries.again()):
                    raise self._unreachable(error, tries.said) from error
                continue
            self.clock = _clock(response.headers.get("Date", ""), asked, answered)
            if response.status in _HTTP_OK:
                # Never given back to the pool half read: more may be on its way when the reader has had enough.
                return closing(response) if seconds else nullcontext(response)
            passing = response.status in PASSING
            maybe = passing and may_be_done(response.status)
            again = passing and may_repeat(method, may_be_done=done or maybe) and tries.again(_retry_after(response))
            if not again:
                refusal = api_error(request, response.status, response.data, self.server, tries.said if passing else "")
                refusal.may_be_done_before = done
                raise refusal
            done = done or maybe

    def _url(self, api_path: str, query: Mapping[str, Any] | None) -> str:
        return f"{self.server}{api_path}?{urlencode(query)}" if query else f"{self.server}{api_path}"

    def _send(
        self, method: str, url: str, data: bytes | None, content_type: str, silence: float
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
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, read=silence),
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

    def _unreachable(self, error: HTTPError, tried: str = "") -> ClusterUnreachableError:
        fix = "Check host or the kubeconfig's server, and whether the API server runs and can be reached from here"
        if isinstance(error, SSLError):
            fix = "Check ca_cert or the kubeconfig's certificate authority, and client_cert and client_key"
        return ClusterUnreachableError(
            Problem(where=self.server, what="the API server cannot be talked to", found=_reason(error) + tried, fix=fix)
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
    """Whether trying again can help: not where names, certificates or the URL are wrong."""
    if isinstance(error, SSLError):  # the connection may just have been cut
        return bool(error.args) and isinstance(error.args[0], (ssl.SSLEOFError, ssl.SSLZeroReturnError))
    return not isinstance(error, (NameResolutionError, LocationValueError))


def _may_be_done(error: HTTPError) -> bool:
    """Whether the server may have got the request: not without a connection."""
    return not isinstance(error, (NewConnectionError, ConnectTimeoutError))


def _reason(error: HTTPError) -> str:
    """The cause, without urllib3's own name of the connection: the server is named anyway."""
    return re.sub(r"^(<[^>]*>|HTTPS?Connection(Pool)?\([^)]*\)): ", "", str(error))
