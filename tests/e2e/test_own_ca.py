# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric with an organisation's own CA, with both data planes, while requests run both ways.

One fabric serves all tests here, in their order: a first run with an intermediate, renewal, a rotation to a self-signed
CA, and one to a CA that is created.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.certificates.wire import try_certificate
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.certificates import chain_pem, load_chain
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.issue import Issuer
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import key_pem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.leaf import LeafRequest, make_leaf
from tests.support.aged import age
from tests.support.authorities import LAST_CA, SIGNS, certify
from tests.support.fabrics import FullMesh, populated

if TYPE_CHECKING:
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.traffic, pytest.mark.long]

ENVOY, GO = "test-one", "test-two"
SYSTEM = "clusterlink-system"
ROOT = certify("Example Root")
INTERMEDIATE = certify("Example Clusters", ROOT, [LAST_CA, SIGNS])
MOST = 3
"""Requests that a busy machine may cost."""


@pytest.fixture(scope="module")
def mesh(clusters: Clusters, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FullMesh]:
    mesh = FullMesh(clusters, kubectl, (ENVOY, GO), tmp_path_factory.mktemp("fabric"))
    mesh.hosts[ENVOY]["clusterlink_dataplane"] = "envoy"
    mesh.hosts[GO]["clusterlink_dataplane"] = "go"
    give(mesh, INTERMEDIATE, ROOT)
    with populated(mesh, kubectl):
        mesh.must("site")
        yield mesh


def give(mesh: FullMesh, ca: Issuer, *above: Issuer) -> None:
    """Let the inventory name the files of a CA."""
    folder = mesh.pki.parent.parent
    certificate, key = folder / "own.crt", folder / "own.key"
    certificate.write_bytes(chain_pem(ca.certificate, *(each.certificate for each in above)))
    key.touch(mode=0o600)
    key.write_bytes(key_pem(ca.key))
    mesh.variables |= {"clusterlink_ca_certificate": str(certificate), "clusterlink_ca_key": str(key)}


def require_ca(mesh: FullMesh, kubectl: Kubectl, ca: Issuer) -> None:
    """Every gateway has a leaf of this CA, followed by it, and trusts it alone."""
    for context in mesh.contexts.values():
        data = kubectl.json("get", "secret", "cl-peer", "-n", SYSTEM, context=context)["data"]
        leaf, *after = load_chain(base64.b64decode(data["cert.pem"]), "cert.pem")
        assert after == load_chain(base64.b64decode(data["ca.pem"]), "ca.pem") == [ca.certificate]
        leaf.verify_directly_issued_by(ca.certificate)


def refusals(mesh: FullMesh, kubectl: Kubectl, ca: Issuer, folder: Path) -> dict[str, str]:
    """By peer, why its gateway refuses a certificate of a CA for the other's name; empty where it takes it."""
    found = {}
    for peer, other in ((ENVOY, GO), (GO, ENVOY)):
        [there] = [
            each
            for each in kubectl.json("get", "peers", "-n", SYSTEM, context=mesh.contexts[other])["items"]
            if each["metadata"]["name"] == peer
        ]
        address = there["spec"]["gateways"][0]
        leaf = make_leaf(LeafRequest(other, days=1), ca, datetime.now(timezone.utc))
        files = folder / f"{peer}.crt", folder / f"{peer}.key"
        files[0].write_bytes(leaf.certificate_pem)
        files[1].write_bytes(leaf.key_pem)
        found[peer] = try_certificate(address["host"], address["port"], peer, (str(files[0]), str(files[1])))
    return found


def test_both_data_planes_take_an_intermediate_without_its_root(mesh: FullMesh, kubectl: Kubectl) -> None:
    require_ca(mesh, kubectl, INTERMEDIATE)
    with mesh.counted() as count:
        assert mesh.must("site").changed == 0
    assert count.failed == 0
    mesh.must("certificates", certificates_days=100)


def test_what_the_root_or_another_intermediate_signs_is_no_peer(
    mesh: FullMesh, kubectl: Kubectl, tmp_path: Path
) -> None:
    assert not any(refusals(mesh, kubectl, INTERMEDIATE, tmp_path).values())
    for stranger in (ROOT, certify("Example Web", ROOT, [LAST_CA, SIGNS])):
        assert all(refusals(mesh, kubectl, stranger, tmp_path).values())


def test_leaves_of_an_intermediate_are_renewed(mesh: FullMesh, kubectl: Kubectl) -> None:
    age(mesh.pki, kubectl.command, mesh.contexts)
    mesh.must("site", clusterlink_renew_percent=0)
    with mesh.counted() as count:
        mesh.must("site", "--forks=1")
    assert count.failed <= 20  # a gateway of one replica, and a go data plane
    require_ca(mesh, kubectl, INTERMEDIATE)


def test_a_rotation_leads_to_another_own_ca_and_away_from_it(mesh: FullMesh, kubectl: Kubectl) -> None:
    own = certify("Example CA")
    give(mesh, own)
    assert "it is another CA" in mesh.must("site", code=2).output
    with mesh.counted() as count:
        mesh.must("rotate_ca")
    assert count.failed <= MOST
    require_ca(mesh, kubectl, own)
    assert "is the fabric's present CA" in mesh.must("rotate_ca", code=2).output
    for variable in ("clusterlink_ca_certificate", "clusterlink_ca_key"):
        del mesh.variables[variable]
    with mesh.counted() as count:
        mesh.must("rotate_ca")
    assert count.failed <= MOST
    assert mesh.must("site").changed == 0
    mesh.must("certificates", certificates_days=100)
