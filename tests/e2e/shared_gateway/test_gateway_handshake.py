# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""gateway_handshake against a real gateway; openssl tries the same certificates."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.ansible import Ansible, Call
from tests.support.gateways import SHARED_GATEWAY, Fabric, inventory
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

Object = dict[str, Any]
SPACE = SHARED_GATEWAY
SECONDS = 90
"""The longest that a gateway may take to serve a certificate: until the kubelet brings a Secret by itself."""


def knock(address: Object, material: dict[str, str], *, check: bool = False, **options: Any) -> Call:
    """A task that tries a certificate at the gateway."""
    files = {name: material[name] for name in ("certificate_path", "privatekey_path")}
    place = {"gateway_host": address["host"], "gateway_port": address["port"], "peer": "east"}
    return Call("gateway_handshake", {**place, **files, **options}, check=check, connection=False)


def answered(address: Object, material: dict[str, str]) -> bool:
    """Whether a request of openssl with the certificate is answered."""
    place = f"{address['host']}:{address['port']}"
    files = ("-cert", material["certificate_path"], "-key", material["privatekey_path"])
    run = subprocess.run(
        ["openssl", "s_client", "-connect", place, "-servername", "east", "-quiet", "-ign_eof", *files],
        input="GET / HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    return run.stdout.startswith("HTTP/1.1 ")


def test_who_belongs_to_the_fabric_is_let_in_and_nobody_else(
    run_module: Ansible, kubectl: Kubectl, fabric: Fabric, address: Object, tmp_path: Path
) -> None:
    west, expired = fabric.peer("west"), fabric.peer("west", folder="expired", days="-1")
    stranger = Fabric(tmp_path / "stranger", "stranger").peer("west")
    before = inventory(kubectl)
    planned, let_in, again, unknown, too_old = run_module.each(
        knock(address, west, check=True),
        knock(address, west),
        knock(address, west, expect="accepted"),
        knock(address, stranger, expect="refused"),
        knock(address, expired, expect="refused"),
    )
    for result in (planned, let_in, again):
        assert not result.get("failed"), result["msg"]
        assert (result["changed"], result["accepted"], result["reason"]) == (False, True, "")
    assert answered(address, west)
    for result in (unknown, too_old):
        assert not result.get("failed"), result["msg"]
        assert not result["accepted"]
        assert result["reason"]
    assert not any(answered(address, material) for material in (stranger, expired))
    assert inventory(kubectl) == before


def test_a_gateway_that_is_given_another_ca_refuses_whom_it_let_in(
    run_module: Ansible, fabric: Fabric, address: Object, tmp_path: Path
) -> None:
    """What eviction comes to: the same certificate, before and after the gateway trusts another CA alone."""
    west, new = fabric.peer("west"), Fabric(tmp_path / "new", "new")

    def give(owner: Fabric) -> Call:
        return Call("gateway_certificate", {**owner.peer("east"), "namespace": SPACE})

    def is_accepted() -> bool:
        (result,) = run_module.each(knock(address, west))
        assert not result.get("failed"), result["msg"]
        accepted: bool = result["accepted"]
        return accepted

    # A gateway that has been given a certificate serves it after a moment.
    wait_until("the peer is accepted", is_accepted, SECONDS)
    assert run_module.each(give(new))[0]["changed"]
    wait_until("the peer is refused", lambda: not is_accepted(), SECONDS)
    assert not answered(address, west)
    assert run_module.each(give(fabric))[0]["changed"]
    wait_until("the peer is accepted again", is_accepted, SECONDS)


def test_what_is_not_as_expected_or_cannot_be_tried_is_an_error(
    run_module: Ansible, fabric: Fabric, address: Object, tmp_path: Path
) -> None:
    west, other = fabric.peer("west"), fabric.peer("west", folder="other")
    stranger = Fabric(tmp_path / "stranger", "stranger").peer("west")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    wrong: list[tuple[Call, str]] = [
        (knock(address, west, expect="refused"), "is accepted by the gateway of east at"),
        (knock(address, stranger, expect="accepted"), "is refused by the gateway of east at"),
        (knock({"host": "127.0.0.1", "port": port}, west), "the connection is refused"),
        (knock(address, {**west, "privatekey_path": other["privatekey_path"]}), "cannot be read together with its key"),
        (knock(address, {**west, "certificate_path": str(tmp_path / "none.pem")}), "cannot be read together"),
    ]
    for result, (_call, said) in zip(run_module.each(*(call for call, _said in wrong)), wrong, strict=True):
        assert result["failed"]
        assert said in result["msg"]
