# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare two states of a cluster's part of a fabric, and report what is worse. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

View = Mapping[str, Any]

_PARTS = (("Peer", "peers", "reachable"), ("Export", "exports", "valid"), ("Import", "imports", "valid"))


def worse(before: View, now: View) -> list[str]:
    """The new faults, each as a sentence without a full stop.

    Earlier faults and new objects do not count.

    Args:
        before: An earlier result of module C(fabric_info).
        now: A later one; of an unreachable cluster, without C(peers) and with C(msg).
    """
    if "peers" not in now:
        return [f"the cluster cannot be read: {now.get('msg') or 'the reason is unknown'}"]
    return [
        sentence
        for kind, part, good in _PARTS
        for sentence in _worse(kind, good, before.get(part) or (), now.get(part) or ())
    ]


def _worse(kind: str, good: str, before: Sequence[View], now: Sequence[View]) -> Iterator[str]:
    later = {(each["namespace"], each["name"]): each for each in now}
    for each in before:
        if not each[good]:
            continue
        name = each["name"] if kind == "Peer" else f"{each['namespace']}/{each['name']}"
        found = later.get((each["namespace"], each["name"]))
        if found is None:
            yield f"{kind} {name} was {good} and no longer exists"
        elif not found[good]:
            reason = found["message"] or found["reason"] or "it has no status yet"
            yield f"{kind} {name} was {good} and no longer is: {reason}"
