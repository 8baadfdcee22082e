# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks whose whole output is searched for secrets."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.certificates import Play, secrets_in
from tests.support.clusters import Clusters
from tests.support.gateways import QUICK_VARIABLES
from tests.support.kubectl import Kubectl
from tests.support.paths import ROOT

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
        self._play = Play(folder, playbook=True)
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


@contextmanager
def watched_fabric(clusters: Clusters, folder: Path, **variables: Any) -> Iterator[Watched]:
    """A fabric of two linked clusters, and nothing of ours in them at the end.

    Args:
        clusters: Where its gateways are.
        folder: For its inventory and its certificates.
        variables: Of the inventory.
    """
    hosts = {name: {"clusterlink_context": each} for name, each in zip(NAMES, clusters.contexts, strict=False)}
    own = {"clusterlink_kubeconfig": str(clusters.kubeconfig), "clusterlink_link_mode": "mesh", **QUICK_VARIABLES}
    watched = Watched(folder, hosts, **own, **variables)
    try:
        yield watched
    finally:
        watched.run("teardown.yml", check=False)


def go_the_whole_way(fabric: Watched, kubectl: Kubectl, clusters: Clusters) -> None:
    """Make a fabric, refuse a wrong passphrase, and replace the CA; the fabric keeps what was printed, and all keys."""
    first = fabric.run("site.yml", "--diff")
    assert "there is no certificate yet" in first, "the change is reported, with the reason"
    assert len(fabric.keys) == 3, "the CA's and those of two peers"
    contexts = clusters.contexts[: len(NAMES)]
    stored = _keys_in(kubectl, contexts)
    assert stored & fabric.keys, "the peers' keys are in their clusters"
    assert not {key for key in stored if b"ENCRYPTED" in key}, "the CA's is not"
    fabric.keys |= stored

    assert "cannot be decrypted with" in fabric.run("site.yml", "-e", "@wrong.json", check=False)

    fabric.run("rotate_ca.yml", "--diff")
    fabric.keys |= _keys_in(kubectl, contexts)
    assert len({key for key in fabric.keys if b"ENCRYPTED" in key}) == 2, "the old CA's and the new one's"


def _keys_in(kubectl: Kubectl, contexts: tuple[str, ...]) -> set[bytes]:
    found = set()
    for context in contexts:
        for secret in kubectl.json("get", "secrets", "-A", context=context)["items"]:
            values = [base64.b64decode(value) for value in (secret.get("data") or {}).values()]
            found |= {value for value in values if b"PRIVATE KEY" in value}
    return found
