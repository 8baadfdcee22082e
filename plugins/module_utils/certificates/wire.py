# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate that a gateway serves to other peers, read by a TLS handshake."""

from __future__ import annotations

import contextlib
import socket
import ssl

from ..errors import ClusterlinkError, Problem
from .found import PEER, WIRE, Found, read_chain

TIMEOUT = 5.0
"""Seconds for the connection, and again for the handshake: a slower link is of no use to a service."""

_NO_TLS = {
    "HTTP_REQUEST",
    "HTTPS_PROXY_REQUEST",
    "PACKET_LENGTH_TOO_LONG",
    "RECORD_LAYER_FAILURE",
    "UNKNOWN_PROTOCOL",
    "WRONG_VERSION_NUMBER",
}
"""OpenSSL's reasons for a response that is no TLS record."""

_CLOSED = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError)
"""The errors of a connection that the other side has closed: which one depends on when that is noticed."""


def on_wire(host: str, port: int, peer: str, timeout: float = TIMEOUT) -> Found:
    """The certificate that the gateway at an address serves for a peer's name; with a fault when there is none.

    Args:
        host: A name or an address.
        port: From 1 to 65535.
        peer: The requested name (SNI), as another peer sends it; may be empty. A gateway of ClusterLink v0.4.1 serves
            the same certificate for all names (cmd/cl-dataplane/app/envoyconf.go has one filter chain).
        timeout: Seconds for the connection, and again for the handshake.
    """
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        leaf = _handshake(host, port, peer, timeout, where)
    except ClusterlinkError as error:
        return Found(peer, PEER, WIRE, where, fault=error.message())
    return read_chain(ssl.DER_cert_to_PEM_cert(leaf).encode(), peer, PEER, WIRE, where)[0]


def try_certificate(host: str, port: int, peer: str, files: tuple[str, str], timeout: float = TIMEOUT) -> str:
    """Why a gateway refuses a client's certificate; empty when it accepts the client.

    Under TLS 1.3 a client knows only from the first response whether it is accepted, so it sends a request.

    Args:
        host: A name or an address.
        port: From 1 to 65535.
        peer: The gateway's own name (SNI).
        files: The client's certificate and key, as paths.
        timeout: Seconds for the connection, and again for each response.

    Raises:
        ClusterlinkError: There is no gateway at the address, or the client's files cannot be read.
    """
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # only the gateway's trust in the client is tested
    try:
        context.load_cert_chain(*files)
    except (OSError, ValueError) as error:
        raise ClusterlinkError(Problem(files[0], "cannot be read together with its key", str(error))) from error
    _handshake(host, port, peer, timeout, where)  # so that a missing response below means a refusal
    try:
        with (
            socket.create_connection((host, port), timeout) as connection,
            context.wrap_socket(connection, server_hostname=peer or None) as secured,
        ):
            with contextlib.suppress(*_CLOSED):  # a gateway that has hung up may have said why before
                secured.sendall(b"GET / HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n")
            return "" if secured.recv(1) else "it closes the connection"
    except TimeoutError as error:
        raise ClusterlinkError(Problem(where, f"no response within {timeout:g} s")) from error
    except OSError as error:
        return str(getattr(error, "reason", "") or getattr(error, "strerror", "") or error)


def _handshake(host: str, port: int, name: str, timeout: float, where: str) -> bytes:
    """The server's leaf as DER.

    The gateway requests a client certificate, and this client sends none. Under TLS 1.3 the client's part of the
    handshake is over, and the server's certificate known, before the server refuses.

    Raises:
        ClusterlinkError: No connection, no TLS, or a refusal.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # expired and wrong certificates must be readable, too
    try:
        connection = socket.create_connection((host, port), timeout)
    except (OSError, ValueError, OverflowError) as error:  # ValueError: a name that IDNA does not know
        raise ClusterlinkError(_no_connection(error, timeout, where)) from error
    with connection:
        try:
            secured = context.wrap_socket(connection, server_hostname=name or None)
        except (OSError, ValueError, TypeError) as error:  # the last two: a name that is not valid for SNI
            raise ClusterlinkError(_no_handshake(error, timeout, where, name)) from error
        with contextlib.closing(secured):
            leaf = secured.getpeercert(binary_form=True)
    if not leaf:
        raise ClusterlinkError(Problem(where, "serves no certificate"))
    return leaf


def _no_connection(error: Exception, timeout: float, where: str) -> Problem:
    if isinstance(error, socket.gaierror):
        return Problem(where, "the name cannot be resolved", error.strerror or str(error), "Check the name and the DNS")
    if isinstance(error, TimeoutError):
        fix = "Check the address, and the firewalls from here to there"
        return Problem(where, f"no connection within {timeout:g} s", fix=fix)
    if isinstance(error, ConnectionRefusedError):
        fix = "Check that the gateway's data plane runs, and its address"
        return Problem(where, "the connection is refused", fix=fix)
    return Problem(where, "no connection", getattr(error, "strerror", "") or str(error), "Check the address")


def _no_handshake(error: Exception, timeout: float, where: str, name: str) -> Problem:
    fix = "Check that it is the gateway's address"
    if isinstance(error, TimeoutError):
        return Problem(
            where, f"the connection is accepted, but there is no TLS handshake within {timeout:g} s", fix=fix
        )
    reason = str(getattr(error, "reason", "") or getattr(error, "strerror", "") or error)
    if reason in _NO_TLS:
        return Problem(where, "the server does not speak TLS", fix=fix)
    if isinstance(error, _CLOSED) or reason == "UNEXPECTED_EOF_WHILE_READING":
        what = f"the connection is closed in the TLS handshake for {name or 'no name'}"
        return Problem(where, what, fix=f"{fix}, and that the gateway has a certificate")
    return Problem(where, f"the TLS handshake for {name or 'no name'} is refused or fails", reason, fix)
