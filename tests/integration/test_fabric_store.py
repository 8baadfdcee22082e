# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric's folder in a Secret: what job containers, each with a folder of its own, give to one another."""

from __future__ import annotations

import base64
import json
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.ansible import Ansible, Call
from tests.support.certificates import Play, changed, contents, openssl, secrets_in
from tests.support.clusters import Clusters
from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

SECRET = "clusterlink-fabric-demo"  # noqa: S105 - a name
MARK = "demo/.store.json"


class Store:
    """Tasks that load, save or remove, and the folders of job containers.

    Attributes:
        namespace: Where the Secret is.
    """

    def __init__(self, namespace: str, folder: Path) -> None:
        self.namespace = namespace
        self._folder = folder

    def container(self, name: str) -> Path:
        """A folder for fabrics that is not there yet, as in a new container."""
        return self._folder / name

    def __call__(self, state: str, pki: Path, *, check: bool = False, own_process: bool = False, **more: Any) -> Call:
        args = {"state": state, "path": str(pki), "fabric": "demo", "namespace": self.namespace, **more}
        return Call("fabric_store", args, check=check, own_process=own_process)


@pytest.fixture
def store(namespace: str, tmp_path: Path) -> Store:
    return Store(namespace, tmp_path)


def ca(pki: Path) -> Call:
    return Call("fabric_ca", {"path": str(pki), "fabric": "demo"}, connection=False)


def peer(pki: Path, name: str) -> Call:
    return Call("peer_certificate", {"path": str(pki), "fabric": "demo", "name": name}, connection=False)


def files(pki: Path) -> dict[str, bytes]:
    """What a container has of fabric demo, without the mark."""
    return {name: content for name, content in contents(pki).items() if name != MARK}


def kept(kubectl: Kubectl, namespace: str) -> dict[str, bytes]:
    """What the Secret holds, by its keys."""
    data = kubectl.json("get", "secret", SECRET, "-n", namespace)["data"]
    return {key: base64.b64decode(value) for key, value in data.items()}


@pytest.mark.parametrize("own_process", [False, True])
def test_each_state_is_predicted_reached_kept_and_given_to_another_container(
    run_module: Ansible, kubectl: Kubectl, store: Store, own_process: bool
) -> None:
    def task(state: str, pki: Path, *, check: bool = False) -> Call:
        return store(state, pki, check=check, own_process=own_process)

    namespace = store.namespace
    first, second, third = map(store.container, ("first", "second", "third"))
    results = run_module.each(
        *(task("loaded", first), ca(first), peer(first, "east")),
        *(task("saved", first, check=True), task("saved", first), task("saved", first), task("loaded", first)),
        *(task("loaded", second, check=True), task("loaded", second), task("loaded", second), task("saved", second)),
    )
    assert changed(results) == [False, True, True, True, True, False, False, True, True, False, False]
    output = run_module.output
    assert ("modules/fabric_store.py" in output) == own_process

    secret = kubectl.json("get", "secret", SECRET, "-n", namespace)
    assert secret["type"] == "Opaque"
    assert secret["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "skyshift.clusterlink",
        "skyshift.clusterlink/fabric": "demo",
    }
    made = files(first)
    assert set(made) == {"demo/cert.pem", "demo/key.pem", "demo/east/cert.pem", "demo/east/key.pem"}
    assert {f"demo/{key.replace('__', '/')}": value for key, value in kept(kubectl, namespace).items()} == made
    assert files(second) == made
    assert {path.stat().st_mode & 0o777 for path in second.rglob("*") if path.is_file()} == {0o600}
    openssl("verify", "-CAfile", f"{second}/demo/cert.pem", f"{second}/demo/east/cert.pem")
    predicted, saved = results[3], results[4]
    assert predicted["diff"] == saved["diff"]
    assert saved["diff"] == {"before": {}, "after": results[8]["diff"]["after"]}
    assert saved["ca_fingerprint"] == fingerprint(first / "demo/cert.pem")
    assert saved["diff"]["after"]["key.pem"] == "there"

    # Two that have loaded the same: the one that saves second is refused, and so is one without anything new.
    results = run_module.each(
        *(task("loaded", third), peer(third, "north"), peer(second, "west")),
        *(task("saved", second), task("saved", third), task("saved", first), task("loaded", third)),
        task("loaded", first),
    )
    assert [bool(result.get("failed")) for result in results] == [False] * 4 + [True] * 3 + [False]
    for result in (results[4], results[6]):
        assert "changed in the folder: north/cert.pem, north/key.pem" in result["msg"]
        assert "changed in the Secret: west/cert.pem, west/key.pem" in result["msg"]
    assert "west__key.pem" in kept(kubectl, namespace)
    assert "north__key.pem" not in kept(kubectl, namespace)
    assert files(first) == files(second)
    assert "demo/north/key.pem" in files(third)

    results = run_module.each(
        *(task("absent", first, check=True), task("absent", first), task("absent", first)),
        *(task("saved", second, check=True), task("saved", second)),
    )
    assert changed(results) == [True, True, False, True, True]
    assert "was gone" in json.dumps(results[4])
    output += run_module.output
    keys = [path.read_bytes() for path in (*first.rglob("key.pem"), *third.rglob("key.pem"))]
    assert len(keys) == 6
    assert secrets_in(output, *keys) == []
    assert "PRIVATE KEY" not in output


