# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of 100 clusters with 1000 imports, a whole run of playbook plan, against that of ten with ten."""

from __future__ import annotations

import json
from pathlib import Path

from tests.bench.timing import OURS, WORK, report, seconds

ROUNDS = 3
LIMIT = 3.0
FOLDER = WORK / "plan"


def inventory(clusters: int) -> Path:
    """The file of an inventory in which each of half the clusters exports a service to a fifth of them."""
    names = [f"c{number:02d}" for number in range(clusters)]
    importers = names[-clusters // 5 :]
    services = [
        {
            "name": f"svc{number}",
            "namespace": "default",
            "port": 80,
            "exported_by": [names[number]],
            "imported_by": importers,
            "allow": [{"from": {}}],
        }
        for number in range(clusters // 2)
    ]
    variables = {
        "clusterlink_fabric": "bench",
        "clusterlink_context": "{{ inventory_hostname }}",
        "clusterlink_gateway_host": "{{ inventory_hostname }}.example.com",
        "clusterlink_services": services,
    }
    file = FOLDER / f"{clusters}.json"
    file.write_text(json.dumps({"clusters": {"hosts": {name: {} for name in names}, "vars": variables}}))
    return file


def main() -> bool:
    """Print the ratio; returns whether the limit is kept."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    few, many = inventory(10), inventory(100)
    playbook = "playbooks/plan.yml"
    seconds([OURS, "--inventory", few, playbook])  # warms the caches and is not counted
    rounds = [[seconds([OURS, "--inventory", file, playbook]) for file in (few, many)] for _round in range(ROUNDS)]
    return report(
        "The plan of 100 clusters, to that of 10",
        [many for _few, many in rounds],
        [few for few, _many in rounds],
        LIMIT,
    )
