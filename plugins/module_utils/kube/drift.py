# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""In what an object is not as declared, and by whom. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ..clusterlink.api import FIELD_MANAGER
from .compare import Difference, Writer, is_changed_by_hand, writers
from .dry_run import Step
from .kinds import Ref

CHANGED, MISSING, EXTRA = "changed", "missing", "extra"


@dataclass(frozen=True)
class Drift:
    """One object that was not as declared.

    Attributes:
        ref: Which.
        kind: C(CHANGED), C(MISSING), or C(EXTRA) for one of ours that is no longer declared.
        difference: The fields as they were and as declared; a Secret's as fingerprints.
        by: Who set them, the latest first; nobody for what is missing, and for fields that were taken out.
        conflict: Whether another system holds them, or the object is somebody else's, so that a run does not repair it
            unless told to take them over.
    """

    ref: Ref
    kind: str
    difference: Difference
    by: tuple[Writer, ...] = ()
    conflict: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The finding as a module returns it."""
        return {
            **self.ref.as_dict(),
            "drift": self.kind,
            "before": self.difference.before,
            "after": self.difference.after,
            "by": [asdict(writer) for writer in self.by],
            "conflict": self.conflict,
        }


def drift_of(step: Step) -> Drift:
    """What a step that changes something says of the object before it."""
    if step.observed is None:
        return Drift(step.ref, MISSING, step.difference)
    if step.wanted is None:
        return Drift(step.ref, EXTRA, step.difference, tuple(writers(step.observed, None)))
    by = tuple(writers(step.observed, step.outcome or step.wanted))
    others = {writer.manager for writer in by} - {FIELD_MANAGER}
    conflict = step.guarded or (bool(others) and not is_changed_by_hand(step.observed, others))
    return Drift(step.ref, CHANGED, step.difference, by, conflict)
