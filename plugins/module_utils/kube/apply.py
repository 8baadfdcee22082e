# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a cluster hold a set of objects, and no others of ours: observe, compare, rehearse, write.

What surely holds already costs one list call a kind. All else is rehearsed as the server's dry run, which finds every
conflict, missing permission, missing namespace and invalid value before anything is written, and says exactly what
would change. Check mode stops there, so it foretells what a real run does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from ..errors import ClusterlinkError, Problem
from .client import Cluster, Object
from .compare import is_applied
from .drift import Drift, drift_of
from .dry_run import Step, rehearse
from .kinds import KINDS, Ref
from .parallel import attempt, raise_all
from .read import Query, read


@dataclass(frozen=True)
class Prune:
    """What is removed because it is no longer wanted.

    Attributes:
        kinds: In the order in which they are applied; they are removed backwards.
        labels: Only objects that have all of these labels.
        namespace: Only objects in this namespace, and cluster-wide ones; empty for everywhere.
        keep: Objects that stay although they are not among the wanted.
        keep_namespaces: Namespaces in which all of them stay.
        marks: By kind, a label that an object must have besides, whatever its value; such a kind is listed by its
            labels, since a cluster may have many that are no concern of ours.
        spare: Says of an object that is there whether it stays likewise.
    """

    kinds: tuple[str, ...]
    labels: Mapping[str, str]
    namespace: str = ""
    keep: frozenset[Ref] = frozenset()
    keep_namespaces: frozenset[str] = frozenset()
    marks: Mapping[str, str] = field(default_factory=dict)
    spare: Callable[[Object], bool] | None = None


@dataclass
class ApplyResult:
    """What was, or in check mode would be, done.

    Attributes:
        created: What was not there.
        updated: What was there and different.
        deleted: What was there and not wanted.
        unchanged: What was as wanted.
        diff: For Ansible: one C({"before", "after", "before_header", "after_header"}) for each object that changes.
        objects: Every wanted object as it is in the cluster now; in check mode as it would be.
        drift: What was found otherwise than wanted, and by whom.
    """

    created: list[Ref] = field(default_factory=list)
    updated: list[Ref] = field(default_factory=list)
    deleted: list[Ref] = field(default_factory=list)
    unchanged: list[Ref] = field(default_factory=list)
    diff: list[dict[str, Any]] = field(default_factory=list)
    objects: dict[Ref, Object] = field(default_factory=dict)
    drift: list[Drift] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether anything was, or would be, created, updated or deleted."""
        return bool(self.created or self.updated or self.deleted)

    def add(self, later: ApplyResult) -> None:
        """Take in what was done after this."""
        self.created += later.created
        self.updated += later.updated
        self.deleted += later.deleted
        self.unchanged += later.unchanged
        self.diff += later.diff
        self.objects.update(later.objects)
        self.drift += later.drift

    def as_values(self) -> dict[str, list[dict[str, Any]]]:
        """The references by what was done, and the drift, for a module's return values."""
        done = {
            name: [ref.as_dict() for ref in refs]
            for name, refs in (
                ("created", self.created),
                ("updated", self.updated),
                ("deleted", self.deleted),
                ("unchanged", self.unchanged),
            )
        }
        return {**done, "drift": [drift.as_dict() for drift in self.drift]}


class PartlyDoneError(ClusterlinkError):
    """Writing stopped on the way, in spite of the rehearsal.

    Attributes:
        done: What had been written by then.
    """

    def __init__(self, problems: Sequence[Problem], done: ApplyResult) -> None:
        super().__init__(problems)
        self.done = done


def apply_objects(
    cluster: Cluster,
    objects: Sequence[Object],
    *,
    check: bool,
    force: bool = False,
    prune: Prune | None = None,
    assume_namespaces: Iterable[str] = (),
    guard: Callable[[Object], Problem | None] | None = None,
    refuse: Callable[[Object], Problem | None] | None = None,
    complete: Callable[[Mapping[Ref, Object], Mapping[Ref, Object]], Mapping[Ref, Object]] | None = None,
) -> ApplyResult:
    """Make the cluster hold these objects and, with C(prune), no others that carry the prune's labels.

    Args:
        cluster: Where.
        objects: The objects wanted, in the order in which they are to be made. A namespace among them counts as
            there for those in it. A kind that the cluster does not know is an error, except in check mode, where an
            earlier step would have brought it.
        check: Only say what would be done.
        force: Take over fields that another manager wants otherwise; else they are an error that names it, unless
            it was somebody at kubectl, by hand.
        prune: What to remove when it is not wanted.
        assume_namespaces: In check mode, namespaces that an earlier step would have made.
        guard: Says of a wanted object that is there already why it must not be touched unless forced, or None.
        refuse: Says the same of one that must not be touched even then.
        complete: Makes of what is wanted and what is there what is wanted indeed, in the order to make it.

    Raises:
        ClusterlinkError: With all problems that the rehearsal found; nothing was written then.
        PartlyDoneError: Something failed while writing.
    """
    wanted: Mapping[Ref, Object] = {Ref.of(obj): obj for obj in objects}
    observed = _observe(cluster, list(wanted), prune)
    if complete:
        wanted = complete(wanted, observed)
    if refuse:
        raise_all(problem for ref in wanted if ref in observed and (problem := refuse(observed[ref])))
    guarded = {ref: problem for ref in wanted if guard and ref in observed and (problem := guard(observed[ref]))}
    if not force:
        raise_all(guarded.values())

    result = ApplyResult()
    todo = []
    for ref, obj in wanted.items():
        there = observed.get(ref)
        if there is not None and is_applied(obj, there):
            result.unchanged.append(ref)
            result.objects[ref] = there
        else:
            todo.append(Step(ref, obj, there, force=force, guarded=ref in guarded))
    todo += [Step(ref, None, observed[ref]) for ref in _surplus(observed, wanted, prune)]
    namespaces = {ref.name for ref in wanted if ref.kind == "Namespace"} | (set(assume_namespaces) if check else set())
    steps = rehearse(cluster, todo, check=check, namespaces=frozenset(namespaces))
    return _do(cluster, steps, result, check=check)


