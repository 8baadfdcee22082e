# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps towards what is wanted, tried as the server's dry run: what each would change, and why one could not be done.

The server does everything but keep the result: it defaults, converts, validates, checks permissions and field
ownership. So this is exact, and it finds every problem before anything is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..errors import ClusterlinkError, Problem
from .client import Cluster, Object
from .compare import Difference, creation, difference, is_changed_by_hand, removal
from .errors import HTTP_FORBIDDEN, HTTP_NOT_FOUND, ApiError
from .kinds import Ref
from .parallel import attempt, raise_all

_NO_DRY_RUN = "does not support dry run"
"""What the API server says when an admission webhook has side effects and so cannot be asked (it answers 400)."""

_NAMED = 3


@dataclass(frozen=True)
class Step:
    """One object's way from what is there to what is wanted.

    Attributes:
        ref: Which object.
        wanted: What it is to be; None when it is to be removed.
        observed: What it is; None when it is not there.
        outcome: What the dry run made of it; None when there was none.
        difference: What the step changes.
        served: False when the cluster does not know the kind yet.
        force: Whether fields that are held otherwise are taken over.
        guarded: Whether it is somebody else's, so that it is touched only by force.
    """

    ref: Ref
    wanted: Object | None
    observed: Object | None
    outcome: Object | None = None
    difference: Difference = field(default_factory=Difference)
    served: bool = True
    force: bool = False
    guarded: bool = False

    @property
    def changes(self) -> bool:
        """Whether it changes anything."""
        return self.observed is None or self.wanted is None or self.difference.changed


def rehearse(cluster: Cluster, steps: Sequence[Step], *, check: bool, namespaces: frozenset[str]) -> list[Step]:
    """The steps with what the server says of them.

    What somebody changed by hand with kubectl in an object of ours is drift and is taken back; what any other field
    manager holds is a conflict.

    Args:
        cluster: Where.
        steps: What is to be tried.
        check: Whether an earlier task that only ran in check mode may have made the kinds that are missing.
        namespaces: Namespaces that will have been made by then.

    Raises:
        ClusterlinkError: With the problems of all steps.
    """
    answers = attempt(lambda step: _try(cluster, step), steps)
    problems: list[Problem] = []
    missing: dict[str, list[Ref]] = {}
    done: list[Step] = []
    for step, answer in zip(steps, answers, strict=True):
        if isinstance(answer, Step):
            done.append(answer)
        elif isinstance(answer, ApiError) and answer.missing_namespace not in ("", *namespaces):
            missing.setdefault(answer.missing_namespace, []).append(step.ref)
        elif isinstance(answer, ApiError) and step.wanted is not None and _can_be_done(answer, check):
            done.append(replace(step, difference=creation(step.wanted), served=answer.served))
        else:
            problems += answer.problems
    # Of a kind that is not served the server says nothing about the namespace either.
    unasked = [step for step in done if not step.served and step.ref.namespace not in ("", *namespaces)]
    for name in _not_there(cluster, {step.ref.namespace for step in unasked}):
        missing.setdefault(name, []).extend(step.ref for step in unasked if step.ref.namespace == name)
    raise_all([*(_missing_namespace(name, refs) for name, refs in sorted(missing.items())), *problems])
    return done


def _try(cluster: Cluster, step: Step) -> Step:
    if step.observed is not None and step.observed["metadata"].get("deletionTimestamp"):
        problem = Problem(where=str(step.ref), what="it is being deleted", fix="Run again when it is gone")
        raise ClusterlinkError(problem)
    if step.wanted is None:
        cluster.delete(step.ref.kind, step.ref.name, step.ref.namespace, dry_run=True)
        return replace(step, difference=removal(step.observed or {}))
    wanted, observed = step.wanted, step.observed
    if observed is None:
        outcome = cluster.apply(wanted, force=step.force, dry_run=True)
        return replace(step, outcome=outcome, difference=creation(wanted))
    force = step.force
    try:
        outcome = cluster.apply(wanted, force=force, dry_run=True)
    except ApiError as error:
        if not error.managers or not is_changed_by_hand(observed, error.managers):
            raise
        force = True
        outcome = cluster.apply(wanted, force=force, dry_run=True)
    return replace(step, force=force, outcome=outcome, difference=difference(observed, outcome))


def _can_be_done(error: ApiError, check: bool) -> bool:
    """Whether the real thing may be possible although it could not be rehearsed."""
    if not error.served:
        return check
    # A namespace that will have been made, or something else that it refers to and that an earlier step makes;
    # or a webhook that cannot be rehearsed.
    return error.status == HTTP_NOT_FOUND or _NO_DRY_RUN in error.message()


def _not_there(cluster: Cluster, namespaces: set[str]) -> list[str]:
    """Those of the namespaces that do not exist; one that may not be read counts as there."""
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
    """The first few of them by name, and how many others there are."""
    named = ", ".join(str(ref) for ref in refs[:_NAMED])
    return f"{named} and {len(refs) - _NAMED} more" if len(refs) > _NAMED else named
