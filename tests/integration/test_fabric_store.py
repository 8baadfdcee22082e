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
from tests.support.certificates import changed, openssl, secrets_in
from tests.support.clusters import Clusters
from tests.support.jobs import SECRET, Jobs, fabric_jobs, files, stored_in
from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster


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

    def __call__(self, state: str, pki: Path, *, check: bool = False, **more: Any) -> Call:
        args = {"state": state, "path": str(pki), "fabric": "demo", "namespace": self.namespace, **more}
        return Call("fabric_store", args, check=check)


@pytest.fixture
def store(namespace: str, tmp_path: Path) -> Store:
    return Store(namespace, tmp_path)


def ca(pki: Path) -> Call:
    return Call("fabric_ca", {"path": str(pki), "fabric": "demo"}, connection=False)


def peer(pki: Path, name: str) -> Call:
    return Call("peer_certificate", {"path": str(pki), "fabric": "demo", "name": name}, connection=False)


def kept(kubectl: Kubectl, namespace: str) -> dict[str, bytes]:
    """What the Secret holds, by its keys."""
    data = kubectl.json("get", "secret", SECRET, "-n", namespace)["data"]
    return {key: base64.b64decode(value) for key, value in data.items()}


def test_each_state_is_predicted_reached_kept_and_given_to_another_container(
    play_module: Ansible, kubectl: Kubectl, store: Store
) -> None:
    namespace = store.namespace
    first, second, third = map(store.container, ("first", "second", "third"))
    results = play_module.each(
        *(store("loaded", first), ca(first), peer(first, "east")),
        *(store("saved", first, check=True), store("saved", first), store("saved", first), store("loaded", first)),
        *(
            store("loaded", second, check=True),
            store("loaded", second),
            store("loaded", second),
            store("saved", second),
        ),
    )
    assert changed(results) == [False, True, True, True, True, False, False, True, True, False, False]
    output = play_module.output

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
    assert saved["diff"]["after"]["key.pem"] == "present"

    # Two that have loaded the same: the one that saves second is refused, and so is one without anything new.
    results = play_module.each(
        *(store("loaded", third), peer(third, "north"), peer(second, "west")),
        *(store("saved", second), store("saved", third), store("saved", first), store("loaded", third)),
        store("loaded", first),
    )
    assert [bool(result.get("failed")) for result in results] == [False] * 4 + [True] * 3 + [False]
    for result in (results[4], results[6]):
        assert "changed in the folder: north/cert.pem, north/key.pem" in result["msg"]
        assert "changed in the Secret: west/cert.pem, west/key.pem" in result["msg"]
    assert "west__key.pem" in kept(kubectl, namespace)
    assert "north__key.pem" not in kept(kubectl, namespace)
    assert files(first) == files(second)
    assert "demo/north/key.pem" in files(third)

    results = play_module.each(
        *(store("absent", first, check=True), store("absent", first), store("absent", first)),
        *(store("saved", second, check=True), store("saved", second)),
    )
    assert changed(results) == [True, True, False, True, True]
    assert "was missing" in json.dumps(results[4])
    output += play_module.output
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
    assert "does not fit into a Secret of 1048576 bytes" in result["msg"]
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


@pytest.fixture
def jobs(clusters: Clusters, namespace: str, tmp_path: Path) -> Iterator[Jobs]:
    with fabric_jobs(clusters, namespace, tmp_path) as made:
        yield made


def test_where_the_management_cluster_is_unreachable_nothing_is_made(jobs: Jobs) -> None:
    away = {
        "clusterlink_store_host": "https://127.0.0.1:1",
        "clusterlink_store_api_key": "secret-token",
        "clusterlink_store_kubeconfig": "",
        "clusterlink_store_context": "",
        "clusterlink_retry_timeout": 1,
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
    request, response = tmp_path / "lyon.json", tmp_path / "lyon.response.json"
    try:
        ours(str(certificates))
        for _time in range(2):
            theirs("skyshift.clusterlink.enrol_request")
        shutil.copy(theirs.pki / "demo/lyon/request.json", request)
        signed = {"enrol_name": "lyon", "enrol_request": str(request), "enrol_peers": []}
        signed["enrol_fingerprint"] = re.findall(r"over another channel: ([0-9a-f:]+)", theirs.output)[-1]
        for _time in range(2):
            ours("skyshift.clusterlink.enrol_sign", "-e", json.dumps(signed))
        assert len(json.loads((ours.pki / "demo/enrolled.json").read_bytes())["signed"]) == 1
        received = {"enrol_response": str(response), "enrol_ca_fingerprint": fingerprint(ours.pki / "demo/cert.pem")}
        theirs("skyshift.clusterlink.enrol_install", "-e", json.dumps(received))
        assert theirs(str(certificates), "-e", "clusterlink_enrolled=true") == {"lyon": 0}
        openssl("verify", "-CAfile", f"{ours.pki}/demo/cert.pem", f"{theirs.pki}/demo/lyon/cert.pem")
    finally:
        kubectl("delete", "namespace", theirs_in, "--wait=false")


def fingerprint(path: Path) -> str:
    """A certificate's fingerprint as openssl has it."""
    said = openssl("x509", "-in", str(path), "-noout", "-fingerprint", "-sha256")
    return said.strip().rpartition("=")[2].lower()


def test_check_mode_predicts_that_new_certificates_are_saved(
    clusters: Clusters, kubectl: Kubectl, namespace: str, tmp_path: Path
) -> None:
    stored = {"clusters": {"hosts": {"paris": {}}, "vars": stored_in(clusters, clusters.contexts[0], namespace)}}
    jobs = Jobs(tmp_path, stored)
    play = tmp_path / "certificates.yml"
    roles = {"hosts": "clusters", "gather_facts": False, "roles": ["skyshift.clusterlink.fabric"]}
    play.write_text(json.dumps([roles]), encoding="utf-8")
    predicted = jobs(str(play), "--check")
    assert SECRET not in kubectl("get", "secrets", "-n", namespace)
    assert predicted == jobs(str(play)) == {"paris": 3}  # the CA, the certificate, and the folder
