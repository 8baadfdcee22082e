# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""No key and no passphrase is in any output of a fabric's whole way at the highest verbosity, nor open on disk."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.gateways import QUICK_VARIABLES
from tests.support.watched import NAMES, Watched

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl


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
        **QUICK_VARIABLES,
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
    assert "there is no certificate yet" in first, "the change is reported, with the reason"
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
