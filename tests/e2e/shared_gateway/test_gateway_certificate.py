# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""gateway_certificate on a real gateway; what it serves and what is stored is proven with openssl and kubectl."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.ansible import Ansible, Call
from tests.support.clock import api_with_clock
from tests.support.gateways import (
    CONTROLPLANE,
    DATAPLANE,
    SHARED_GATEWAY,
    Fabric,
    peer_secret,
    pods,
    serial_of,
    served_certificate,
)

if TYPE_CHECKING:
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

Object = dict[str, Any]
SPACE = SHARED_GATEWAY


def call(material: Object, **options: Any) -> Call:
    check = options.pop("check", False)
    return Call("gateway_certificate", {**material, "namespace": SPACE, "wait_timeout": 30, **options}, check=check)


def serial_in(material: dict[str, str]) -> str:
    return serial_of(Path(material["certificate_path"]).read_text())


def test_a_new_certificate_is_predicted_handed_over_and_served_by_the_same_pods(
    play_module: Ansible, kubectl: Kubectl, fabric: Fabric, address: Object
) -> None:
    old, client = serial_of(peer_secret(kubectl, SPACE)["cert.pem"]), fabric.peer("client")
    new = fabric.peer("east", folder="second")
    running = pods(kubectl, SPACE, CONTROLPLANE) | pods(kubectl, SPACE, DATAPLANE)

    (predicted,) = play_module.each(call(new, check=True))
    assert serial_of(peer_secret(kubectl, SPACE)["cert.pem"]) == old
    done, again = play_module.each(call(new), call(new))

    assert [result["changed"] for result in (predicted, done, again)] == [True, True, False]
    assert done["certificate"]["subject"] == "CN=east"
    assert served_certificate(address, client, "east") == serial_in(new) != old
    stored = peer_secret(kubectl, SPACE)
    assert serial_of(stored["cert.pem"]) == serial_in(new)
    assert stored["key.pem"] == Path(new["privatekey_path"]).read_text()
    assert stored["key.pem"] not in play_module.output
    assert stored["key.pem"] not in json.dumps([predicted, done, again])
    assert pods(kubectl, SPACE, CONTROLPLANE) | pods(kubectl, SPACE, DATAPLANE) == running


@pytest.mark.long
def test_where_pods_may_not_be_patched_it_ends_when_the_new_certificate_is_served(
    run_module: Ansible, kubectl: Kubectl, fabric: Fabric, address: Object
) -> None:
    rules = [
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "create", "patch"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
        {"apiGroups": ["clusterlink.net"], "resources": ["peers"], "verbs": ["get", "list", "watch"]},
    ]
    rbac, metadata = "rbac.authorization.k8s.io", {"name": "clerk", "namespace": SPACE}
    reference = {"apiGroup": rbac, "kind": "Role", "name": "clerk"}
    subjects = [{"apiGroup": rbac, "kind": "User", "name": "clerk"}]
    binding = {"kind": "RoleBinding", "metadata": metadata, "roleRef": reference, "subjects": subjects}
    role = {"kind": "Role", "metadata": metadata, "rules": rules}
    kubectl.apply(*({"apiVersion": f"{rbac}/v1", **each} for each in (role, binding)))
    client, new = fabric.peer("client"), fabric.peer("east", folder="unpatched")
    (done,) = run_module.each(call(new, impersonate_user="clerk", wait_timeout=120))
    assert not done.get("failed"), done["msg"]
    assert any("within 100 seconds" in warning for warning in done["warnings"])
    assert served_certificate(address, client, "east") == serial_in(new)


def test_what_was_changed_by_hand_is_repaired(
    run_module: Ansible, kubectl: Kubectl, fabric: Fabric, address: Object
) -> None:
    material = fabric.peer("east", folder="third")
    run_module.each(call(material))
    other = fabric.peer("east", folder="by-hand")
    by_hand = {
        "cert.pem": Path(other["certificate_path"]).read_text() + (fabric.folder / "cert.pem").read_text(),
        "key.pem": Path(other["privatekey_path"]).read_text(),
    }
    kubectl("patch", "secret", "cl-peer", "-n", SPACE, "--type=merge", f"--patch={json.dumps({'stringData': by_hand})}")
    assert serial_of(peer_secret(kubectl, SPACE)["cert.pem"]) == serial_in(other)

    predicted, done, again = run_module.each(call(material, check=True), call(material), call(material))

    assert [result["changed"] for result in (predicted, done, again)] == [True, True, False]
    assert serial_of(peer_secret(kubectl, SPACE)["cert.pem"]) == serial_in(material)
    assert served_certificate(address, fabric.peer("client"), "east") == serial_in(material)


