# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small proxies on loopback: HTTP CONNECT, plain or inside TLS, and SOCKS 5, each with a user and password."""

from __future__ import annotations

import base64
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl


_BY_NAME = 3
"""The kind of address that is a name (RFC 1928)."""


class Proxy:
    """Connects who has the right user and password to where they ask.

    Attributes:
        targets: Where somebody was connected to, as HOST:PORT.
        refused: How many had no right user and password.
    """

    def __init__(self, scheme: str, user: str, password: str, tls: ssl.SSLContext | None = None) -> None:
        self.targets: list[str] = []
        self.refused = 0
        self._socks = scheme.startswith("socks")
        self._user, self._password, self._tls = user, password, tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _address = self._listener.accept()
                threading.Thread(target=self._connect, args=(connection,), daemon=True).start()

    def _connect(self, plain: socket.socket) -> None:
        with (
            suppress(OSError, EOFError),
            self._tls.wrap_socket(plain, server_side=True) if self._tls else plain as near,
        ):
            target = self._socks_target(near) if self._socks else self._http_target(near)
            if not target:
                return
            self.targets.append(":".join(map(str, target)))
            with socket.create_connection(target) as far:
                if self._socks:
                    near.sendall(b"\x05\x00\x00\x01" + bytes(6))
                else:
                    near.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                back = threading.Thread(target=_copy, args=(far, near), daemon=True)
                back.start()
                _copy(near, far)
                back.join(5)

    def _wrapped(self, plain: socket.socket) -> socket.socket:
        return self._tls.wrap_socket(plain, server_side=True) if self._tls else plain

    def _http_target(self, near: socket.socket) -> tuple[str, int] | None:
        data = b""
        while not data.endswith(b"\r\n\r\n"):
            data += _exactly(near, 1)
        credentials = base64.b64encode(f"{self._user}:{self._password}".encode()).decode()
        if f"proxy-authorization: basic {credentials}".lower() not in data.decode().lower():
            self.refused += 1
            near.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return None
        host, _colon, port = data.split(b" ")[1].decode().rpartition(":")
        return host, int(port)

    def _socks_target(self, near: socket.socket) -> tuple[str, int] | None:
        ways = _exactly(near, _exactly(near, 2)[1])
        if 2 not in ways:
            self.refused += 1
            near.sendall(b"\x05\xff")
            return None
        near.sendall(b"\x05\x02")
        user = _exactly(near, _exactly(near, 2)[1]).decode()
        password = _exactly(near, _exactly(near, 1)[0]).decode()
        right = (user, password) == (self._user, self._password)
        self.refused += not right
        near.sendall(b"\x01\x00" if right else b"\x01\x01")
        if not right:
            return None
        by_name = _exactly(near, 4)[3] == _BY_NAME
        host = _exactly(near, _exactly(near, 1)[0]).decode() if by_name else socket.inet_ntoa(_exactly(near, 4))
        return host, int.from_bytes(_exactly(near, 2), "big")


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
