# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running fabric of the clusterlink CLI comes under this collection's management while requests run both ways.

One fabric serves all tests here, in their order: adopted as it is, with ECDSA instead of RSA keys, and taken over.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.ansible import Ansible, Call
from tests.support.environment import ansible_environment
from tests.support.equal_subjects import make_equal_fabric
from tests.support.fabrics import FullMesh, in_each, populated
from tests.support.objects import make, peer, service_import
from tests.support.paths import LAB_CACHE
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.traffic, pytest.mark.long]

ONE, TWO = "test-one", "test-two"
SYSTEM = "clusterlink-system"
CRDS = LAB_CACHE / "go/mod/github.com/clusterlink-net/clusterlink@v0.4.1/config/crds"
SECRETS = ("cl-peer", "cl-ca", "cl-controlplane", "cl-dataplane")
MOST = 3
"""Requests that a busy machine may cost, of some six hundred."""


class Cli:
    """The clusterlink CLI, which knows no contexts: a kubeconfig for each cluster."""

    def __init__(self, mesh: FullMesh, kubectl: Kubectl) -> None:
        self._mesh, self._kubectl = mesh, kubectl
        self.folder = mesh.pki.parent
        self.folder.mkdir(mode=0o700)

    def run(self, *arguments: str, peer: str = "") -> None:
        environment = ansible_environment(PATH=f"{LAB_CACHE / 'bin'}{os.pathsep}{os.environ['PATH']}")
        if peer:
            kubeconfig = self.folder.parent / f"{peer}.kubeconfig"
            kubeconfig.touch(mode=0o600)
            content = self._kubectl("config", "view", "--minify", "--flatten", context=self._mesh.contexts[peer])
            kubeconfig.write_text(content, encoding="utf-8")
            environment["KUBECONFIG"] = str(kubeconfig)
        run = subprocess.run(
            ["clusterlink", *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stdout + run.stderr

    def deploy(self, name: str, fabric: str) -> None:
        """A gateway, on a cluster that has its kinds already: the CLI does not wait for them."""
        context = self._mesh.contexts[name]
        self._kubectl("apply", "--filename", str(CRDS), context=context)
        established = ("--for=condition=Established", "--timeout=60s", "--filename", str(CRDS))
        self._kubectl("wait", *established, context=context)
        self._kubectl("create", "namespace", SYSTEM, context=context)
        options = ("--ingress", "NodePort", "--ingress-port", "30443", "--tag", "v0.4.1")
        self.run("deploy", "peer", "--name", name, "--fabric", fabric, *options, peer=name)
        for deployment in ("deployment/cl-controlplane", "deployment/cl-dataplane"):
            for condition in ("--for=create", "--for=condition=Available"):
                self._kubectl("wait", condition, deployment, "-n", SYSTEM, "--timeout=180s", context=context)


class Adopted(FullMesh):
    """A fabric whose kinds and namespaces are not the collection's, so that they stay when it is torn down."""

    def clear(self) -> None:
        """Remove them, too."""
        super().clear()

        def remove(context: str) -> None:
            self._kubectl.remove_namespace("clusterlink-operator", SYSTEM, context=context)
            self._kubectl("delete", "--ignore-not-found", "--filename", str(CRDS), context=context)

        in_each(self.contexts.values(), remove)


@pytest.fixture(scope="module")
def mesh(clusters: Clusters, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FullMesh]:
    mesh = Adopted(clusters, kubectl, (ONE, TWO), tmp_path_factory.mktemp("fabric"))
    mesh.variables["clusterlink_install"] = "external"
    cli, fabric = Cli(mesh, kubectl), mesh.pki.name
    with populated(mesh, kubectl):
        cli.run("create", "fabric", "--name", fabric)
        for name in mesh.contexts:
            cli.run("create", "peer-cert", "--name", name, "--fabric", fabric)
        in_each(mesh.contexts, lambda name: cli.deploy(name, fabric))
        for name, other in ((ONE, TWO), (TWO, ONE)):
            kubectl.apply(*linked(mesh, kubectl, other), context=mesh.contexts[name])
        yield mesh
        mesh.variables |= {"clusterlink_install": "direct", "clusterlink_force_conflicts": True}
        mesh.must("site")


def linked(mesh: FullMesh, kubectl: Kubectl, other: str) -> list[dict[str, Any]]:
    """What kubectl links a cluster to the other with."""
    [node] = kubectl.json("get", "nodes", context=mesh.contexts[other])["items"]
    [address] = [each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP"]
    there = peer(other, SYSTEM, address)
    there["spec"]["gateways"][0]["port"] = 30443
    imported = service_import(f"web-{other}", mesh.namespace, other)
    imported["spec"]["sources"][0]["exportNamespace"] = mesh.namespace
    everyone: dict[str, Any] = {"workloadSelector": {}}
    allowed = {"action": "allow", "from": [everyone], "to": [everyone]}
    return [
        there,
        make("Export", "web", mesh.namespace, port=80),
        imported,
        make("AccessPolicy", "everything", mesh.namespace, **allowed),
    ]


def material(mesh: FullMesh, kubectl: Kubectl) -> dict[str, str]:
    """Digests of every key and certificate, in files and in Secrets."""
    files = {str(path): path.read_bytes() for path in mesh.pki.rglob("*.pem")}
    for context in mesh.contexts.values():
        for name in SECRETS:
            data = kubectl.json("get", "secret", name, "-n", SYSTEM, context=context)["data"]
            files[f"{context} {name}"] = json.dumps(data, sort_keys=True).encode()
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def test_adopting_a_fabric_changes_no_key_and_loses_hardly_a_request(mesh: FullMesh, kubectl: Kubectl) -> None:
    before = material(mesh, kubectl)
    assert len(before) == 6 + 8
    with mesh.counted(rate=6) as count:
        mesh.must("site")
    assert count.failed <= MOST
    assert material(mesh, kubectl) == before
    assert mesh.must("site").changed == 0


def test_replacing_rsa_by_ecdsa_loses_hardly_a_request(mesh: FullMesh) -> None:
    with mesh.counted(rate=6) as count:
        mesh.must("rotate_ca", clusterlink_key_type="ecdsa")
    assert count.failed <= MOST


def test_two_cas_of_one_subject_do_lose_requests(mesh: FullMesh, clusters: Clusters, tmp_path: Path) -> None:
    """Why rotate_ca gives every CA a subject of its own; these have no key identifiers either."""
    first, second = mesh.pki.parent / "first", mesh.pki.parent / "second"
    for folder in (first, second):
        make_equal_fabric(folder, (ONE, TWO))
    run_module = Ansible(clusters, tmp_path)

    def update_peer_certificate(leaf: Path, *trusted: Path) -> None:
        """Links are down, which is what is to be counted: no result is asked for."""
        cas = "".join((folder / "cert.pem").read_text(encoding="utf-8") for folder in trusted)
        run_module.each(
            *(
                Call(
                    "gateway_certificate",
                    {
                        "context": context,
                        "peer": name,
                        "ca_content": cas,
                        "wait_timeout": 5,
                        "certificate_path": str(leaf / name / "cert.pem"),
                        "privatekey_path": str(leaf / name / "key.pem"),
                    },
                )
                for name, context in mesh.contexts.items()
            )
        )

    update_peer_certificate(first, first)
    with mesh.counted(rate=6) as count:
        update_peer_certificate(first, first, second)
        update_peer_certificate(second, first, second)
        update_peer_certificate(second, second)
        wait_until("50 requests have failed", lambda: count.failed >= 50, 60)
    mesh.must("site", fabric_replace_ca=True)  # the gateways trust a CA that is not in the folder
    mesh.must("certificates")


def test_taking_over_from_the_operator_loses_few_requests_and_leaves_nothing(mesh: FullMesh, kubectl: Kubectl) -> None:
    with mesh.counted(rate=6) as count:
        mesh.must("site", clusterlink_install="direct", clusterlink_force_conflicts=True)
    assert count.failed <= 15
    replaced = "app in (cl-controlplane-replaced, cl-dataplane-replaced)"
    for context in mesh.contexts.values():
        for left in (
            ("instances.clusterlink.net", "-A"),
            ("deployments", "-n", "clusterlink-operator"),
            ("pods", "-n", SYSTEM, "--selector", replaced),
        ):
            assert kubectl("get", *left, "--output=name", context=context) == ""
