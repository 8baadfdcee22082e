# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a cluster's part of a fabric is worse than it was: two looks in, sentences out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

View = Mapping[str, Any]

_PARTS = (("Peer", "peers", "reachable"), ("Export", "exports", "valid"), ("Import", "imports", "valid"))


def worse(before: View, now: View) -> list[str]:
    """What was in order and is not any more, a sentence each without a full stop.

    What was out of order before may stay so, and what is new may be as it is.

    Args:
        before: As module C(fabric_info) returned it.
        now: The same later; without C(peers) when the cluster could not be read, then with C(msg).
    """
    if "peers" not in now:
        return [f"the cluster cannot be read: {now.get('msg') or 'no reason is known'}"]
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
            yield f"{kind} {name} was {good} and is gone"
        elif not found[good]:
            yield f"{kind} {name} was {good} and is not: {found['message'] or found['reason'] or 'no word yet'}"