@pytest.mark.usefixtures("address")
def test_a_peer_that_is_not_reached_with_it_is_named(run_module: Ansible, kubectl: Kubectl, fabric: Fabric) -> None:
    peer = {
        "apiVersion": "clusterlink.net/v1alpha1",
        "kind": "Peer",
        "metadata": {"name": "nowhere", "namespace": SPACE},
        "spec": {"gateways": [{"host": "192.0.2.1", "port": 30443}]},
    }
    kubectl.apply(peer)
    material = fabric.peer("east", folder="fourth")
    (result,) = run_module.each(call(material, wait_timeout=15))
    kubectl("delete", "peers.clusterlink.net", "nowhere", "-n", SPACE)
    assert result["failed"]
    assert f"Peer {SPACE}/nowhere" in result["msg"]
    assert result["changed"], "the certificate was handed over, which is said beside what went wrong"
    assert serial_of(peer_secret(kubectl, SPACE)["cert.pem"]) == serial_in(material)


@pytest.mark.usefixtures("address")
def test_whatever_is_wrong_is_said_and_nothing_is_written(
    run_module: Ansible, kubectl: Kubectl, fabric: Fabric, tmp_path: Path
) -> None:
    good = fabric.peer("east", folder="good")
    stranger = Fabric(tmp_path / "stranger", "stranger")
    wrong: list[tuple[Object, str]] = [
        ({"privatekey_path": fabric.peer("east", folder="other")["privatekey_path"]}, "is not the key of"),
        ({"ca_path": str(stranger.folder / "cert.pem")}, "its issuer is CN=test where the CA is CN=stranger"),
        (fabric.peer("east", folder="expired", days="-1"), "it expired at"),
        ({**fabric.peer("west"), "peer": "east"}, "its DNS names are west instead of east"),
        ({"privatekey_path": str(tmp_path / "none.pem")}, "is missing"),
        ({"namespace": "default"}, "no gateway is installed in this namespace"),
        ({"impersonate_user": "nobody"}, "the user nobody is not permitted to"),
    ]
    before = kubectl.json("get", "secret", "cl-peer", "-n", SPACE)
    results = run_module.each(*(call(good, **options) for options, _said in wrong))
    for result, (_options, said) in zip(results, wrong, strict=True):
        assert result["failed"]
        assert not result["changed"]
        assert said in result["msg"]
    assert kubectl.json("get", "secret", "cl-peer", "-n", SPACE) == before


@pytest.mark.usefixtures("address")
def test_a_cluster_whose_clock_is_off_is_named_with_the_seconds(
    run_module: Ansible, kubectl: Kubectl, clusters: Clusters, fabric: Fabric
) -> None:
    """The nodes of a kind cluster have their host's clock, so a proxy in front of the real API server shifts it."""
    made = fabric.peer("east", folder="fifth")
    before = peer_secret(kubectl, SPACE)
    too_late = 40 * 86400
    with (
        api_with_clock(clusters, 0) as right,
        api_with_clock(clusters, 120) as ahead,
        api_with_clock(clusters, too_late) as far_ahead,
    ):
        (refused,) = run_module.each(call({**made, **far_ahead}))
        assert peer_secret(kubectl, SPACE) == before
        good, warned = run_module.each(call({**made, **right}), call({**made, **ahead}))
        gateway = {**made, **far_ahead, "namespace": SPACE, "ingress_type": "NodePort"}
        info, install = run_module.each(
            Call("certificate_info", {**ahead, "namespace": SPACE}), Call("gateway", gateway)
        )

    assert (good["changed"], good.get("warnings", [])) == (True, [])
    assert not warned["changed"]
    (warning,) = warned["warnings"]
    seconds = [word for word in warning.split() if word.isdigit()]
    assert abs(int(seconds[0]) - 120) <= 2
    assert warning.startswith(f"east: its clock is {seconds[0]} s ahead of this machine's. ")
    assert abs(info["clock"] - 120) <= 2
    for result in (refused, install):
        assert result["failed"]
        assert not result["changed"]
        assert "east: the peer's certificate: CN=east expired at" in result["msg"]
        assert "s ahead of this machine's" in result["msg"]
    assert serial_of(peer_secret(kubectl, SPACE)["cert.pem"]) == serial_in(made)
