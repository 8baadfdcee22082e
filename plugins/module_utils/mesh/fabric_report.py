# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The links, exports and imports of all clusters, as tables and as data. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..common.table import one_line, table

Info = Mapping[str, Any]

_PARTS = ("peers", "exports", "imports")


def report(infos: Mapping[str, Info], answers: Mapping[str, Info] | None = None) -> dict[str, Any]:
    """The report on a fabric.

    Args:
        infos: The results of fabric_info by cluster; that of a cluster that cannot be read has C(msg) alone.
        answers: The results of module probe by cluster, as far as there are any.

    Returns:
        C(clusters), each with C(read), C(error), C(peers), C(exports), C(imports) and C(answers), the probes' results;
        C(table), lines without line ends; C(problems), a sentence for each cluster that cannot be read.
    """
    clusters = {cluster: _cluster(info, (answers or {}).get(cluster) or {}) for cluster, info in sorted(infos.items())}
    unread = [(cluster, found["error"]) for cluster, found in clusters.items() if not found["read"]]
    return {
        "clusters": clusters,
        "table": [*_tables(clusters), *table(("NOT READ", "REASON"), unread)],
        "problems": [f"{cluster} cannot be read: {error}" for cluster, error in unread],
    }


def _cluster(info: Info, answers: Info) -> dict[str, Any]:
    read = "peers" in info
    return {
        "read": read,
        "error": "" if read else one_line(str(info.get("msg") or "it was not read")),
        **{part: [dict(each) for each in info.get(part) or ()] for part in _PARTS},
        "answers": [dict(each) for each in answers.get("results") or ()],
    }


def _tables(clusters: Mapping[str, Info]) -> list[str]:
    links = [
        (cluster, peer["name"], _addresses(peer), _state(peer["reachable"], "reachable", peer))
        for cluster, peer in _each(clusters, "peers")
    ]
    exports = [
        (
            cluster,
            f"{export['namespace']}/{export['name']}",
            str(export["port"]),
            _state(export["valid"], "valid", export),
        )
        for cluster, export in _each(clusters, "exports")
    ]
    imports = [
        (
            cluster,
            f"{imported['namespace']}/{imported['name']}",
            str(imported["port"]),
            ", ".join(source["peer"] for source in imported["sources"]),
            _state(imported["valid"], "valid", imported),
        )
        for cluster, imported in _each(clusters, "imports")
    ]
    return [
        *table(("LINK FROM", "TO", "GATEWAY", "STATE"), links),
        *table(("EXPORTED BY", "SERVICE", "PORT", "STATE"), exports),
        *table(("IMPORTED BY", "SERVICE", "PORT", "FROM", "STATE"), imports),
    ]


def _each(clusters: Mapping[str, Info], part: str) -> Iterable[tuple[str, Info]]:
    return ((cluster, item) for cluster, info in clusters.items() for item in info[part])


def _addresses(peer: Info) -> str:
    return ", ".join(f"{gateway['host']}:{gateway['port']}" for gateway in peer["gateways"])


def _state(good: bool, word: str, item: Info) -> str:
    since = f" since {item['since']}" if item["since"] else ""
    return f"{word}{since}" if good else f"not {word}{since}: {item['message'] or item['reason'] or 'no status yet'}"
