# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""certificate_info on a real gateway; what it says is compared with kubectl and openssl."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.ansible import Ansible, Call
from tests.support.certificates import secrets_in
from tests.support.gateways import SHARED_GATEWAY, Fabric, peer_secret, serial_of, served_certificate
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

Object = dict[str, Any]
SPACE = SHARED_GATEWAY
SECRETS = {"cl-peer", "cl-ca", "cl-controlplane", "cl-dataplane"}


def look(*, check: bool = False, **options: Any) -> Call:
    return Call("certificate_info", {"namespace": SPACE, **options}, check=check)


def secrets(kubectl: Kubectl) -> dict[str, Any]:
    """The gateway's Secrets with all that the API server knows of them."""
    listed = kubectl.json("get", "secrets", "-n", SPACE)["items"]
    return {item["metadata"]["name"]: item for item in listed}


def number(serial: str) -> int:
    return int(serial.removeprefix("serial="), 16)


def entry(result: Object, purpose: str, place: str) -> Object:
    assert not result.get("failed"), result["msg"]
    found: list[Object] = [
        each for each in result["certificates"] if (each["purpose"], each["place"]) == (purpose, place)
    ]
    assert len(found) == 1, result["certificates"]
    return found[0]


def test_what_is_stored_and_served_is_told_and_nothing_is_changed(
    play_module: Ansible, kubectl: Kubectl, fabric: Fabric, address: Object
) -> None:
    before = secrets(kubectl)
    assert set(before) >= SECRETS
    predicted, first, again = play_module.each(look(check=True), look(), look())

    assert [result["changed"] for result in (predicted, first, again)] == [False] * 3
    assert secrets(kubectl) == before
    stored, wire = entry(first, "peer", "secret"), entry(first, "peer", "wire")
    assert number(stored["serial"]) == number(serial_of(peer_secret(kubectl, SPACE)["cert.pem"]))
    assert number(wire["serial"]) == number(served_certificate(address, fabric.peer("client"), "east"))
    assert (stored["owner"], stored["dns_names"], stored["served"], stored["valid"]) == ("east", ["east"], True, True)
    end = subprocess.run(
        ["openssl", "x509", "-noout", "-enddate", "-dateopt", "iso_8601"],
        input=peer_secret(kubectl, SPACE)["cert.pem"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert end.strip().removeprefix("notAfter=").replace(" ", "T") == stored["not_after"]
    purposes = {each["purpose"] for each in first["certificates"]}
    assert purposes == {"peer", "trusted_ca", "site_ca", "control_plane", "data_plane"}
    assert not [each for each in first["certificates"] if each["fault"]]
    assert abs(first["clock"]) <= 2, "the nodes have this host's clock"
    values = [base64.b64decode(value) for item in before.values() for value in item["data"].values()]
    keys = [value for value in values if b"PRIVATE KEY" in value]
    assert len(keys) == 3, "the peer's and those of both components"
    assert secrets_in(play_module.output, *keys) == []


def test_what_was_changed_by_hand_is_seen_and_after_its_repair_all_is_well(
    run_module: Ansible, kubectl: Kubectl, fabric: Fabric, address: Object
) -> None:
    before = secrets(kubectl)["cl-dataplane"]["data"]
    served = served_certificate(address, fabric.peer("client"), "east")
    other = fabric.peer("east", folder="by-hand")
    by_hand = {
        "cert.pem": Path(other["certificate_path"]).read_text() + (fabric.folder / "cert.pem").read_text(),
        "key.pem": Path(other["privatekey_path"]).read_text(),
    }
    patch(kubectl, "cl-peer", stringData=by_hand)
    patch(kubectl, "cl-dataplane", stringData={"cert": "garbage"})

    (seen,) = run_module.each(look())
    stored, wire = entry(seen, "peer", "secret"), entry(seen, "peer", "wire")
    assert (stored["served"], wire["served"]) == (False, True), "the pods have not read it yet"
    assert number(wire["serial"]) == number(served)
    assert number(stored["serial"]) == number(serial_of(by_hand["cert.pem"]))
    broken = entry(seen, "data_plane", "secret")
    assert broken["where"].startswith(f"Secret {SPACE}/cl-dataplane")
    assert broken["fault"]
    assert "garbage" not in broken["fault"]

    patch(kubectl, "cl-dataplane", data=before)
    material = {**fabric.peer("east", folder="again"), "namespace": SPACE}
    (repaired,) = run_module.each(Call("gateway_certificate", material))
    assert not repaired.get("failed"), repaired["msg"]

    def looked_and_served() -> Object | None:
        (result,) = run_module.each(look())
        return result if entry(result, "peer", "secret")["served"] else None

    # A gateway without peers is not waited for by the module.
    whole = wait_until("the repaired certificate is served", looked_and_served, 90)
    assert whole is not None
    assert not [each for each in whole["certificates"] if each["fault"]]


def patch(kubectl: Kubectl, name: str, **fields: Any) -> None:
    kubectl("patch", "secret", name, "-n", SPACE, "--type=merge", f"--patch={json.dumps(fields)}")


@pytest.mark.usefixtures("address")
def test_files_and_content_and_an_address_alone_need_no_cluster(
    run_module: Ansible, fabric: Fabric, address: Object
) -> None:
    west = fabric.peer("west")
    place = {"gateway_host": address["host"], "gateway_port": address["port"], "name": "east"}
    files, content, wire = run_module.each(
        Call("certificate_info", {"path": west["certificate_path"]}, connection=False),
        Call("certificate_info", {"content": Path(west["certificate_path"]).read_text()}, connection=False),
        Call("certificate_info", place, connection=False),
    )
    for result, where in ((files, "file"), (content, "content")):
        assert not result.get("failed"), result["msg"]
        found = next(each for each in result["certificates"] if each["subject"] == "CN=west")
        assert found["place"] == where
        assert number(found["serial"]) == number(serial_of(Path(west["certificate_path"]).read_text()))
        assert result["clock"] is None
    assert number(entry(wire, "peer", "wire")["serial"]) == number(served_certificate(address, west, "east"))
