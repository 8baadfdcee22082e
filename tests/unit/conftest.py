# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fakes of an API server, and keys and certificates; RSA keys take long, so they are made once."""

from __future__ import annotations

import functools
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.ca import CaRequest, make_ca
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.issue import Issuer
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import Fresh, KeySpec, generate, key_pem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.leaf import LeafRequest, make_leaf
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.pair import Issued, Pair
from tests.unit.fakes import Api, Asked, MemoryCluster, Time

if TYPE_CHECKING:
    from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import PrivateKey


@functools.cache
def cached_key(spec: KeySpec, number: int = 0) -> PrivateKey:
    del number
    return generate(spec)


@pytest.fixture(scope="session")
def key() -> Callable[..., PrivateKey]:
    """A key of a kind; the same one for the same kind and number."""
    return cached_key


@pytest.fixture(scope="session")
def now() -> datetime:
    return datetime(2030, 6, 15, 12, 0, 0, tzinfo=timezone.utc)


@pytest.fixture
def fresh() -> Fresh:
    """Keys and serial numbers that are the same in every test."""
    numbers = itertools.count(1)
    return Fresh(key=lambda spec: cached_key(spec, next(numbers)), serial=lambda: next(numbers))


@pytest.fixture(scope="session")
def ca(now: datetime) -> Issued:
    return make_ca(CaRequest("demo"), now)


@pytest.fixture(scope="session")
def issuer(ca: Issued) -> Issuer:
    return Issuer(ca.certificate, ca.key)


@pytest.fixture(scope="session")
def east(issuer: Issuer, now: datetime) -> Issued:
    return make_leaf(LeafRequest("east"), issuer, now)


@pytest.fixture(scope="session")
def pair() -> Callable[..., Pair]:
    """What a folder that holds a certificate and its key reads as; either can be replaced, or left out by b""."""

    def build(issued: Issued | None = None, *, certificate: bytes | None = None, key: bytes | None = None) -> Pair:
        if issued is not None:
            certificate = issued.certificate_pem if certificate is None else certificate
            key = key_pem(issued.key) if key is None else key
        return Pair(certificate or None, key or None, "/pki/cert.pem", "/pki/key.pem")

    return build


@pytest.fixture
def clock() -> Time:
    """A clock that only waiting moves on."""
    return Time()


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """A server; waiting before another try takes no time."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    holder: list[Api] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            said = json.loads(body) if body else None
            holder[0].asked.append(Asked(self.command, self.path, list(self.headers.items()), said))
            planned = holder[0].answers.pop(0)
            if planned is None:
                self.close_connection = True
                return
            status, content, headers = planned
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if "Content-Length" in headers:  # more than comes
                self.close_connection = True
            else:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    holder.append(Api(f"http://127.0.0.1:{server.server_port}"))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield holder[0]
    server.shutdown()
    server.server_close()


@pytest.fixture
def memory_cluster() -> type[MemoryCluster]:
    """The class of clusters in memory."""
    return MemoryCluster
