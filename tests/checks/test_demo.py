# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's clusters have pods for all that verify tries: one that the policies allow, and one that they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2
import yaml

ROOT = Path(__file__).resolve().parents[2]


def load(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8").replace("!unsafe ", ""))


def test_a_cluster_that_imports_has_a_client_that_is_allowed_and_one_that_is_not() -> None:
    clusters = load("roles/lab/defaults/main.yml")["lab_clusters"]
    known = load("roles/lab/vars/main.yml")
    folder = jinja2.FileSystemLoader(ROOT / "roles" / "lab" / "templates")
    templates = jinja2.Environment(loader=folder, trim_blocks=True, autoescape=False)  # noqa: S701  # YAML, no HTML
    templates.filters["to_json"] = json.dumps
    apps: dict[str, set[str]] = {}
    for cluster in clusters:
        assert set(cluster["workloads"]) <= set(known["lab_workloads"])
        for workload in cluster["workloads"]:
            text = templates.get_template(f"{workload}.yaml.j2").render({**known, "item": (cluster, workload)})
            (deployment,) = [each for each in yaml.safe_load_all(text) if each["kind"] == "Deployment"]
            labels = deployment["spec"]["template"]["metadata"]["labels"]
            assert deployment["metadata"]["name"] == workload, "the role waits for it by this name"
            assert deployment["spec"]["selector"]["matchLabels"] == labels
            apps.setdefault(cluster["name"], set()).add(labels["app"])
    (service,) = load("inventories/lab/hosts")["clusters"]["vars"]["clusterlink_services"]
    allowed = {rule["from"]["app"] for rule in service["allow"]}
    for importer in service["imported_by"]:
        assert apps[importer] & allowed
        assert apps[importer] - allowed
