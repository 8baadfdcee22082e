# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether real servers on this machine, which trust a CA as a gateway does, accept its certificates."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.certificates import trust
from ansible_collections.skyshift.clusterlink.plugins.module_utils.certificates.trust import require_accepted
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.ca import CaRequest, make_ca
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.issue import Issuer
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.leaf import LeafRequest, make_leaf
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.pair import Issued

OLD = make_ca(CaRequest("demo"), datetime.now(timezone.utc))
NEW = make_ca(CaRequest("demo"), datetime.now(timezone.utc))
ISSUER = Issuer(NEW.certificate, NEW.key)

Gateway = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "_PAUSE_SECONDS", 0.02)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """Starts a server that trusts some CAs from its connection number C(after) on, and the old one before."""
    listeners: list[socket.socket] = []

    def settings(*trusted: Issued) -> ssl.SSLContext:
        leaf = make_leaf(LeafRequest("east"), Issuer(OLD.certificate, OLD.key), datetime.now(timezone.utc))
        (tmp_path / "cert.pem").write_bytes(leaf.certificate_pem)
        (tmp_path / "key.pem").write_bytes(leaf.key_pem)
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
        made.load_verify_locations(cadata="".join(ca.certificate_pem.decode() for ca in trusted))
        made.verify_mode = ssl.CERT_REQUIRED
        return made

    def start(*trusted: Issued, after: int = 0) -> dict[str, Any]:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        early, late = settings(OLD), settings(*trusted)

        def accept() -> None:
            with suppress(OSError):  # closed at the end of the test
                number = 0
                while True:
                    connection, _address = listener.accept()
                    number += 1
                    with connection, suppress(OSError):
                        connection.settimeout(5)
                        context = late if number > after else early
                        with context.wrap_socket(connection, server_side=True) as secured:
                            secured.recv(1)
                            secured.sendall(b"HTTP/1.1 404 Not Found\r\n\r\n")

        threading.Thread(target=accept, daemon=True).start()
        return {"address": {"host": "127.0.0.1", "port": int(listener.getsockname()[1])}}

    yield start
    for listener in listeners:
        listener.close()


def test_gateways_that_trust_the_new_ca_accept_its_certificates(gateway: Gateway) -> None:
    require_accepted(ISSUER, {"east": gateway(OLD, NEW), "west": gateway(NEW)}, datetime.now(timezone.utc), 5)


def test_a_gateway_that_does_not_trust_it_is_named_and_the_others_are_not(gateway: Gateway) -> None:
    observed = {"east": gateway(OLD, NEW), "west": gateway(OLD)}
    with pytest.raises(ClusterlinkError, match=r"west: .*refuses certificates of the new CA.*UNKNOWN_CA") as refused:
        require_accepted(ISSUER, observed, datetime.now(timezone.utc), 0.5)
    assert "east" not in str(refused.value)


def test_a_gateway_may_take_a_moment(gateway: Gateway) -> None:
    require_accepted(ISSUER, {"east": gateway(OLD, NEW, after=6)}, datetime.now(timezone.utc), 5)


def test_what_cannot_be_asked_from_here_is_not_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = {"address": {"host": "127.0.0.1", "port": closed.getsockname()[1]}}
    require_accepted(ISSUER, {"east": nobody, "west": {"address": None}, "north": {}}, datetime.now(timezone.utc), 0.2)


def test_the_certificates_that_it_tries_are_not_kept(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(trust.tempfile, "tempdir", str(place))
    require_accepted(ISSUER, {"east": gateway(NEW)}, datetime.now(timezone.utc), 5)
    assert not list(place.iterdir())
