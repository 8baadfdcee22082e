# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""No key and no passphrase is in any output of the playbooks at the highest verbosity, nor open to others on disk."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.certificates import Play, secrets_in
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

SECRETS = {"secrets.json": "correct-horse-battery", "wrong.json": "incorrect-horse-battery"}
"""Files of variables with the CA's passphrase, as from a vault; the second is of another."""
PLAYBOOKS = ROOT / "playbooks"
NAMES = ("east", "west")


class Watched:
    """Runs playbooks on an inventory, and keeps all that they printed and every key that there ever was.

    Attributes:
        pki: The folder of certificates and keys.
        output: Everything that was printed.
        keys: The private keys, PEM.
    """

    def __init__(self, folder: Path, hosts: dict[str, Any], **variables: Any) -> None:
        folder.mkdir(exist_ok=True)
        self._play = Play(folder)
        self.pki = self._play.pki
        self.output = ""
        self.keys: set[bytes] = set()
        own = {"clusterlink_fabric": "demo", "ansible_connection": "local", **variables}
        (folder / "inventory.json").write_text(json.dumps({"clusters": {"hosts": hosts, "vars": own}}))
        for name, passphrase in SECRETS.items():
            (folder / name).write_text(json.dumps({"clusterlink_ca_passphrase": passphrase}))

    def run(self, playbook: str, *arguments: str, check: bool = True) -> str:
        """What a playbook prints, with the passphrase in a file of its own, as in a vault."""
        command = (str(PLAYBOOKS / playbook), "-e", "@secrets.json", *arguments)
        printed = self._play.run(*command, inventory="inventory.json", check=check)
        self.output += printed
        self.keep_keys()
        return printed

    def keep_keys(self) -> None:
        """Remember the keys that are there now; a rotation removes some."""
        self.keys |= {path.read_bytes() for path in self.key_files()}

    def key_files(self) -> list[Path]:
        return [path for path in self.pki.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]

    def require_secrecy(self) -> None:
        """Nothing secret was printed, results were, and only the owner can read a key."""
        assert self.keys
        assert secrets_in(self.output, *self.keys) == []
        assert "PRIVATE KEY-----" not in self.output
        assert "horse" not in self.output
        assert "censored" not in self.output, "no_log hides what an operator has to see"
        assert {oct(path.stat().st_mode & 0o077) for path in self.key_files()} == {"0o0"}


@pytest.fixture
def fabric(clusters: Clusters, kubectl: Kubectl, tmp_path: Path) -> Iterator[Watched]:
    """Two clusters, and nothing of ours in them at the end."""
    contexts = dict(zip(NAMES, clusters.contexts, strict=False))
    watched = Watched(
        tmp_path / "fabric",
        {name: {"clusterlink_context": context} for name, context in contexts.items()},
        clusterlink_kubeconfig=str(clusters.kubeconfig),
        clusterlink_ingress_type="NodePort",
        clusterlink_link_mode="mesh",
    )
    yield watched
    watched.run("teardown.yml", check=False)
    for context in contexts.values():
        kubectl.remove_namespace("clusterlink-system", context=context)


def keys_in(kubectl: Kubectl, contexts: tuple[str, ...]) -> set[bytes]:
    """The keys in the Secrets of the gateways."""
    found = set()
    for context in contexts:
        for secret in kubectl.json("get", "secrets", "-n", "clusterlink-system", context=context)["items"]:
            values = [base64.b64decode(value) for value in (secret.get("data") or {}).values()]
            found |= {value for value in values if b"PRIVATE KEY" in value}
    return found


@pytest.mark.cluster
def test_a_fabrics_whole_way_tells_no_secret(fabric: Watched, kubectl: Kubectl, clusters: Clusters) -> None:
    first = fabric.run("site.yml", "--diff")
    assert "there is no certificate yet" in first, "what was done is told, with the reason"
    assert len(fabric.keys) == 3, "the CA's and those of two peers"
    contexts = clusters.contexts[: len(NAMES)]
    stored = keys_in(kubectl, contexts)
    assert stored & fabric.keys, "the peers' keys are in their clusters"
    assert not {key for key in stored if b"ENCRYPTED" in key}, "the CA's is not"
    fabric.keys |= stored

    assert "cannot be decrypted with" in fabric.run("site.yml", "-e", "@wrong.json", check=False)

    fabric.run("rotate_ca.yml", "--diff")
    fabric.keys |= keys_in(kubectl, contexts)
    assert len({key for key in fabric.keys if b"ENCRYPTED" in key}) == 2, "the old CA's and the new one's"
    fabric.run("certificates.yml")
    fabric.require_secrecy()


def test_enrolment_tells_no_secret_on_either_side(tmp_path: Path) -> None:
    ours = Watched(tmp_path / "ours", {"east": {}})
    theirs = Watched(tmp_path / "theirs", {"lyon": {}}, clusterlink_gateway_host="203.0.113.7")
    (tmp_path / "role.yml").write_text("- {hosts: clusters, gather_facts: false, roles: [skyshift.clusterlink.fabric]}")
    ours.run(str(tmp_path / "role.yml"))
    asked = theirs.run("enrol_request.yml", "-e", "clusterlink_gateway_port=30443", "--diff")
    request = re.search(r"Send this file: (\S+\.json)", asked)
    assert request is not None, asked
    answer = tmp_path / "answer.json"
    names: dict[str, Any] = {"enrol_name": "lyon", "enrol_request": request[1], "enrol_answer": str(answer)}
    names["enrol_peers"] = []
    signed = ours.run("enrol_sign.yml", "-e", json.dumps(names), "--diff")
    fingerprint = re.search(r"ca_fingerprint: ([0-9a-f:]+)", signed)
    assert fingerprint is not None, signed
    theirs.run("enrol_accept.yml", "-e", f"enrol_answer={answer} enrol_ca_fingerprint={fingerprint[1]}", "--diff")

    for side, count in ((ours, 2), (theirs, 1)):
        assert len(side.keys) == count
        side.require_secrecy()
        other = theirs if side is ours else ours
        assert secrets_in(side.output, *other.keys) == []
    travelled = Path(request[1]).read_text() + answer.read_text()
    assert secrets_in(travelled, *ours.keys, *theirs.keys) == []
    assert "PRIVATE KEY" not in travelled


def test_the_search_finds_a_key_that_is_told_or_open(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "ours", {"east": {}})
    (tmp_path / "role.yml").write_text("- {hosts: clusters, gather_facts: false, roles: [skyshift.clusterlink.fabric]}")
    watched.run(str(tmp_path / "role.yml"))
    watched.require_secrecy()
    key = watched.pki / "demo" / "east" / "key.pem"
    key.chmod(0o640)
    with pytest.raises(AssertionError):
        watched.require_secrecy()
    key.chmod(0o600)
    watched.output += json.dumps({"msg": key.read_text().splitlines()[1]})
    with pytest.raises(AssertionError):
        watched.require_secrecy()
