# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two organisations make one fabric: two files travel between them, and two fingerprints by another channel.

Each has its own cluster's kubeconfig and its own folder of keys alone. Requests are counted while the CA is replaced.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.clusters import Clusters
from tests.support.fabrics import DeclaredFabric, FullMesh, populated, yielding
from tests.support.gateways import QUICK
from tests.support.traffic import Client, traffic

if TYPE_CHECKING:
    from tests.support.kubectl import Kubectl
    from tests.support.traffic import Count

pytestmark = [pytest.mark.cluster, pytest.mark.traffic, pytest.mark.long]

OURS, THEIRS = "test-ours", "test-theirs"
PORT = 30443
FINGERPRINT = re.compile(r"(?:[0-9a-f]{2}:){31}[0-9a-f]{2}")
ALONE: dict[str, Any] = {"clusterlink_peers": [], "clusterlink_imports": []}
MOST = 3
"""Requests that a busy machine may cost, of some four hundred."""


class Organisation(DeclaredFabric):
    """One side: its cluster, its kubeconfig, its keys.

    Attributes:
        peer: Its cluster's name.
        address: Where its gateway is reached.
        folder: Its own.
    """

    def __init__(self, kubectl: Kubectl, context: str, peer: str, namespace: str, folder: Path) -> None:
        folder.mkdir(mode=0o700)
        kubeconfig = folder / "kubeconfig"
        kubeconfig.touch(mode=0o600)
        kubeconfig.write_text(kubectl("config", "view", "--minify", "--flatten", context=context), encoding="utf-8")
        super().__init__(Clusters(kubeconfig, (context,)), (peer,), folder, namespace)
        self.peer, self.folder, self.namespace = peer, folder, namespace
        for option in QUICK:  # requests are counted
            del self.variables[f"clusterlink_{option}"]
        [node] = kubectl.json("get", "nodes", context=context)["items"]
        [self.address] = [each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP"]
        self.variables |= {
            "clusterlink_ingress_port": PORT,
            "clusterlink_exports": [{"name": "web", "namespace": namespace, "port": 80}],
            "clusterlink_policies": [{"name": "everything", "namespace": namespace, "from": [{}], "to": [{}]}],
        }

    def know(self, other: Organisation) -> None:
        """Declare the other's gateway, and import its service."""
        self.variables["clusterlink_peers"] = [{"name": other.peer, "host": other.address, "port": PORT}]
        source = {"peer": other.peer, "export_name": "web"}
        imported = {"name": f"web-{other.peer}", "namespace": self.namespace, "port": 80, "sources": [source]}
        self.variables["clusterlink_imports"] = [imported]

    def keys(self) -> set[str]:
        """Digests of its private keys."""
        return {hashlib.sha256(path.read_bytes()).hexdigest() for path in self.pki.rglob("*key*.pem")}


class Enrolment:
    """Both sides, and what travels between them."""

    def __init__(self, mesh: FullMesh, kubectl: Kubectl, folder: Path) -> None:
        self._mesh, self._kubectl = mesh, kubectl
        sides = ((OURS, mesh.contexts[OURS]), (THEIRS, mesh.contexts[THEIRS]))
        self.ours, self.theirs = (
            Organisation(kubectl, context, peer, mesh.namespace, folder / peer) for peer, context in sides
        )
        self.ours.know(self.theirs)
        self.theirs.know(self.ours)
        self.theirs.variables |= {
            "clusterlink_enrolled": True,
            "clusterlink_gateway_host": self.theirs.address,
            "clusterlink_gateway_port": PORT,
        }
        self.request, self.response = self.ours.folder / "request.json", self.theirs.folder / "response.json"

    @contextmanager
    def counted(self) -> Iterator[Count]:
        clients = [
            Client(side.contexts[side.peer], f"http://web-{other.peer}", self._mesh.namespace, "client")
            for side, other in ((self.ours, self.theirs), (self.theirs, self.ours))
        ]
        with yielding(self.ours, self.theirs), traffic(self._kubectl.command, clients, rate=6, lead=3) as count:
            yield count

    def create_request(self, **options: Any) -> str:
        """Their request, sent to us; its fingerprint, by another channel."""
        created = self.theirs.must("enrol_request", **options)
        shutil.copy(self.theirs.pki / THEIRS / "request.json", self.request)
        return str(FINGERPRINT.findall(created.output)[0])

    def sign(self, fingerprint: str) -> tuple[str, str]:
        """Our response, sent to them; the CA's fingerprint, by another channel, and all that was printed."""
        files = {"enrol_request": str(self.request), "enrol_response": str(self.response)}
        signed = self.ours.must("enrol_sign", "-e", json.dumps(files), enrol_name=THEIRS, enrol_fingerprint=fingerprint)
        return str(FINGERPRINT.findall(signed.output)[-1]), signed.output

    def install(self, fingerprint: str, **options: Any) -> str:
        options |= {"enrol_response": str(self.response), "enrol_ca_fingerprint": fingerprint}
        return self.theirs.must("enrol_install", **options).output

    def enrol_again(self) -> None:
        """The three steps with the same key, and their gateway given what came of it."""
        fingerprint, _output = self.sign(self.create_request(enrol_renew=True))
        self.install(fingerprint, enrol_replace=True)
        with self.counted() as count:
            self.theirs.must("site")
        assert count.failed <= MOST


@pytest.fixture(scope="module")
def enrolment(clusters: Clusters, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Enrolment]:
    folder = tmp_path_factory.mktemp("organisations")
    mesh = FullMesh(clusters, kubectl, (OURS, THEIRS), folder)
    with populated(mesh, kubectl):
        made = Enrolment(mesh, kubectl, folder)
        yield made
        for side in (made.theirs, made.ours):
            side.must("teardown")


def test_a_cluster_joins_by_two_files_and_two_fingerprints(enrolment: Enrolment, kubectl: Kubectl) -> None:
    ours, theirs = enrolment.ours, enrolment.theirs
    ours.must("site", **ALONE)
    fingerprint = enrolment.create_request()
    forged = enrolment.request.with_suffix(".forged")
    forged.write_text(enrolment.request.read_text(encoding="utf-8").replace(str(PORT), "30444"), encoding="utf-8")
    refused = ours.play("enrol_sign", enrol_name=THEIRS, enrol_request=str(forged))
    assert refused.code != 0
    assert "was altered" in refused.output

    ca_fingerprint, signed = enrolment.sign(fingerprint)
    assert theirs.address in signed
    assert ours.address in enrolment.install(ca_fingerprint)

    theirs.must("site", clusterlink_imports=[])  # ours does not know it yet
    ours.must("site")
    theirs.must("site")
    for side, other in ((ours, theirs), (theirs, ours)):
        curl = ("exec", "client", "-n", side.namespace, "--", "curl", "--silent", "--fail", f"http://web-{other.peer}")
        assert other.peer in kubectl(*curl, context=side.contexts[side.peer])


def test_a_rotation_waits_for_them_and_loses_hardly_a_request(enrolment: Enrolment) -> None:
    with enrolment.counted() as count:
        waiting = enrolment.ours.must("rotate_ca", code=2)
    assert re.search(rf"{THEIRS}.*was enrolled from outside", waiting.output)
    assert count.failed <= MOST
    enrolment.enrol_again()
    with enrolment.counted() as count:
        enrolment.ours.must("rotate_ca")
    assert count.failed <= MOST
    enrolment.enrol_again()


def test_afterwards_nothing_of_the_old_ca_is_left_and_no_key_was_shared(enrolment: Enrolment) -> None:
    for side in (enrolment.ours, enrolment.theirs):
        assert not [path for path in side.pki.iterdir() if path.name.startswith(("trusted.", "ca."))]
        assert side.must("site").changed == 0
    assert enrolment.ours.keys()
    assert enrolment.theirs.keys()
    assert not enrolment.ours.keys() & enrolment.theirs.keys()
    travelled = enrolment.request.read_text(encoding="utf-8") + enrolment.response.read_text(encoding="utf-8")
    assert "PRIVATE KEY" not in json.dumps(travelled)
