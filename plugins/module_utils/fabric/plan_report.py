# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan for people: as text, as Markdown for a merge request, and as data. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..common.table import one_line, table
from .callers import callers, selector_text
from .plan_changes import ClusterChanges, cluster_changes, object_name, sign

Plan = Mapping[str, Any]
Row = Mapping[str, Any]

_POLICY_KINDS = {"AccessPolicy": "namespaced", "PrivilegedAccessPolicy": "privileged"}


@dataclass(frozen=True)
class Section:
    """One table of the report.

    Attributes:
        name: Its key in the data.
        title: Its title.
        columns: The heading of each of a row's values, by the value's key.
        rows: Its rows.
    """

    name: str
    title: str
    columns: Mapping[str, str]
    rows: Sequence[Row]

    def text(self) -> list[str]:
        """The lines of the table; without rows there are none."""
        lines = table(tuple(self.columns.values()), [self._cells(row) for row in self.rows])
        return [self.title, *lines, ""] if lines else []

    def markdown(self) -> list[str]:
        """The lines of the table in Markdown."""
        if not self.rows:
            return []
        headings = [heading.capitalize() for heading in self.columns.values()]
        rows = [headings, ["---"] * len(headings), *(map(_escaped, self._cells(row)) for row in self.rows)]
        return [f"### {self.title}", "", *(f"| {' | '.join(row)} |" for row in rows), ""]

    def _cells(self, row: Row) -> list[str]:
        return [_cell(row[key]) for key in self.columns]


