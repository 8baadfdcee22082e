# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run has done in each cluster, and which clusters it has left behind. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ..common.table import one_line, table
from ..fabric.plan_changes import cluster_changes, object_name

_FAILURES = (
    "fabric_read",
    "fabric_locked",
    "fabric_failed",
    "gateway_result",
    "gateway_certificate_result",
    "mesh_plan",
    "mesh_found",
    "mesh_result",
    "verify_result",
    "link_refused",
    "link_result",
)
"""The registered results of the roles and playbooks, in the order of their tasks; the first failure is the cause."""

_WRITING = ("gateway_result", "gateway_certificate_result", "mesh_result", "link_result")
"""The results of tasks that write to a cluster."""

_READING = ("certificates_found", "drift_found", "plan_found", "show_info")
"""What playbooks that only report know of a cluster: with a message, that it cannot be read, which fails no host."""


def report(clusters: Mapping[str, Mapping[str, Any]], failed: Collection[str]) -> dict[str, Any]:
    """The report on a run.

    Args:
        clusters: By cluster, its host's variables, with the results that the roles have registered.
        failed: The clusters that failed.

    Returns:
        C(failed), their names; C(clusters), each with C(failed), C(error), C(changed), C(summary), C(objects),
        C(gateway_reasons), C(lost), C(waiting) and C(answers); C(run), the names of those that C(changed), that
        C(failed) or cannot be read, or are C(waiting); C(lines), what failed and what waits.
    """
    found = {name: _cluster(name, variables, name in failed) for name, variables in sorted(clusters.items())}
    left = [(f"{name} failed and is not up to date", one["error"]) for name, one in found.items() if one["failed"]]
    waiting = [(name, object_name(each), each["reason"]) for name, one in found.items() for each in one["waiting"]]
    run = {key: [name for name, one in found.items() if one[key]] for key in ("changed", "failed", "waiting")}
    unread = {name for name in found if any((clusters[name].get(key) or {}).get("msg") for key in _READING)}
    return {
        "failed": run["failed"],
        "clusters": found,
        "run": {**run, "failed": sorted(unread.union(run["failed"]))},
        "lines": [
            *table(("FAILED", "REASON"), left),
            *(["Run the playbook again."] if left else []),
            *table(("CLUSTER", "WAITS", "REASON"), waiting),
        ],
    }


def _cluster(name: str, variables: Mapping[str, Any], failed: bool) -> dict[str, Any]:
    results = {key: variables.get(key) or {} for key in ("gateway_result", "gateway_certificate_result", "mesh_result")}
    gateway = results["gateway_result"]
    if "created" not in gateway:
        gateway = results["gateway_certificate_result"]
    done = cluster_changes(name, {"gateway": gateway, "mesh": results["mesh_result"], "msg": ""}).as_dict()
    changed = any((variables.get(key) or {}).get("changed") for key in _WRITING)
    answers = (variables.get("verify_result") or {}).get("results") or ()
    error = _error(variables) if failed else ""
    return {**done, "failed": failed, "error": error, "changed": changed, "answers": [dict(each) for each in answers]}


def _error(variables: Mapping[str, Any]) -> str:
    for key in _FAILURES:
        result = variables.get(key) or {}
        if result.get("failed") and result.get("msg"):
            message = result["msg"]  # of some tasks it is a list of lines
            return one_line(message if isinstance(message, str) else "\n".join(map(str, message)))
    return "see the failed task above"
