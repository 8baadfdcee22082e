# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks as jobs without a disk that lasts: each in a folder of its own, the fabric's folder kept in a Secret."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.certificates import Play, contents, secrets_in
from tests.support.clusters import Clusters
from tests.support.gateways import QUICK_VARIABLES
from tests.support.kubectl import Kubectl

SECRET = "clusterlink-fabric-demo"  # noqa: S105 - a name
MARK = "demo/.store.json"


def files(pki: Path) -> dict[str, bytes]:
    """What a container has of fabric demo, without the mark."""
    return {name: content for name, content in contents(pki).items() if name != MARK}


class Jobs:
    """Runs playbooks as jobs that each begin without a folder.

    Attributes:
        output: All that they printed.
        pki: Where the folder was that the last one used.
    """

    def __init__(self, folder: Path, inventory: dict[str, Any]) -> None:
        self._play = Play(folder, playbook=True)
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


@contextmanager
def fabric_jobs(clusters: Clusters, namespace: str, folder: Path) -> Iterator[Jobs]:
    """Jobs on a fabric of two clusters, kept in the first; the fabric is removed at the end."""
    names = dict(zip(("one", "two"), clusters.contexts, strict=False))
    variables = {
        **stored_in(clusters, clusters.contexts[0], namespace),
        "clusterlink_kubeconfig": str(clusters.kubeconfig),
        "clusterlink_ingress_type": "NodePort",
        "clusterlink_link_mode": "mesh",
        **QUICK_VARIABLES,
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
    }
    hosts = {name: {"clusterlink_context": context} for name, context in names.items()}
    made = Jobs(folder / "jobs", {"clusters": {"hosts": hosts, "vars": variables}})
    try:
        yield made
    finally:
        made("skyshift.clusterlink.teardown")