def report(plan: Plan, results: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """The report on a plan.

    Args:
        plan: The plan of module fabric_plan.
        results: By cluster, what its clusters said, as C(plan_changes.cluster_changes) takes it; None without clusters.

    Returns:
        C(fabric); C(online), whether the clusters were compared; C(changed), whether a run would change anything;
        C(summary), a line for each cluster; C(links), C(exports), C(imports), C(policies) and C(callers), rows;
        C(clusters), each cluster's changes; C(problems), a sentence for each cluster that is not compared;
        C(table), lines of text; and C(markdown).
    """
    changes = [cluster_changes(cluster, result) for cluster, result in sorted((results or {}).items())]
    declared = list(_sections(plan))
    found = [_changes_section(changes)] if changes else []
    summary = [each.summary for each in changes]
    problems = [f"{each.cluster} cannot be compared: {each.error}" for each in changes if each.error]
    said = _said(plan, changes)
    sections = [*declared, *found]
    return {
        "fabric": plan["fabric"],
        "online": results is not None,
        "changed": any(each.changed for each in changes),
        "summary": summary,
        **{section.name: [dict(row) for row in section.rows] for section in declared},
        "clusters": {each.cluster: each.as_dict() for each in changes},
        "problems": problems,
        "table": [*(line for each in sections for line in each.text()), *said],
        "markdown": "\n".join(_markdown(plan, said, sections)),
    }


def _said(plan: Plan, changes: Sequence[ClusterChanges]) -> list[str]:
    """What to read first: the changes of each cluster, or how much is declared."""
    if changes:
        unchanged = not any(each.changed or each.error for each in changes)
        return ["Nothing changes."] if unchanged else [each.summary for each in changes]
    parts = list(plan["peers"].values())  # of Ansible, they can be read only once
    numbers = (
        (len(plan["peers"]), "cluster", "clusters"),
        (len(plan["links"]), "link", "links"),
        (sum(each["kind"] == "Export" for part in parts for each in part["objects"]), "export", "exports"),
        (sum(each["kind"] == "Import" for part in parts for each in part["objects"]), "import", "imports"),
    )
    counted = ", ".join(f"{number} {one if number == 1 else several}" for number, one, several in numbers)
    return [f"Fabric {plan['fabric']} declares {counted}. No cluster was asked."]


def _markdown(plan: Plan, said: Sequence[str], sections: Iterable[Section]) -> list[str]:
    return [
        f"## Plan of fabric {_escaped(plan['fabric'])}",
        "",
        *(f"- {_escaped(line)}" for line in said),
        "",
        *(line for section in sections for line in section.markdown()),
    ]


def _sections(plan: Plan) -> Iterable[Section]:
    parts = plan["peers"]
    yield Section(
        "links",
        "Links",
        {"source": "FROM", "target": "TO", "name": "NAME", "both_ways": "BOTH WAYS", "reasons": "FOR"},
        plan["links"],
    )
    yield Section(
        "exports",
        "Exports",
        {"cluster": "CLUSTER", "service": "SERVICE", "port": "PORT", "host": "HOST"},
        [
            {
                "cluster": cluster,
                "service": _name(each),
                "port": each["spec"]["port"],
                "host": each["spec"].get("host", ""),
            }
            for cluster, each in _objects(parts, ("Export",))
        ],
    )
    yield Section(
        "imports",
        "Imports",
        {"cluster": "CLUSTER", "service": "SERVICE", "port": "PORT", "sources": "FROM", "lb_scheme": "SCHEME"},
        [_import_row(cluster, each) for cluster, each in _objects(parts, ("Import",))],
    )
    yield Section(
        "policies",
        "Policies",
        {"policy": "POLICY", "tier": "TIER", "clusters": "CLUSTERS", "action": "ACTION", "from": "FROM", "to": "TO"},
        _policies(parts),
    )
    yield Section(
        "callers",
        "Who may call",
        {"cluster": "IN", "service": "SERVICE", "port": "PORT", "caller": "CALLER", "reaches": "REACHES"},
        callers(parts, plan["labels"]),
    )


def _changes_section(changes: Sequence[ClusterChanges]) -> Section:
    rows: list[Row] = []
    for each in changes:
        if each.error:
            rows.append({"cluster": each.cluster, "action": "?", "object": "not compared", "reason": each.error})
        if each.installs:
            name = f"gateway ({len(each.gateway)} objects)"
            rows.append({"cluster": each.cluster, "action": "+", "object": name, "reason": "it does not exist"})
        for one in (*(() if each.installs else each.gateway), *each.mesh):
            name = object_name(one)
            reason = _gateway_reason(each, name)
            rows.append({"cluster": each.cluster, "action": sign(one["action"]), "object": name, "reason": reason})
        for late in each.waiting:
            reason = f"waits: {late['reason']}"
            rows.append({"cluster": each.cluster, "action": "", "object": object_name(late), "reason": reason})
    columns = {"cluster": "CLUSTER", "action": "ACTION", "object": "OBJECT", "reason": "REASON"}
    return Section("changes", "Changes", columns, rows)


def _gateway_reason(changes: ClusterChanges, name: str) -> str:
    """Why an object of the gateway is changed; the reasons begin with the objects' names."""
    start = f"{name}: "
    return next((reason.removeprefix(start) for reason in changes.reasons if reason.startswith(start)), "")


def _objects(parts: Mapping[str, Any], kinds: Iterable[str]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    wanted = set(kinds)
    return (
        (cluster, each) for cluster, part in sorted(parts.items()) for each in part["objects"] if each["kind"] in wanted
    )


def _export_row(cluster: str, export: Mapping[str, Any]) -> Row:
    spec = export["spec"]
    return {"cluster": cluster, "service": _name(export), "port": spec["port"], "host": spec.get("host", "")}


def _import_row(cluster: str, imported: Mapping[str, Any]) -> Row:
    name, spec = _name(imported), imported["spec"]
    sources = [
        each["peer"]
        if f"{each['exportNamespace']}/{each['exportName']}" == name
        else f"{each['peer']} ({each['exportNamespace']}/{each['exportName']})"
        for each in spec["sources"]
    ]
    return {
        "cluster": cluster,
        "service": name,
        "port": spec["port"],
        "sources": sources,
        "lb_scheme": spec["lbScheme"],
    }


def _policies(parts: Mapping[str, Any]) -> list[Row]:
    """The policies; those with the same content in several clusters are one row."""
    found: dict[str, dict[str, Any]] = {}
    for cluster, each in _objects(parts, _POLICY_KINDS):
        spec = each["spec"]
        row = {
            "policy": _name(each),
            "tier": _POLICY_KINDS[each["kind"]],
            "action": spec["action"],
            "from": [selector_text(one["workloadSelector"]) for one in spec["from"]],
            "to": [selector_text(one["workloadSelector"], "every service") for one in spec["to"]],
        }
        found.setdefault(str(row), {**row, "clusters": []})["clusters"].append(cluster)
    return [found[key] for key in sorted(found)]


def _name(each: Mapping[str, Any]) -> str:
    metadata = each["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}" if metadata.get("namespace") else str(metadata["name"])


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return "; ".join(value) if any(", " in each for each in value) else ", ".join(value)
    return "" if value is None else str(value)


def _escaped(text: str) -> str:
    """The text within a cell of Markdown, where neither a pipe nor a tag means anything."""
    plain = one_line(text)
    for mark in "\\|<>`*_[]":
        plain = plain.replace(mark, f"\\{mark}")
    return plain
