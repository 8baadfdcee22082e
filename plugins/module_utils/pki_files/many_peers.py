# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many peers' certificates in one task, because a task for each takes far longer than its certificate."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from ..errors import ClusterlinkError, Problem
from ..outcome import Outcome
from ..pki.keys import SIZES

PEERS_SPEC: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "options": {
        "name": {"type": "str", "required": True},
        "key_type": {"type": "str", "choices": list(SIZES)},
        "key_size": {"type": "int", "no_log": False},
        "valid_days": {"type": "int"},
        "renew_percent": {"type": "int"},
    },
}
"""Peers with the options that may differ from the task's, as an argument specification."""

_THREADS = 4 * (os.cpu_count() or 1)
"""More than there are processors: half of the work is waiting for disks, the other half is the generation of RSA keys,
during which the library lets other threads run."""


def for_each(
    params: Mapping[str, Any], peers: Sequence[Mapping[str, Any]], one: Callable[[dict[str, Any]], Outcome]
) -> Outcome:
    """The outcome for all peers; an error of one does not stop the others and is reported at the end.

    Args:
        params: The task's parameters.
        peers: As C(PEERS_SPEC) describes; None stands for the task's value.
        one: Handles the peer that the parameters name.

    Raises:
        ClusterlinkError: A peer is named twice; nothing was done.
    """
    names = [str(peer["name"]) for peer in peers]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ClusterlinkError([Problem("peers", "names a peer twice", name, "Name it once") for name in twice])

    def attempt(peer: Mapping[str, Any]) -> Outcome | ClusterlinkError:
        given = {option: value for option, value in peer.items() if value is not None}
        try:
            return one({**params, **given})
        except ClusterlinkError as error:
            return error

    with ThreadPoolExecutor(_THREADS) as pool:
        outcomes = dict(zip(names, pool.map(attempt, peers), strict=True))
    done = {name: outcome for name, outcome in outcomes.items() if isinstance(outcome, Outcome)}
    together = Outcome(
        changed=any(outcome.changed for outcome in done.values()),
        values={"peers": {name: {**outcome.values, "changed": outcome.changed} for name, outcome in done.items()}},
        diff=[
            {"before_header": name, "after_header": name, **outcome.diff}
            for name, outcome in done.items()
            if outcome.changed
        ],
        warnings=list(dict.fromkeys(warning for outcome in done.values() for warning in outcome.warnings)),
    )
    problems = [
        replace(problem, host=name)
        for name, error in outcomes.items()
        if isinstance(error, ClusterlinkError)
        for problem in error.problems
    ]
    together.values["failed_peers"] = {
        name: error.message() for name, error in outcomes.items() if isinstance(error, ClusterlinkError)
    }
    return together.fail(ClusterlinkError(problems)) if problems else together
