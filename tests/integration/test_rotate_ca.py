# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbook rotate_ca on gateways that no node runs: what it writes, refuses and records. Scenarios with traffic are in
tests/e2e/test_certificate_rotation.py.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.ca import CaRequest, make_ca
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.issue import Issuer
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.leaf import LeafRequest, make_leaf
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki_files.disk import Folder, make_folder, write_pair
from tests.integration.test_preflight import Fabric
from tests.support.ansible import Ansible
from tests.support.certificates import contents

if TYPE_CHECKING:
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster


class Rotating(Fabric):
    """A fabric whose gateways are their peer Secrets alone."""

    def __init__(self, clusters: Clusters, kubectl: Kubectl, folder: Path) -> None:
        super().__init__(clusters, folder)
        self.kubectl = kubectl
        self.module = Ansible(clusters, folder)

    @property
    def place(self) -> dict[str, Any]:
        return {"path": str(self.pki), "fabric": self.name}

    @property
    def own(self) -> Path:
        """The fabric's folder."""
        return self.pki / self.name

    def begin(self) -> None:
        """A CA, certificates, and gateways that have them."""
        peers = [{"name": host} for host in self.hosts]
        for name, options in (("fabric_ca", {}), ("peer_certificate", {"peers": peers})):
            assert not self.module(name, {**self.place, **options}, connection=False).get("failed")
        for host in self.hosts:
            self.kubectl("create", "namespace", self.space, context=self.context(host))
            self.give(host)

    @property
    def space(self) -> str:
        return str(self.variables["clusterlink_namespace"])

    def context(self, host: str) -> str:
        return str(self.hosts[host]["clusterlink_context"])

    def give(self, host: str) -> None:
        """Give a gateway what the folder holds."""
        ca = (self.own / "cert.pem").read_bytes()
        values = {name: (self.own / host / name).read_bytes() for name in ("cert.pem", "key.pem")} | {"ca.pem": ca}
        data = {name: base64.b64encode(value).decode() for name, value in values.items()}
        metadata = {"name": "cl-peer", "namespace": self.space}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
        self.kubectl("apply", "-f", "-", context=self.context(host), stdin=json.dumps(secret))

    def given(self, host: str, key: str) -> bytes:
        """What a gateway has."""
        found = self.kubectl.json("get", "secret", "cl-peer", "-n", self.space, context=self.context(host))
        return base64.b64decode(found["data"][key])

    def require_end(self, before: bytes) -> None:
        """The new CA alone is left, in the folder and in the gateways."""
        after = (self.own / "cert.pem").read_bytes()
        assert after != before
        assert not [path.name for path in self.own.iterdir() if path.name.startswith(("ca.", "trusted."))]
        for host in self.hosts:
            assert self.given(host, "ca.pem") == after
            assert self.given(host, "cert.pem") == (self.own / host / "cert.pem").read_bytes()


@pytest.fixture
def fabric(clusters: Clusters, kubectl: Kubectl, tmp_path: Path) -> Iterator[Rotating]:
    made = Rotating(clusters, kubectl, tmp_path)
    made.variables["clusterlink_install"] = "external"
    try:
        made.begin()
        yield made
    finally:
        for host in made.hosts:
            kubectl("delete", "namespace", made.space, "--wait=false", context=made.context(host), check=False)


def test_every_gateway_ends_with_the_new_ca_alone_and_waits_for_peers_of_others(fabric: Rotating) -> None:
    before = (fabric.own / "cert.pem").read_bytes()
    theirs, response = fabric.folder / "theirs", fabric.folder / "response.json"
    asked = fabric.module(
        "enrolment_request", {"path": str(theirs), "fabric": fabric.name, "name": "lyon"}, connection=False
    )
    sign = {**fabric.place, "name": "lyon", "request": asked["request_path"], "dest": str(response)}
    sign["fingerprint"] = asked["fingerprint"]
    assert not fabric.module("enrolment_response", sign, connection=False).get("failed")

    assert fabric.play("rotate_ca") != 0
    assert "lyon: fabric_ca_rotation: was enrolled from outside" in " ".join(fabric.output.split())
    assert (fabric.own / "ca.next" / "ready").exists(), "now the new CA may sign for lyon"
    both = (fabric.own / "trusted.pem").read_bytes()
    assert [fabric.given(host, "ca.pem") for host in fabric.hosts] == [both, both]
    assert (fabric.own / "cert.pem").read_bytes() == before

    assert fabric.play("rotate_ca", "-e", '{"clusterlink_left_out": ["lyon"]}') == 0, fabric.output
    fabric.require_end(before)


@pytest.mark.parametrize("options", [(), ("--check",)])
def test_a_side_without_the_cas_key_is_refused_before_anything_is_written(
    fabric: Rotating, options: tuple[str, ...]
) -> None:
    (fabric.own / "key.pem").unlink()
    before = contents(fabric.pki)
    assert "the fabric's CA cannot be replaced here" in fabric.refused("rotate_ca", *options)
    assert contents(fabric.pki) == before


def test_a_ca_that_expires_while_it_is_replaced_is_replaced_at_once(fabric: Rotating) -> None:
    long_ago = datetime.now(timezone.utc) - timedelta(days=12)
    old, new = (
        make_ca(CaRequest(fabric.name, days=10), long_ago),
        make_ca(CaRequest(fabric.name), datetime.now(timezone.utc)),
    )
    write_pair(Folder(str(fabric.own)), old.certificate_pem, old.key_pem)
    for host in fabric.hosts:
        leaf = make_leaf(LeafRequest(host, days=1), Issuer(old.certificate, old.key), long_ago)
        write_pair(Folder(str(fabric.own / host)), leaf.certificate_pem, leaf.key_pem)
        fabric.give(host)
    make_folder(Folder(str(fabric.own / "ca.next")))
    write_pair(Folder(str(fabric.own / "ca.next")), new.certificate_pem, new.key_pem)

    assert fabric.play("rotate_ca") == 0, fabric.output
    fabric.require_end(old.certificate_pem)
    assert (fabric.own / "cert.pem").read_bytes() == new.certificate_pem