def delete_objects(cluster: Cluster, refs: Sequence[Ref], *, check: bool) -> ApplyResult:
    """Remove objects, in the given order; those that are not there are no error.

    Raises:
        ClusterlinkError: With all problems that the rehearsal found; nothing was removed then.
        PartlyDoneError: Something failed while removing.
    """
    observed = _observe(cluster, refs, None)
    todo = [
        Step(ref, None, observed[ref])
        for ref in dict.fromkeys(refs)
        if ref in observed and not observed[ref]["metadata"].get("deletionTimestamp")
    ]
    steps = rehearse(cluster, todo, check=check, namespaces=frozenset())
    return _do(cluster, steps, ApplyResult(), check=check)


def _observe(cluster: Cluster, refs: Sequence[Ref], prune: Prune | None) -> dict[Ref, Object]:
    """What is there of the wanted objects and of what may be pruned.

    Namespaced kinds are listed, once for all namespaces when they are pruned everywhere and otherwise by namespace. An
    object that is alone in its list is read by name, and so are cluster-wide ones that are not pruned: a cluster has
    many ClusterRoles, and large CustomResourceDefinitions, that are no concern of ours.
    """
    scopes: dict[tuple[str, str], list[Ref]] = {}
    for ref in refs:
        scopes.setdefault((ref.kind, ref.namespace), []).append(ref)
    lists: set[tuple[str, str]] = set()
    if prune:
        lists = {
            (kind, prune.namespace if KINDS[kind].namespaced else "") for kind in prune.kinds if kind not in prune.marks
        }
    queries: list[Query] = []
    for (kind, namespace), group in scopes.items():
        if (kind, namespace) in lists or (kind, "") in lists:
            continue
        if len(group) > 1 and KINDS[kind].namespaced:
            lists.add((kind, namespace))
        else:
            queries += (Query(kind, ref.name, namespace) for ref in group)
    queries += (Query(kind, namespace=namespace) for kind, namespace in sorted(lists))
    if prune:
        labels = [f"{key}={value}" for key, value in sorted(prune.labels.items())]
        queries += (
            Query(kind, namespace=prune.namespace, label_selector=",".join([*labels, mark]))
            for kind, mark in sorted(prune.marks.items())
        )
    return {Ref.of(obj): obj for objects in read(cluster, queries) for obj in objects}


def _surplus(observed: Mapping[Ref, Object], wanted: Mapping[Ref, Object], prune: Prune | None) -> list[Ref]:
    """What is to be removed, in the order of removal."""
    if not prune:
        return []
    refs = [
        ref
        for ref, obj in observed.items()
        if ref.kind in prune.kinds
        and ref not in wanted
        and ref not in prune.keep
        and prune.labels.items() <= (obj["metadata"].get("labels") or {}).items()
        and ref.namespace not in prune.keep_namespaces
        and prune.marks.get(ref.kind, "") in ("", *(obj["metadata"].get("labels") or {}))
        # What is on its way out already is not removed again.
        and not obj["metadata"].get("deletionTimestamp")
        and not (prune.spare and prune.spare(obj))
    ]
    return sorted(refs, key=lambda ref: (-prune.kinds.index(ref.kind), ref))


def _do(cluster: Cluster, steps: Sequence[Step], result: ApplyResult, *, check: bool) -> ApplyResult:
    """Record what changes nothing; do the other steps, unless in check mode.

    Steps of one kind are done side by side, one kind after another; a failure lets its kind end and stops there.
    """

    def write(step: Step) -> Object | None:
        if step.wanted is not None:
            return cluster.apply(step.wanted, force=step.force)
        cluster.delete(step.ref.kind, step.ref.name, step.ref.namespace)
        return None

    for step in steps:
        if not step.changes:
            result.unchanged.append(step.ref)
            result.objects[step.ref] = step.observed or {}
    for _key, group in groupby(
        (step for step in steps if step.changes), key=lambda step: (step.ref.kind, step.wanted is None)
    ):
        batch = list(group)
        try:
            answers = [step.outcome for step in batch] if check else attempt(write, batch)
        except ClusterlinkError as error:
            raise PartlyDoneError(error.problems, result) from error
        problems: list[Problem] = []
        for step, answer in zip(batch, answers, strict=True):
            if isinstance(answer, ClusterlinkError):
                problems += answer.problems
            else:
                _record(result, step, answer)
        if problems:
            raise PartlyDoneError(problems, result)
    return result


def _record(result: ApplyResult, step: Step, now: Object | None) -> None:
    if step.wanted is None:
        result.deleted.append(step.ref)
    else:
        (result.created if step.observed is None else result.updated).append(step.ref)
        result.objects[step.ref] = now or step.wanted
    result.drift.append(drift_of(step))
    name = str(step.ref)
    change = {"before": step.difference.before, "after": step.difference.after}
    result.diff.append({**change, "before_header": name, "after_header": name})