def test_what_cannot_be_right_is_refused_and_nothing_is_written(
    run_module: Ansible, kubectl: Kubectl, store: Store, tmp_path: Path
) -> None:
    namespace = store.namespace
    first, stranger, empty = map(store.container, ("first", "stranger", "empty"))
    away: dict[str, Any] = {"kubeconfig": "", "context": "", "host": "https://127.0.0.1:1", "api_key": "secret-token"}
    results = run_module.each(
        *(store("loaded", empty, **away), store("loaded", empty, namespace="not-there")),
        store("loaded", empty, host="https://127.0.0.1:1"),
        *(ca(first), store("saved", first), ca(stranger), store("loaded", stranger), store("saved", stranger)),
    )
    assert changed(results[3:6]) == [True, True, True]
    assert "the API server is unreachable" in results[0]["msg"]
    assert "namespace not-there does not exist" in results[1]["msg"]
    assert "it is not clear which cluster" in results[2]["msg"]
    assert not empty.exists()
    for result in results[6:]:
        assert f"CA of the folder: {fingerprint(stranger / 'demo/cert.pem')}" in result["msg"]
        assert f"CA of the Secret: {fingerprint(first / 'demo/cert.pem')}" in result["msg"]
    assert kept(kubectl, namespace)["key.pem"] == (first / "demo/key.pem").read_bytes()

    (first / "demo/east.old~").write_bytes(bytes(1024 * 1024))
    before = kept(kubectl, namespace)
    [result] = run_module.each(store("saved", first))
    assert "more than a Secret can hold" in result["msg"]
    assert "the largest are east.old~" in result["msg"]
    assert kept(kubectl, namespace) == before

    evil = json.dumps({"stringData": {"..__..__evil": "x", "__evil": "x"}})
    # The API server itself takes no key with two leading dots.
    assert "Invalid value" in kubectl("patch", "secret", SECRET, "-n", namespace, "-p", evil, check=False)
    evil = json.dumps({"stringData": {"a__..__..__..__evil": "x", "__evil": "x"}})
    kubectl("patch", "secret", SECRET, "-n", namespace, "-p", evil)
    [result] = run_module.each(store("loaded", empty))
    assert "2 problems" in result["msg"]
    assert not empty.exists()
    assert not list(tmp_path.rglob("*evil*"))


class Jobs:
    """Runs playbooks as jobs that each begin without a folder.

    Attributes:
        output: All that they printed.
        pki: Where the folder was that the last one used.
    """

    def __init__(self, folder: Path, inventory: dict[str, Any]) -> None:
        self._play = Play(folder)
        self.pki = folder / "pki"
        self.output = ""
        folder.mkdir(parents=True, exist_ok=True)
        self._inventory = folder / "inventory.json"
        inventory["clusters"]["vars"]["clusterlink_pki_dir"] = str(self.pki)
        self._inventory.write_text(json.dumps(inventory), encoding="utf-8")

    def __call__(self, *arguments: str, check: bool = True) -> dict[str, int]:
        """How many tasks changed something, by host."""
        shutil.rmtree(self.pki, ignore_errors=True)
        said = self._play.run(*arguments, inventory=str(self._inventory), check=check)
        self.output += said
        recap = re.findall(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)", said, re.MULTILINE)
        return {host: int(count) for host, count in recap}


def stored_in(clusters: Clusters, context: str, namespace: str) -> dict[str, str]:
    """The variables that have a fabric's folder kept."""
    return {
        "clusterlink_fabric": "demo",
        "clusterlink_store_kubeconfig": str(clusters.kubeconfig),
        "clusterlink_store_context": context,
        "clusterlink_store_namespace": namespace,
    }


def holders(kubectl: Kubectl, clusters: Clusters, key: bytes) -> set[tuple[str, str]]:
    """The Secrets and ConfigMaps of all clusters that hold a key, each with its context."""
    found = set()
    for context in clusters.contexts:
        for obj in kubectl.json("get", "secrets,configmaps", "-A", context=context)["items"]:
            values = "".join(
                base64.b64decode(value).decode(errors="replace") if obj["kind"] == "Secret" else value
                for value in (obj.get("data") or {}).values()
            )
            if secrets_in(values + json.dumps(obj["metadata"]), key):
                found.add((context, obj["metadata"]["name"]))
    return found


@pytest.fixture
def jobs(clusters: Clusters, namespace: str, tmp_path: Path) -> Iterator[Jobs]:
    """Jobs on a fabric of two clusters, kept in the first; the fabric is removed at the end."""
    names = dict(zip(("one", "two"), clusters.contexts, strict=False))
    variables = {
        **stored_in(clusters, clusters.contexts[0], namespace),
        "clusterlink_kubeconfig": str(clusters.kubeconfig),
        "clusterlink_ingress_type": "NodePort",
        "clusterlink_link_mode": "mesh",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
    }
    hosts = {name: {"clusterlink_context": context} for name, context in names.items()}
    made = Jobs(tmp_path / "jobs", {"clusters": {"hosts": hosts, "vars": variables}})
    try:
        yield made
    finally:
        made("skyshift.clusterlink.teardown")


