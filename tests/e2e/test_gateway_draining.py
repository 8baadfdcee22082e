# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a gateway's pods do before they end."""

from __future__ import annotations

import socket
import ssl
import time
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.gateways import DATAPLANE, Fabric, pods

if TYPE_CHECKING:
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

SPACE = "gateway-draining"
OPTIONS = {"dataplane_drain_seconds": 15}
HEARTBEAT = "/healthz"


def kept_connection(address: dict[str, Any], client: dict[str, str]) -> HTTPConnection:
    """A connection to gateway east, as another gateway's control plane keeps one."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.load_verify_locations(client["ca_path"])
    tls.load_cert_chain(client["certificate_path"], client["privatekey_path"])
    connection = HTTPConnection("east")
    plain = socket.create_connection((address["host"], address["port"]), timeout=10)
    connection.sock = tls.wrap_socket(plain, server_hostname="east")
    return connection


def is_kept(connection: HTTPConnection) -> bool:
    """Ask on it, and see whether the answer is good and leaves it open."""
    connection.request("GET", HEARTBEAT)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200
    return answer.getheader("connection") != "close"


def test_a_data_plane_that_is_told_to_end_answers_and_closes_connections_that_are_kept(
    address: dict[str, Any], kubectl: Kubectl, fabric: Fabric
) -> None:
    connection = kept_connection(address, fabric.peer("west"))
    assert is_kept(connection)
    assert is_kept(connection)
    [pod] = pods(kubectl, SPACE, DATAPLANE)

    kubectl("delete", "pod", pod, "-n", SPACE, "--wait=false")

    deadline = time.monotonic() + 14
    while is_kept(connection):
        assert time.monotonic() < deadline, "it would be cut when the pod ends"
        time.sleep(0.2)
    connection.close()
