# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report on all certificates of a fabric: a table, the problems, and JUnit XML. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET

from ..common.table import one_line, table
from ..pki.clock_skew import describe_skew
from .found import (
    CONTROL_PLANE,
    DATA_PLANE,
    FABRIC_CA,
    FILE,
    PEER,
    SECRET,
    SITE_CA,
    TRUSTED_CA,
    Found,
    mark_served,
    unreadable,
)

Entry = Mapping[str, Any]
Info = Mapping[str, Any]

_PURPOSES = {
    FABRIC_CA: "fabric CA",
    PEER: "peer",
    TRUSTED_CA: "trusted CA",
    SITE_CA: "site CA",
    CONTROL_PLANE: "control plane",
    DATA_PLANE: "data plane",
}
_ORDER = list(_PURPOSES)
_HEADINGS = ("WHOSE", "FOR", "ISSUER", "FROM", "TO", "DAYS LEFT", "STATE", "IN")
_STATES = {True: "served", False: "only stored", None: "stored"}
_SHORT_GENERATION = 11
"""Characters of a generation in the table, which must fit a terminal: enough to distinguish the few of a fabric."""
_FORBIDDEN_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass
class Row:
    """One certificate with all its places, or an unreadable one.

    Attributes:
        entry: The entry of C(found.describe), from the first place.
        places: C(file), C(secret) and so on; several for the same certificate.
        problems: Its problems, as sentences without a full stop that name it.
    """

    entry: Entry
    places: list[str]
    problems: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its owner, purpose and places, for people."""
        return f"{self.entry['owner'] or 'unknown'}: {_PURPOSES[self.entry['purpose']]} ({', '.join(self.places)})"


def report(infos: Mapping[str, Info], files: Info | None, days: float) -> dict[str, Any]:
    """The report on a fabric's certificates.

    Args:
        infos: Results of module certificate_info, by host; a failed one has C(msg) instead of C(certificates).
        files: Its result for the fabric's folder; None when that was not read.
        days: The number of days that every certificate must have left.

    Returns:
        C(certificates), the entries of all hosts and the folder; C(clocks), seconds by host, where known; C(table),
        lines; C(problems), a sentence without a full stop for each; C(summary), the same without the causes that the
        table shows; and C(junit), XML.
    """
    entries = [entry for host in sorted(infos) for entry in _entries(infos[host], host, f"cluster {host}", SECRET)]
    if files is not None:
        entries = [*_entries(files, "", "the fabric's folder", FILE), *entries]
    entries = mark_served(entries)
    rows = _rows(entries, days)
    clocks = {host: info["clock"] for host, info in sorted(infos.items()) if info.get("clock") is not None}
    off = {host: _clock_problem(host, seconds) for host, seconds in clocks.items()}
    skews = [problem for problem in off.values() if problem]
    return {
        "certificates": entries,
        "clocks": clocks,
        "table": table(_HEADINGS, [_cells(row) for row in rows]),
        "problems": [*(problem for row in rows for problem in row.problems), *skews],
        "summary": [*(sentence for row in rows for sentence in _short(row)), *skews],
        "junit": _junit(rows, off),
    }


def _entries(info: Info, owner: str, where: str, place: str) -> list[dict[str, Any]]:
    """The certificates; for a cluster or folder that could not be read, one entry with the reason."""
    if "certificates" in info:
        return [dict(entry) for entry in info["certificates"]]
    fault = str(info.get("msg") or "it was not read")
    found = Found(owner, PEER if owner else FABRIC_CA, place, where, fault=fault)
    return [unreadable(found)]


def _rows(entries: Iterable[Entry], days: float) -> list[Row]:
    rows: dict[tuple[str, ...], Row] = {}
    for entry in entries:
        # An unreadable certificate has no fingerprint, so its place identifies it.
        mark = (entry["owner"], entry["purpose"], entry["fingerprint"] or f"{entry['place']} {entry['where']}")
        row = rows.setdefault(mark, Row(entry, []))
        if entry["place"] not in row.places:
            row.places.append(entry["place"])
    ordered = sorted(rows.values(), key=lambda row: _rank(row.entry))
    for row in ordered:
        row.problems = _problems(row, days)
    return ordered


def _rank(entry: Entry) -> tuple[bool, str, int, bool, str]:
    """The fabric's CA first, and for each peer readable certificates before unreadable ones."""
    purpose = entry["purpose"]
    return purpose != FABRIC_CA, entry["owner"], _ORDER.index(purpose), bool(entry["fault"]), entry["not_after"]


def _problems(row: Row, days: float) -> list[str]:
    entry, found = row.entry, []
    if entry["fault"]:
        return [f"{row.name} cannot be read: {one_line(entry['fault'])}"]
    left = entry["days_left"]
    if not entry["valid"] and left > 0:
        found.append(f"{row.name} is not valid before {entry['not_before']}")
    elif not entry["valid"]:
        found.append(f"{row.name} expired at {entry['not_after']}")
    elif left < days:
        found.append(f"{row.name} has {left:.1f} days left, until {entry['not_after']}, where {days:g} are required")
    if entry["served"] is False:
        found.append(f"{row.name}, {entry['where']}, is not the certificate that the gateway serves")
    return found


def _short(row: Row) -> list[str]:
    return [f"{row.name} cannot be read; the table says why"] if row.entry["fault"] else row.problems


def _clock_problem(host: str, seconds: int) -> str:
    skew = describe_skew(seconds)
    return f"{host}: its clock is {skew}" if skew else ""


def _cells(row: Row) -> tuple[str, ...]:
    entry = row.entry
    known, places = (entry["owner"] or "?", _PURPOSES[entry["purpose"]]), ",".join(row.places)
    if entry["fault"]:
        return (*known, "", "", "", "", "fault", f"{places}: {entry['fault']}")
    return (
        *known,
        entry["issuer_generation"][:_SHORT_GENERATION],
        entry["not_before"][:10],
        entry["not_after"][:10],
        f"{entry['days_left']:.1f}",
        _STATES[entry["served"]],
        places,
    )


def _junit(rows: Sequence[Row], clocks: Mapping[str, str]) -> str:
    """A test case for each certificate and each clock, as CI systems read them."""
    cases = [(row.entry["owner"] or "unknown", row.name, row.problems) for row in rows]
    cases += [(host, f"{host}: clock", [problem] if problem else []) for host, problem in clocks.items()]
    counts = {"tests": str(len(cases)), "failures": str(sum(bool(problems) for *_case, problems in cases))}
    suites = ET.Element("testsuites", counts)
    suite = ET.SubElement(suites, "testsuite", {"name": "certificates", "errors": "0", "skipped": "0", **counts})
    for owner, name, problems in cases:
        case = ET.SubElement(suite, "testcase", {"classname": _xml(f"certificates.{owner}"), "name": _xml(name)})
        if problems:
            text = _xml("\n".join(problems))
            ET.SubElement(case, "failure", {"message": _xml(problems[0]), "type": "certificate"}).text = text
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=False) + "\n"


def _xml(text: str) -> str:
    return _FORBIDDEN_IN_XML.sub("\ufffd", text)
