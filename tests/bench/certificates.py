# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates of 100 peers by role fabric, a whole run of Ansible, against the clusterlink CLI run 100 times."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.bench.timing import LAB_CACHE, OURS, WORK, report, seconds

PEERS = [f"peer-{number:03d}" for number in range(100)]
ROUNDS = 3
"""Runs of ours with each kind of key. The CLI's runs are cut into as many parts, so that both meet the same load."""
FOLDER = WORK / "certificates"
KEYS = {
    "ecdsa": (["--extra-vars", "clusterlink_key_type=ecdsa"], 0.05),
    "rsa": (["--extra-vars", "clusterlink_key_type=rsa clusterlink_key_size=4096"], 1.0),
}
PLAY = [
    {
        "hosts": "clusters",
        "gather_facts": False,
        "connection": "local",
        "roles": [{"role": "skyshift.clusterlink.fabric", "run_once": True}],  # as in playbooks/site.yml
    }
]


def ours(arguments: list[str]) -> float:
    """Seconds of one run that makes a CA and all certificates, and of nothing else."""
    shutil.rmtree(FOLDER / "pki", ignore_errors=True)
    took = seconds([OURS, "--inventory", FOLDER / "inventory.json", FOLDER / "play.json", *arguments])
    made = [name for name in PEERS if (FOLDER / "pki" / "bench" / name / "cert.pem").exists()]
    if made != PEERS:
        raise RuntimeError(f"{len(PEERS) - len(made)} certificates were not made")
    return took


def theirs(names: list[str]) -> float:
    """Seconds of the CLI's run for each name; its CA is there."""
    create: list[str | Path] = [LAB_CACHE / "bin" / "clusterlink", "create", "peer-cert", "--fabric", "bench"]
    return sum((seconds([*create, "--name", name], cwd=FOLDER / "cli") for name in names), 0.0)


def main() -> bool:
    """Print both ratios; returns whether both limits are kept."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "cli").mkdir(parents=True)
    inventory = {"clusters": {"hosts": {name: {} for name in PEERS}, "vars": {"clusterlink_fabric": "bench"}}}
    (FOLDER / "inventory.json").write_text(json.dumps(inventory))
    (FOLDER / "play.json").write_text(json.dumps(PLAY))
    seconds([LAB_CACHE / "bin" / "clusterlink", "create", "fabric", "--name", "bench"], cwd=FOLDER / "cli")
    times: dict[str, list[float]] = {name: [] for name in KEYS}
    ours(KEYS["ecdsa"][0])  # warms the caches and is not counted
    cli = 0.0
    for turn in range(ROUNDS):
        cli += theirs(PEERS[turn::ROUNDS])
        for name, (arguments, _limit) in KEYS.items():
            times[name].append(ours(arguments))
    kept = [
        report(f"Certificates for 100 peers ({name}), to the CLI run 100 times", times[name], [cli], limit)
        for name, (_arguments, limit) in KEYS.items()
    ]
    return all(kept)
