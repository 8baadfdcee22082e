# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy in front of a Kubernetes API server that lets some requests fail.

It ends TLS on both sides, because what goes wrong with an API server is said in HTTP: 429 and 500 cannot be made by a
proxy that only sees bytes. Who asks is not checked; the requests go on with the client certificate of the kubeconfig.
"""

from __future__ import annotations

import base64
import http.client
import json
import random
import select
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

FAULTS = ("latency", "reset", "cut", "429", "500")
"""What can go wrong: the answer comes late; the connection is reset before the request goes on, or after the server has
done it, so that its answer is lost; the request is refused."""
REFUSALS = ("401", "403", "429", "500")
"""Faults that are an answer of this status."""
SILENCE = "silence"
"""The fault that there is no answer; the connection stays until the client has enough."""

LATENCY_SECONDS = (0.2, 3.0)
_PATIENCE_SECONDS = 300
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "authorization", "host"})
_NAME = "127.0.0.1"


class FaultyProxy:
    """The proxy of one API server, for use with C(with).

    Attributes:
        faults: Which faults there are, one of them drawn for a request that is to fail.
        share: The share of requests that fail; may be changed while it runs.
        seen: How many requests had which fault; C(none) for those that had none.
    """

    def __init__(
        self, kubeconfig: dict[str, Any], folder: Path, *, faults: Iterable[str] = FAULTS, share: float = 0.3
    ) -> None:
        """Read where the API server is.

        Args:
            kubeconfig: Of one context, with certificates inline (kubectl config view --raw --minify).
            folder: Where keys may be kept.
            faults: Of C(FAULTS), C(REFUSALS), or C(SILENCE).
            share: Of requests that fail, from 0 to 1.
        """
        self.faults = tuple(faults)
        self.share = share
        self.seen: Counter[str] = Counter()
        self._chance = random.Random(share)  # noqa: S311  # nothing is secret here
        self._lock = threading.Lock()
        self._certificate = folder / "proxy.pem"
        cluster, user = kubeconfig["clusters"][0]["cluster"], kubeconfig["users"][0]["user"]
        self._target = urlsplit(cluster["server"])
        self._upstream = _upstream_tls(cluster, user, folder)
        proxy = self

        class Handler(_Handler):
            def handle_request(self) -> None:
                proxy._handle(self)

        self._server = ThreadingHTTPServer((_NAME, 0), Handler)
        self._server.daemon_threads = True
        self._server.socket = _own_tls(self._certificate).wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )

    def __enter__(self) -> FaultyProxy:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def kubeconfig(self, name: str) -> dict[str, Any]:
        """A kubeconfig whose only context leads through the proxy."""
        authority = base64.b64encode(self._certificate.read_bytes()).decode()
        server = f"https://{_NAME}:{self._server.server_address[1]}"
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": authority}}],
            "users": [{"name": name, "user": {"token": "through-the-proxy"}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }

    def _fault(self) -> str:
        with self._lock:
            fault = self._chance.choice(self.faults) if self._chance.random() < self.share else "none"
            self.seen[fault] += 1
        return fault

    def _handle(self, client: _Handler) -> None:
        fault = self._fault()
        length = int(client.headers.get("Content-Length") or 0)
        body = client.rfile.read(length) if length else None
        if fault == "reset":
            client.reset()
        elif fault == SILENCE:
            select.select([client.connection], [], [], _PATIENCE_SECONDS)
            client.close_connection = True
        elif fault in REFUSALS:
            client.refuse(int(fault))
        else:
            if fault == "latency":
                time.sleep(self._chance.uniform(*LATENCY_SECONDS))
            if "upgrade" in client.headers.get("Connection", "").lower():
                self._tunnel(client, cut=fault == "cut")
            else:
                self._forward(client, body, cut=fault == "cut")

    def _forward(self, client: _Handler, body: bytes | None, *, cut: bool) -> None:
        """Ask the server; with C(cut), keep its answer back."""
        upstream = http.client.HTTPSConnection(self._target.netloc, context=self._upstream, timeout=120)
        try:
            upstream.request(client.command, client.path, body, _passed(client))
            answer = upstream.getresponse()
            if cut:
                client.reset()
                return
            client.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in (*_HOP_BY_HOP, "date", "server"):
                    client.send_header(name, value)
            chunked = answer.getheader("Content-Length") is None  # a watch, which goes on
            if chunked:
                client.send_header("Transfer-Encoding", "chunked")
            client.end_headers()
            while data := answer.read1(65536):
                client.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) if chunked else data)
            if chunked:
                client.wfile.write(b"0\r\n\r\n")
        finally:
            upstream.close()

    def _tunnel(self, client: _Handler, *, cut: bool) -> None:
        """Let a websocket through, byte for byte; with C(cut), only until something comes back."""
        client.close_connection = True
        address = (str(self._target.hostname), self._target.port or 443)
        with (
            socket.create_connection(address, timeout=30) as raw,
            self._upstream.wrap_socket(raw, server_hostname=self._target.hostname) as upstream,
        ):
            head = [f"{client.command} {client.path} HTTP/1.1", f"Host: {self._target.netloc}"]
            head += [f"{name}: {value}" for name, value in client.headers.items() if name.lower() not in _NOT_IN_TUNNEL]
            upstream.sendall("\r\n".join([*head, "", ""]).encode())
            ends = (client.connection, upstream)
            while True:
                if not any(end.pending() for end in ends):
                    select.select(ends, [], [], 60)
                for one, other in (ends, ends[::-1]):
                    if not (one.pending() or select.select([one], [], [], 0)[0]):
                        continue
                    data = one.recv(65536)
                    if one is upstream and cut:
                        client.reset()
                        return
                    if not data:
                        return
                    other.sendall(data)


_NOT_IN_TUNNEL = frozenset({"host", "authorization"})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    connection: ssl.SSLSocket

    def handle_request(self) -> None:
        raise NotImplementedError

    def _safely(self) -> None:
        try:
            self.handle_request()
        except OSError:  # the client has gone, or the server
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _safely  # noqa: N815 - the names that http.server calls

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def finish(self) -> None:
        if self.connection.fileno() >= 0:
            super().finish()

    def reset(self) -> None:
        """Break the connection off so that the client's system reports a reset."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.socket(fileno=self.connection.detach()).close()

    def refuse(self, status: int) -> None:
        """Answer as an API server does that is overloaded, or broken."""
        said = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "message": "injected fault"}
        data = json.dumps(said).encode()
        self.send_response(status)
        if status == http.HTTPStatus.TOO_MANY_REQUESTS:
            self.send_header("Retry-After", "1")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


def _passed(client: _Handler) -> dict[str, str]:
    return {name: value for name, value in client.headers.items() if name.lower() not in _HOP_BY_HOP}


def _own_tls(certificate: Path) -> ssl.SSLContext:
    subject = ("-subj", "/CN=proxy", "-addext", f"subjectAltName=IP:{_NAME}", "-days", "2")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{certificate}.key")
    subprocess.run(
        ["openssl", "req", "-x509", *key, *subject, "-out", str(certificate)], check=True, capture_output=True
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, f"{certificate}.key")
    return context


def _upstream_tls(cluster: dict[str, Any], user: dict[str, Any], folder: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    pair = folder / "upstream.pem"
    pair.touch(mode=0o600)
    pair.write_bytes(b"".join(base64.b64decode(user[f"client-{part}-data"]) for part in ("certificate", "key")))
    context.load_cert_chain(pair)
    return context
