# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drift of a fabric: what differs from the declaration, and who changed it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from ..common.naming import FIELD_MANAGER
from ..common.table import one_line, table

Finding = Mapping[str, Any]
Info = Mapping[str, Any]

_HEADINGS = ("CLUSTER", "OBJECT", "DRIFT", "BY", "WHEN", "FIELDS")
_SHOWN_FIELDS = 3


def report(infos: Mapping[str, Info]) -> dict[str, Any]:
    """The report on a fabric's drift.

    Args:
        infos: By cluster, the lists C(drift) and C(incomplete) of module fabric_apply, and C(msg), the reason why the
            cluster could not be read, or only in part.

    Returns:
        C(drifted), whether anything differs; C(clusters), each with C(read), C(error), C(drift) and C(incomplete);
        C(table), lines; C(problems), a sentence without a full stop for each difference; and C(summary), which names
        the clusters of the table, and is empty when everything is as declared.
    """
    clusters: dict[str, dict[str, Any]] = {
        name: {
            "read": not info.get("msg") and "drift" in info,
            "error": one_line(str(info.get("msg") or ("" if "drift" in info else "it was not read"))),
            "drift": [dict(finding) for finding in info.get("drift") or ()],
            "incomplete": [dict(each) for each in info.get("incomplete") or ()],
        }
        for name, info in sorted(infos.items())
    }
    findings = [(name, finding) for name, found in clusters.items() for finding in found["drift"]]
    incomplete = [
        (name, _object(each), each["reason"]) for name, found in clusters.items() for each in found["incomplete"]
    ]
    unread = [(name, found["error"]) for name, found in clusters.items() if not found["read"]]
    return {
        "drifted": bool(findings),
        "clusters": clusters,
        "table": _table(findings, [*incomplete, *((name, "", error) for name, error in unread)]),
        "problems": [
            *(f"{name}: {_sentence(finding)}" for name, finding in findings),
            *(f"{name} cannot be compared: {error}" for name, error in unread),
        ],
        "summary": _summary(dict.fromkeys(name for name, _finding in findings), dict(unread)),
    }


def _summary(drifted: Collection[str], unread: Collection[str]) -> str:
    parts = [(drifted, "drifted"), (unread, "cannot be compared")]
    said = [f"{', '.join(names)} {what}" for names, what in parts if names]
    return f"{'; '.join(said)}. The table says why" if said else ""


def _sentence(finding: Finding) -> str:
    who = f" by {_who(finding)}" if finding["by"] else ""
    fields = f" ({_shown_fields(finding)})" if finding["drift"] == "changed" else ""
    conflict = "; a run reverts it only with clusterlink_force_conflicts" if finding["conflict"] else ""
    return f"{_object(finding)} is {finding['drift']}{who}{fields}{conflict}"


def _object(finding: Finding) -> str:
    place = f"{finding['namespace']}/" if finding["namespace"] else ""
    return f"{finding['kind']} {place}{finding['name']}"


def _who(finding: Finding) -> str:
    """The managers, the latest first; this collection's when only the declaration changed."""
    names = [writer["manager"] for writer in finding["by"]]
    others = [name for name in dict.fromkeys(names) if name != FIELD_MANAGER]
    return ", ".join(others) or (f"{FIELD_MANAGER}, from an earlier declaration" if names else "")


def _when(finding: Finding) -> str:
    times = [writer["time"] for writer in finding["by"] if writer["manager"] != FIELD_MANAGER]
    return str((times or [writer["time"] for writer in finding["by"]] or [""])[0])


def _shown_fields(finding: Finding) -> str:
    names = list(dict.fromkeys([*_paths(finding["before"]), *_paths(finding["after"])]))
    more = f" and {len(names) - _SHOWN_FIELDS} more" if len(names) > _SHOWN_FIELDS else ""
    return ", ".join(names[:_SHOWN_FIELDS]) + more


def _paths(value: Any, prefix: str = "") -> Iterator[str]:
    """The names of the innermost fields, as C(spec.replicas)."""
    if isinstance(value, Mapping) and value:
        for key, below in value.items():
            yield from _paths(below, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix


def _table(findings: Sequence[tuple[str, Finding]], unknown: Sequence[tuple[str, str, str]]) -> list[str]:
    rows = [
        (
            name,
            _object(finding),
            finding["drift"] + (" (conflict)" if finding["conflict"] else ""),
            _who(finding) or "unknown",
            _when(finding),
            _shown_fields(finding) if finding["drift"] == "changed" else "",
        )
        for name, finding in findings
    ]
    rows += [(name, what, "not compared", "", "", reason) for name, what, reason in unknown]
    return table(_HEADINGS, rows)
