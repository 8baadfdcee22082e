# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many declarations, one after another, on gateways that a playbook has made once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.clusters import Clusters
from tests.support.direct import run_directly
from tests.support.fabrics import DeclaredFabric

if TYPE_CHECKING:
    from tests.support.ansible import Ansible

Declared = dict[str, Any]


class PlannedFabric(DeclaredFabric):
    """A fabric whose gateways stay, while what they do is declared anew by each test.

    Attributes:
        defaults: Of every declaration.
        labels: Each peer's.
        addresses: Each gateway's, once it was asked for a plan.
    """

    def __init__(self, clusters: Clusters, peers: Sequence[str], folder: Path, name: str) -> None:
        super().__init__(clusters, peers, folder, name)
        self.defaults: Declared = {"fabric": name}
        self.labels: dict[str, dict[str, str]] = {peer: {} for peer in peers}
        self.addresses: dict[str, Any] = {}

    def plan(self, run: Ansible, folder: Path, declared: Declared) -> dict[str, Any]:
        """The plan of a declaration, as the module returns it."""
        if not self.addresses:
            found = {peer: run("gateway_info", {"context": context}) for peer, context in self.contexts.items()}
            self.addresses = {peer: info["addresses"] for peer, info in found.items()}
        own: Mapping[str, Any] = declared.get("peers", {})
        peers = {peer: {"labels": labels, **own.get(peer, {})} for peer, labels in self.labels.items()}
        whole = {**self.defaults, **declared, "peers": peers}
        return run_directly("fabric_plan", {"declaration": whole, "addresses": self.addresses}, folder)

    def apply(self, run: Ansible, plan: Mapping[str, Any], timeout: int = 60) -> dict[str, dict[str, Any]]:
        """Each cluster's result of a plan; a failed one is no error here."""
        common = {"fabric": self.defaults["fabric"], "gateways": plan["gateways"], "peer_labels": plan["labels"]}
        return {
            peer: run(
                "fabric_apply",
                {**common, "wait_timeout": timeout, "context": context, "objects": plan["peers"][peer]["objects"]},
            )
            for peer, context in self.contexts.items()
        }
