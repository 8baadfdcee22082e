# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From bare clusters to the first answer over a link, against a script of the clusterlink CLI and kubectl."""

from __future__ import annotations

import json
import shutil
from typing import Any

from tests.bench.timing import LAB_CACHE, OURS, ROOT, WORK, report, seconds

ROUNDS = 2
WORKLOADS = {"east": "web", "west": "web", "north": "client"}
FOLDER = WORK / "bare"
KUBECONFIG = FOLDER / "kubeconfig"


def lab(state: str) -> None:
    """Make or remove the bench's own three clusters, with the demo's workloads."""
    clusters = [{"name": f"bench-{name}", "workloads": [workload]} for name, workload in WORKLOADS.items()]
    variables = {"lab_state": state, "lab_clusters": clusters, "lab_kubeconfig": str(KUBECONFIG)}
    seconds([OURS, "playbooks/lab.yml", "--extra-vars", json.dumps(variables)])


def inventory() -> dict[str, Any]:
    """The demo's declaration for the bench's clusters."""
    return {
        "clusters": {
            "hosts": {name: {"clusterlink_context": f"kind-bench-{name}"} for name in WORKLOADS},
            "vars": {
                "clusterlink_fabric": "bench",
                "clusterlink_kubeconfig": str(KUBECONFIG),
                "clusterlink_pki_dir": str(FOLDER / "pki"),
                "clusterlink_ingress_type": "NodePort",
                "clusterlink_services": [
                    {
                        "name": "web",
                        "namespace": "default",
                        "port": 80,
                        "exported_by": ["east", "west"],
                        "imported_by": ["north"],
                        "allow": [{"from": {"app": "frontend"}}],
                    }
                ],
            },
        }
    }


def main() -> bool:
    """Print the ratio; returns whether the limit is kept."""
    ours: list[float] = []
    theirs: list[float] = []
    crds = next((LAB_CACHE / "go").rglob("clusterlink@v0.4.1/config/crds"))
    for _round in range(ROUNDS):
        for times, command in (
            (ours, [str(OURS), "--inventory", str(FOLDER / "inventory.json"), "site.yml"]),
            (theirs, ["bash", str(ROOT / "tests" / "bench" / "cli.sh")]),
        ):
            shutil.rmtree(FOLDER, ignore_errors=True)
            FOLDER.mkdir(parents=True)
            (FOLDER / "inventory.json").write_text(json.dumps(inventory()))
            lab("present")
            try:
                times.append(
                    seconds(
                        command,
                        KUBECONFIG=str(KUBECONFIG),
                        CRDS=str(crds),
                        FOLDER=str(FOLDER),
                        BIN=str(LAB_CACHE / "bin"),
                    )
                )
            finally:
                lab("absent")
    return report("Bare clusters to first answer, to a script of the CLI", ours, theirs, 0.8)
