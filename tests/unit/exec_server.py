# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that speaks the exec websocket as the API server does."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl


class ExecServer:
    """Answers one request with the messages of a websocket, or with an HTTP response.

    Attributes:
        messages: What the websocket sends.
        response: An HTTP status and a body in place of the websocket.
        ends: Whether it closes the websocket after the messages.
        request: The request, as it came.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.messages: list[bytes] = []
        self.response: tuple[int, dict[str, str]] | None = None
        self.ends = True
        self.request = ""
        self._tls = tls
        self._done = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._done.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):  # the listener was closed before anybody asked
            plain, _address = self._listener.accept()
            with plain, self._tls.wrap_socket(plain, server_side=True) if self._tls else plain as connection:
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            part = connection.recv(65536)
            if not part:
                return
            data += part
        self.request = data.decode()
        if self.response:
            body = json.dumps(self.response[1]).encode()
            head = f"HTTP/1.1 {self.response[0]} Status\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            return
        key = next(line for line in self.request.split("\r\n") if line.startswith("Sec-WebSocket-Key")).split()[1]
        digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()  # noqa: S324  # RFC 6455
        connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Protocol: v4.channel.k8s.io\r\nSec-WebSocket-Accept: "
            + base64.b64encode(digest)
            + b"\r\n\r\n"
        )
        for message in self.messages:
            connection.sendall(b"\x82\x7e" + len(message).to_bytes(2, "big") + message)
        if self.ends:
            connection.sendall(b"\x88\x02\x03\xe8")
        self._done.wait(5)
