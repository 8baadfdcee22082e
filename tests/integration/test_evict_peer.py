# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbook evict_peer while a cluster is unreachable, and again when it is back. Gateways are their Secrets here."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.crds import crds as crd_objects
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.certificates import fingerprint, load_chain
from tests.support.certificates import contents
from tests.support.fabrics import DeclaredFabric, Run

if TYPE_CHECKING:
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.long]

MOON, EAST, LYON, NICE = "a-moon", "east", "lyon", "nice"
PLAY = """
- hosts: clusters
  gather_facts: false
  connection: local
  roles: [skyshift.clusterlink.fabric]
"""


class Evicting(DeclaredFabric):
    """A fabric of moon, the first host, and east; lyon and nice have left the inventory."""

    def __init__(self, clusters: Clusters, kubectl: Kubectl, namespace: str, folder: Path) -> None:
        super().__init__(clusters, (MOON, EAST), folder, namespace)
        self.variables |= {"clusterlink_namespace": namespace, "clusterlink_retry_timeout": 0}
        self._kubectl, self._namespace = kubectl, namespace
        play = folder / "fabric.yml"
        play.write_text(PLAY, encoding="utf-8")
        self.hosts |= {LYON: dict(self.hosts[EAST]), NICE: dict(self.hosts[EAST])}
        self.must(str(play))
        del self.hosts[LYON], self.hosts[NICE]
        for peer, context in self.contexts.items():
            kubectl("apply", "--server-side", "-f", "-", stdin=self._objects(peer), context=context)

    def _objects(self, peer: str) -> str:
        """The ClusterLink kinds, and what identifies a gateway."""
        read = {name: (self.pki / path).read_bytes() for name, path in _FILES.items()}
        read["cert"] = (self.pki / peer / "cert.pem").read_bytes()
        read["key"] = (self.pki / peer / "key.pem").read_bytes()
        data = {f"{name}.pem": base64.b64encode(content).decode() for name, content in read.items()}
        metadata = {"name": "cl-peer", "namespace": self._namespace}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self._namespace}}
        return "\n---\n".join(json.dumps(each) for each in (*crd_objects(), namespace, secret))

    def evict(self, peer: str, *, unreachable: bool, code: int) -> Run:
        """Evict a peer while moon's API server is reachable or not."""
        kept = dict(self.hosts[MOON])
        if unreachable:
            self.hosts[MOON] = {"clusterlink_host": "http://127.0.0.1:1", "clusterlink_api_key": "x"}
        try:
            return self.must("evict_peer", code=code, evict_peer=peer)
        finally:
            self.hosts[MOON] = kept

    def trusted(self, peer: str) -> list[str]:
        """The fingerprints of the CAs that a gateway trusts."""
        secret = self._kubectl.json("get", "secret", "cl-peer", "-n", self._namespace, context=self.contexts[peer])
        return [fingerprint(each) for each in load_chain(base64.b64decode(secret["data"]["ca.pem"]), "")]

    @property
    def ca(self) -> str:
        """The fingerprint of the CA that signs."""
        return fingerprint(load_chain((self.pki / "cert.pem").read_bytes(), "")[0])

    def evicted(self) -> list[str]:
        """The names of evicted peers, in their order."""
        record: dict[str, Any] = json.loads((self.pki / "evicted.json").read_text(encoding="utf-8"))
        return [str(each["name"]) for each in record["evicted"]]


_FILES = {"ca": "cert.pem"}


def changing(run: Run) -> dict[str, str]:
    """What each task printed that changed something, or would."""
    tasks = [part.split("]", 1) for part in re.split(r"^TASK \[", run.output, flags=re.MULTILINE)[1:]]
    return {name: said for name, said in tasks if "changed: [" in said}


@pytest.fixture
def fabric(clusters: Clusters, kubectl: Kubectl, namespace: str, tmp_path: Path) -> Iterator[Evicting]:
    made = Evicting(clusters, kubectl, namespace, tmp_path)
    yield made
    kubectl("delete", "namespace", namespace, "--wait=false", "--ignore-not-found", context=made.contexts[EAST])


def differences(said: str) -> list[str]:
    """The lines of a task's diff."""
    return [line for line in said.splitlines() if re.match(r"[-+] ", line)]


def test_check_mode_shows_what_an_eviction_then_changes_and_changes_nothing(fabric: Evicting) -> None:
    before, first = contents(fabric.pki), fabric.ca
    run = fabric.must("evict_peer", "--check", "--diff", evict_peer=LYON)
    assert contents(fabric.pki) == before
    assert fabric.trusted(EAST) == fabric.trusted(MOON) == [fabric.ca]
    changes = changing(run)
    shown = {
        "Record the eviction": "+    keys:",
        "Read the rotation's phase": "+    phase: trust",
        "Remove the peer's certificate and key from the controller": "+    files: []",
    }
    assert list(changes) == list(shown)
    assert [line for name, line in shown.items() if line not in changes[name]] == []
    steps = [f"give {peer} a certificate of the new CA" for peer in (MOON, EAST)]
    assert [step for step in steps if step not in run.output] == []

    done = changing(fabric.must("evict_peer", "--diff", evict_peer=LYON))
    for name in ("Record the eviction", "Remove the peer's certificate and key from the controller"):
        assert differences(done[name]) == differences(changes[name]) != []
    rotated = {"cert.pem", "key.pem", *(f"{peer}/cert.pem" for peer in (MOON, EAST))}
    after = contents(fabric.pki)
    assert before.keys() - after.keys() == {f"{LYON}/cert.pem", f"{LYON}/key.pem"}
    assert after.keys() - before.keys() == {"evicted.json"}
    assert {path for path in before.keys() & after.keys() if before[path] != after[path]} == rotated
    assert fabric.ca != first
    assert fabric.trusted(EAST) == fabric.trusted(MOON) == [fabric.ca]


def test_an_unreachable_cluster_does_not_block_an_eviction_and_the_key_stays_until_all_refuse_it(
    fabric: Evicting,
) -> None:
    first, key = fabric.ca, fabric.pki / LYON / "key.pem"
    stolen = fabric.pki.parent / "stolen"
    shutil.copytree(fabric.pki / LYON, stolen)

    run = fabric.evict(LYON, unreachable=True, code=2)
    assert f"{MOON} cannot be read. The eviction continues without it" in run.output
    assert fabric.ca != first
    assert fabric.trusted(EAST) == [fabric.ca]
    assert fabric.trusted(MOON) == [first], "left behind"
    assert not [path.name for path in fabric.pki.iterdir() if path.name.startswith(("ca.", "trusted."))]
    assert key.exists(), "moon's gateway has not refused it"
    assert "is kept, because these gateways have not refused the key yet" in run.output

    second = fabric.ca
    fabric.evict(LYON, unreachable=False, code=0)
    assert fabric.ca == second, "the CA that signed for lyon is replaced already"
    assert fabric.trusted(MOON) == [second]
    assert not key.exists()

    fabric.evict(NICE, unreachable=False, code=0)
    assert fabric.ca != second
    assert fabric.evicted() == [LYON, NICE]

    shutil.copytree(stolen, fabric.pki / LYON)
    fabric.hosts[LYON] = dict(fabric.hosts[EAST])
    refused = fabric.play(str(fabric.pki.parent.parent / "fabric.yml"))
    assert refused.code != 0
    assert "is for the key of lyon, which was evicted" in refused.output