def test_jobs_without_a_folder_of_their_own_keep_one_fabric_whose_key_is_nowhere_else(
    jobs: Jobs, clusters: Clusters, kubectl: Kubectl, namespace: str
) -> None:
    def held() -> list[Any]:
        return [
            kubectl.json("get", "secret", "cl-peer", "-n", "clusterlink-system", context=context)["data"]
            for context in clusters.contexts[:2]
        ]

    assert all(jobs("skyshift.clusterlink.site", "--check").values())
    assert "NotFound" in kubectl("get", "secret", SECRET, "-n", namespace, check=False)
    assert all(jobs("skyshift.clusterlink.site").values())
    made, given = files(jobs.pki), held()
    for arguments in ("--check",), ():
        assert jobs("skyshift.clusterlink.site", *arguments) == {"one": 0, "two": 0}
        assert files(jobs.pki) == made
        assert held() == given
    assert jobs("skyshift.clusterlink.certificates", "-e", "certificates_served=false") == {"one": 0, "two": 0}

    assert all(jobs("skyshift.clusterlink.rotate_ca").values())
    rotated = files(jobs.pki)
    assert rotated.keys() == made.keys()
    assert rotated["demo/key.pem"] != made["demo/key.pem"]
    assert jobs("skyshift.clusterlink.site") == {"one": 0, "two": 0}
    assert files(jobs.pki) == rotated

    for each in (made, rotated):
        assert secrets_in(jobs.output, *(content for name, content in each.items() if name.endswith("key.pem"))) == []
    assert "PRIVATE KEY" not in jobs.output
    first, second = clusters.contexts[:2]
    assert holders(kubectl, clusters, made["demo/key.pem"]) == set()
    assert holders(kubectl, clusters, rotated["demo/key.pem"]) == {(first, SECRET)}
    assert holders(kubectl, clusters, rotated["demo/two/key.pem"]) == {(first, SECRET), (second, "cl-peer")}


def test_where_the_management_cluster_is_away_nothing_is_made(jobs: Jobs) -> None:
    away = {
        "clusterlink_store_host": "https://127.0.0.1:1",
        "clusterlink_store_api_key": "secret-token",
        "clusterlink_store_kubeconfig": "",
        "clusterlink_store_context": "",
    }
    counts = jobs("skyshift.clusterlink.site", "-e", json.dumps(away), check=False)
    assert counts["one"] == 0
    assert "the API server is unreachable" in jobs.output
    assert not jobs.pki.exists()


def test_an_enrolment_goes_on_from_one_job_to_the_next(
    clusters: Clusters, kubectl: Kubectl, namespace: str, tmp_path: Path
) -> None:
    theirs_in = f"test-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", theirs_in)
    ours, theirs = (
        Jobs(
            tmp_path / name,
            {"clusters": {"hosts": {name: {}}, "vars": stored_in(clusters, clusters.contexts[0], place)}},
        )
        for name, place in (("paris", namespace), ("lyon", theirs_in))
    )
    certificates = tmp_path / "certificates.yml"
    play = {"hosts": "clusters", "gather_facts": False, "roles": ["skyshift.clusterlink.fabric"]}
    certificates.write_text(json.dumps([play]), encoding="utf-8")
    request, answer = tmp_path / "lyon.json", tmp_path / "lyon.answer.json"
    try:
        ours(str(certificates))
        for _time in range(2):
            theirs("skyshift.clusterlink.enrol_request")
        shutil.copy(theirs.pki / "demo/lyon/request.json", request)
        signed = {"enrol_name": "lyon", "enrol_request": str(request), "enrol_peers": []}
        signed["enrol_fingerprint"] = re.findall(r"by another way: ([0-9a-f:]+)", theirs.output)[-1]
        for _time in range(2):
            ours("skyshift.clusterlink.enrol_sign", "-e", json.dumps(signed))
        assert len(json.loads((ours.pki / "demo/enrolled.json").read_bytes())["answered"]) == 1
        accepted = {"enrol_answer": str(answer), "enrol_ca_fingerprint": fingerprint(ours.pki / "demo/cert.pem")}
        theirs("skyshift.clusterlink.enrol_accept", "-e", json.dumps(accepted))
        assert theirs(str(certificates), "-e", "clusterlink_enrolled=true") == {"lyon": 0}
        openssl("verify", "-CAfile", f"{ours.pki}/demo/cert.pem", f"{theirs.pki}/demo/lyon/cert.pem")
    finally:
        kubectl("delete", "namespace", theirs_in, "--wait=false")


def fingerprint(path: Path) -> str:
    """A certificate's fingerprint as openssl has it."""
    said = openssl("x509", "-in", str(path), "-noout", "-fingerprint", "-sha256")
    return said.strip().rpartition("=")[2].lower()
