# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps from the observed to the desired objects: the server's dry run of each, and the drift that it reveals.

In a dry run the server does everything but store the result: it defaults, converts, validates, checks permissions and
field ownership. So the result is exact, and every problem is found before anything is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ..common.kinds import Ref
from ..common.naming import FIELD_MANAGER
from ..common.types import Object
from ..errors import ClusterlinkError, Problem, raise_all
from .client import Cluster
from .compare import Difference, Writer, creation, difference, is_changed_by_hand, removal, writers
from .errors import HTTP_FORBIDDEN, HTTP_NOT_FOUND, ApiError
from .parallel import attempt

_NO_DRY_RUN = "does not support dry run"
"""The API server's message when an admission webhook has side effects and so supports no dry run (status 400)."""

CHANGED, MISSING, EXTRA = "changed", "missing", "extra"

_NAMED = 3


@dataclass(frozen=True)
class Step:
    """The step of one object from its observed to its desired state.

    Attributes:
        ref: The object.
        desired: The desired object; None to delete it.
        observed: The observed object; None when it does not exist.
        outcome: The result of the dry run; None when there was none.
        difference: The changes.
        served: False when the cluster does not serve the kind yet.
        force: Whether to take over fields of other field managers.
        guarded: Whether it belongs to somebody else, so that it is changed only by force.
    """

    ref: Ref
    desired: Object | None
    observed: Object | None
    outcome: Object | None = None
    difference: Difference = field(default_factory=Difference)
    served: bool = True
    force: bool = False
    guarded: bool = False

    @property
    def changes(self) -> bool:
        """Whether it changes anything."""
        return self.observed is None or self.desired is None or self.difference.changed


def dry_run(cluster: Cluster, steps: Sequence[Step], *, check: bool, namespaces: frozenset[str]) -> list[Step]:
    """The steps with the results of their dry runs.

    A change that somebody made by hand with kubectl to an object of ours is drift and is reverted. A field of any other
    field manager is a conflict.

    Args:
        cluster: The cluster.
        steps: The steps.
        check: Whether an earlier task that only ran in check mode may have created the missing kinds.
        namespaces: Namespaces that earlier steps create.

    Raises:
        ClusterlinkError: With the problems of all steps.
    """
    answers = attempt(lambda step: _dry_run(cluster, step), steps)
    problems: list[Problem] = []
    missing: dict[str, list[Ref]] = {}
    done: list[Step] = []
    for step, answer in zip(steps, answers, strict=True):
        if isinstance(answer, Step):
            done.append(answer)
        elif isinstance(answer, ApiError) and answer.missing_namespace not in ("", *namespaces):
            missing.setdefault(answer.missing_namespace, []).append(step.ref)
        elif isinstance(answer, ApiError) and step.desired is not None and _may_succeed(answer, check):
            done.append(replace(step, difference=creation(step.desired), served=answer.served))
        else:
            problems += answer.problems
    # The response for a kind that is not served does not show whether the namespace exists.
    unserved = [step for step in done if not step.served and step.ref.namespace not in ("", *namespaces)]
    for name in _missing(cluster, {step.ref.namespace for step in unserved}):
        missing.setdefault(name, []).extend(step.ref for step in unserved if step.ref.namespace == name)
    raise_all([*(_missing_namespace(name, refs) for name, refs in sorted(missing.items())), *problems])
    return done


def _dry_run(cluster: Cluster, step: Step) -> Step:
    if step.observed is not None and step.observed["metadata"].get("deletionTimestamp"):
        problem = Problem(where=str(step.ref), what="it is being deleted", fix="Run again when it is gone")
        raise ClusterlinkError(problem)
    if step.desired is None:
        cluster.delete(step.ref.kind, step.ref.name, step.ref.namespace, dry_run=True)
        return replace(step, difference=removal(step.observed or {}))
    desired, observed = step.desired, step.observed
    if observed is None:
        outcome = cluster.apply(desired, force=step.force, dry_run=True)
        return replace(step, outcome=outcome, difference=creation(desired))
    force = step.force
    try:
        outcome = cluster.apply(desired, force=force, dry_run=True)
    except ApiError as error:
        if not error.managers or not is_changed_by_hand(observed, error.managers):
            raise
        force = True
        outcome = cluster.apply(desired, force=force, dry_run=True)
    return replace(step, force=force, outcome=outcome, difference=difference(observed, outcome))


def _may_succeed(error: ApiError, check: bool) -> bool:
    """Whether the step may succeed although its dry run fails."""
    if not error.served:
        return check
    # An earlier step creates the namespace or another object that it refers to; or a webhook supports no dry run.
    return error.status == HTTP_NOT_FOUND or _NO_DRY_RUN in error.message()


def _missing(cluster: Cluster, namespaces: set[str]) -> list[str]:
    """The namespaces that do not exist; one that may not be read counts as existing."""
    names = sorted(namespaces)
    answers = attempt(lambda name: cluster.get("Namespace", name), names)
    raise_all(
        problem
        for answer in answers
        if isinstance(answer, ClusterlinkError)
        and not (isinstance(answer, ApiError) and answer.status == HTTP_FORBIDDEN)
        for problem in answer.problems
    )
    return [name for name, answer in zip(names, answers, strict=True) if answer is None]


def _missing_namespace(name: str, refs: Sequence[Ref]) -> Problem:
    return Problem(
        where=f"Namespace {name}",
        what=f"it does not exist and is needed by {_several(refs)}",
        fix="Create the namespace, or correct the declaration",
    )


def _several(refs: Sequence[Ref]) -> str:
    """The names of the first few, and how many others there are."""
    named = ", ".join(str(ref) for ref in refs[:_NAMED])
    return f"{named} and {len(refs) - _NAMED} more" if len(refs) > _NAMED else named


CHANGED, MISSING, EXTRA = "changed", "missing", "extra"


@dataclass(frozen=True)
class Drift:
    """One object that differs from the declaration.

    Attributes:
        ref: The object.
        kind: C(CHANGED), C(MISSING), or C(EXTRA) for one of ours that is no longer declared.
        difference: The fields as observed and as declared; a Secret's as fingerprints.
        by: Who set them, the latest first; empty for a missing object and for removed fields.
        conflict: Whether another system manages them, or the object belongs to somebody else, so that a run repairs it
            only with force_conflicts.
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
    """The drift of the object that a step changes."""
    if step.observed is None:
        return Drift(step.ref, MISSING, step.difference)
    if step.desired is None:
        return Drift(step.ref, EXTRA, step.difference, tuple(writers(step.observed, None)))
    by = tuple(writers(step.observed, step.outcome or step.desired))
    others = {writer.manager for writer in by} - {FIELD_MANAGER}
    conflict = step.guarded or (bool(others) and not is_changed_by_hand(step.observed, others))
    return Drift(step.ref, CHANGED, step.difference, by, conflict)
