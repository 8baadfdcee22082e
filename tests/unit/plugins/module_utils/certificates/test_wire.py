# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seen of real servers on this machine: one that asks for a client certificate, as a gateway does, and more."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.certificates.wire import on_wire, try_certificate
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.ca import CaRequest, make_ca
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.issue import Issuer
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import key_pem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.leaf import LeafRequest, make_leaf
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.pair import Issued
from tests.support.waiting import PATIENCE_SECONDS

SHORT = 0.3  # seconds

Serve = Callable[[Callable[[socket.socket], object]], int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server that does one thing with every connection, and gives its port."""
    listeners: list[socket.socket] = []

    def start(handle: Callable[[socket.socket], object]) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def accept() -> None:
            with suppress(OSError):  # closed at the end of the test
                while True:
                    connection, _address = listener.accept()
                    with connection, suppress(OSError):
                        connection.settimeout(PATIENCE_SECONDS)
                        handle(connection)

        threading.Thread(target=accept, daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    for listener in listeners:
        listener.close()


@pytest.fixture(scope="module")
def ca() -> Issued:
    return make_ca(CaRequest("demo"), datetime.now(timezone.utc))


def context(ca: Issued, peer: str, folder: Path) -> tuple[ssl.SSLContext, Issued]:
    """The TLS settings of a peer's gateway, which lets nobody in without a certificate of the fabric."""
    issued = make_leaf(LeafRequest(peer), Issuer(ca.certificate, ca.key), datetime.now(timezone.utc))
    certificate, key = folder / f"{peer}-cert.pem", folder / f"{peer}-key.pem"
    certificate.write_bytes(issued.certificate_pem)
    key.write_bytes(key_pem(issued.key))
    settings = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    settings.load_cert_chain(certificate, key)
    settings.load_verify_locations(cadata=ca.certificate_pem.decode())
    settings.verify_mode = ssl.CERT_REQUIRED
    return settings, issued


def shake(settings: ssl.SSLContext) -> Callable[[socket.socket], None]:
    def handle(connection: socket.socket) -> None:
        with settings.wrap_socket(connection, server_side=True) as secured:
            secured.recv(1)

    return handle


def fault(port: int, name: str = "east", host: str = "127.0.0.1", seconds: float = PATIENCE_SECONDS) -> str:
    found = on_wire(host, port, name, seconds)
    assert found.certificate is None
    assert (found.owner, found.purpose, found.place) == (name, "peer", "wire")
    assert found.where in found.fault
    return found.fault


def test_the_leaf_is_seen_although_the_server_wants_a_client_certificate(
    serve: Serve, ca: Issued, tmp_path: Path
) -> None:
    settings, issued = context(ca, "east", tmp_path)
    port = serve(shake(settings))
    found = on_wire("127.0.0.1", port, "east")
    assert found.certificate == issued.certificate
    assert (found.owner, found.purpose, found.place, found.where) == ("east", "peer", "wire", f"127.0.0.1:{port}")
    assert found.fault == ""


def test_the_server_is_asked_by_the_peers_name(serve: Serve, ca: Issued, tmp_path: Path) -> None:
    east, _issued = context(ca, "east", tmp_path)
    west, issued = context(ca, "west", tmp_path)
    asked: list[str | None] = []

    def choose(connection: ssl.SSLObject, name: str | None, _settings: ssl.SSLContext) -> None:
        asked.append(name)
        if name == "west":
            connection.context = west

    east.sni_callback = choose
    assert on_wire("127.0.0.1", serve(shake(east)), "west").certificate == issued.certificate
    assert asked == ["west"]


def test_no_name_is_asked_for_where_none_is_known(serve: Serve, ca: Issued, tmp_path: Path) -> None:
    settings, issued = context(ca, "east", tmp_path)
    assert on_wire("127.0.0.1", serve(shake(settings)), "").certificate == issued.certificate


def test_a_refused_connection_is_a_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert "the connection is refused" in fault(port)


def test_a_server_that_stays_silent_is_a_fault_in_time(serve: Serve) -> None:
    over = threading.Event()
    port = serve(lambda _connection: over.wait(PATIENCE_SECONDS))
    assert "there is no TLS handshake within 0.3 s" in fault(port, seconds=SHORT)
    over.set()


def test_an_address_that_takes_no_connection_is_a_fault_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def silence(address: tuple[str, int], timeout: float) -> socket.socket:
        raise TimeoutError(f"{address} {timeout}")

    monkeypatch.setattr(socket, "create_connection", silence)
    assert "no connection within 0.3 s" in fault(443, host="192.0.2.1", seconds=SHORT)


@pytest.mark.parametrize(
    "greeting", [b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", b"SSH-2.0-x\r\n", b"220 mail\r\n" * 9]
)
def test_a_server_of_plain_text_is_a_fault(serve: Serve, greeting: bytes) -> None:
    def greet(connection: socket.socket) -> None:
        connection.sendall(greeting)
        connection.recv(4096)

    assert "the server does not speak TLS" in fault(serve(greet))


def test_a_connection_that_is_closed_in_the_handshake_is_a_fault(serve: Serve) -> None:
    def close(connection: socket.socket) -> None:
        connection.recv(4096)

    assert "is closed in the TLS handshake for east" in fault(serve(close))


def test_a_connection_that_is_reset_in_the_handshake_is_a_fault(serve: Serve) -> None:
    def reset(connection: socket.socket) -> None:
        connection.recv(1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    assert "is closed in the TLS handshake for east" in fault(serve(reset))


def test_a_close_that_arrives_before_the_next_write_is_the_same_fault(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_arguments: object, **_more: object) -> None:
        raise ssl.SSLZeroReturnError(ssl.SSL_ERROR_ZERO_RETURN, "TLS/SSL connection has been closed (EOF)")

    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", closed)
    assert "is closed in the TLS handshake for east" in fault(serve(lambda connection: connection.recv(1)))


def test_a_server_that_refuses_the_name_is_a_fault(serve: Serve, ca: Issued, tmp_path: Path) -> None:
    settings, _issued = context(ca, "east", tmp_path)
    settings.sni_callback = lambda *_arguments: ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    assert "UNRECOGNIZED_NAME" in fault(serve(shake(settings)), "north")


def test_a_server_without_tls_1_3_says_that_it_wants_a_certificate(serve: Serve, ca: Issued, tmp_path: Path) -> None:
    settings, _issued = context(ca, "east", tmp_path)
    settings.maximum_version = ssl.TLSVersion.TLSv1_2
    assert "is refused or fails" in fault(serve(shake(settings)))


def test_a_name_that_nobody_knows_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_arguments: object, **_more: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert "the name cannot be resolved" in fault(443, host="gateway.invalid")


@pytest.mark.parametrize("host", ["a..b", "x" * 70])
def test_a_host_that_can_be_no_name_is_a_fault(host: str) -> None:
    assert fault(443, host=host)


@pytest.mark.parametrize("port", [-1, 70000])
def test_a_port_that_can_be_none_is_a_fault(port: int) -> None:
    assert fault(port)


@pytest.mark.parametrize("name", [".east", "a" * 300, "ea\0st"])
def test_a_name_that_cannot_be_asked_for_is_a_fault(serve: Serve, ca: Issued, tmp_path: Path, name: str) -> None:
    settings, _issued = context(ca, "east", tmp_path)
    assert fault(serve(shake(settings)), name)


def answer(settings: ssl.SSLContext) -> Callable[[socket.socket], None]:
    def handle(connection: socket.socket) -> None:
        with settings.wrap_socket(connection, server_side=True) as secured:
            secured.recv(1)
            secured.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

    return handle


def test_a_certificate_of_the_fabric_is_let_in_and_another_is_not(serve: Serve, ca: Issued, tmp_path: Path) -> None:
    settings, _issued = context(ca, "east", tmp_path)
    context(ca, "west", tmp_path)
    context(make_ca(CaRequest("demo"), datetime.now(timezone.utc)), "evicted", tmp_path)
    port = serve(answer(settings))
    tried = {
        name: try_certificate("127.0.0.1", port, "east", (f"{tmp_path}/{name}-cert.pem", f"{tmp_path}/{name}-key.pem"))
        for name in ("west", "evicted")
    }
    assert tried["west"] == ""
    assert "UNKNOWN_CA" in tried["evicted"]


@pytest.mark.parametrize(
    "error",
    [
        ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "EOF"),
        ssl.SSLZeroReturnError(ssl.SSL_ERROR_ZERO_RETURN, "closed"),
        ConnectionResetError(),
        BrokenPipeError(),
    ],
)
def test_a_refusal_keeps_its_reason_when_the_connection_is_closed_before_the_request(
    serve: Serve, ca: Issued, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    """Python and OpenSSL differ in what a write to such a connection raises."""
    settings, _issued = context(ca, "east", tmp_path)
    context(make_ca(CaRequest("demo"), datetime.now(timezone.utc)), "evicted", tmp_path)

    def closed(*_arguments: object) -> None:
        raise error

    monkeypatch.setattr(ssl.SSLSocket, "sendall", closed)
    files = (f"{tmp_path}/evicted-cert.pem", f"{tmp_path}/evicted-key.pem")
    assert "UNKNOWN_CA" in try_certificate("127.0.0.1", serve(answer(settings)), "east", files)


def test_a_certificate_is_not_refused_by_a_gateway_that_is_not_there(serve: Serve, ca: Issued, tmp_path: Path) -> None:
    context(ca, "west", tmp_path)
    files = (str(tmp_path / "west-cert.pem"), str(tmp_path / "west-key.pem"))
    port = serve(lambda connection: connection.close())
    with pytest.raises(ClusterlinkError, match="closed in the TLS handshake"):
        try_certificate("127.0.0.1", port, "east", files)
    with pytest.raises(ClusterlinkError, match="cannot be read together"):
        try_certificate("127.0.0.1", port, "east", (files[0], str(tmp_path / "east-key.pem")))
