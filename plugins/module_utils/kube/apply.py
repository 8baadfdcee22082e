# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a cluster hold a set of objects, and no others of ours: observe, compare, dry run, write.

Objects that are up to date cost one list call a kind. All others go through the server's dry run. It finds every
conflict, missing permission, missing namespace and invalid value before anything is written, and returns the exact
changes. Check mode stops there, so it predicts what a real run does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Any

from ..common.kinds import KINDS, Ref
from ..common.types import Object
from ..errors import ClusterlinkError, Problem, raise_all
from .client import Cluster
from .compare import is_applied
from .deletion import changed_meanwhile, delete_observed
from .dry_run import Drift, Step, drift_of, dry_run
from .parallel import NOTHING, Query, attempt, read


@dataclass(frozen=True)
class Prune:
    """The objects to delete because they are no longer desired.

    Attributes:
        kinds: In the order in which they are applied; they are deleted in reverse order.
        labels: Only objects that have all of these labels.
        namespace: Only objects in this namespace, and cluster-wide ones; empty for all namespaces.
        keep: Objects that stay although they are not desired.
        keep_namespaces: Namespaces whose objects all stay.
        marks: By kind, a further label that an object must have, with any value; such a kind is listed by its labels,
            since a cluster may have many objects of it that are not ours.
        spare: Whether an observed object stays, too.
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
        created: Objects that did not exist.
        updated: Objects that differed.
        deleted: Objects that were not desired.
        unchanged: Objects that were up to date.
        diff: For Ansible: one C({"before", "after", "before_header", "after_header"}) for each object that changes.
        objects: Every desired object as it is in the cluster now; in check mode as it would be.
        drift: The differences that were found, and who caused them.
        warnings: What the user should know of what was done.
    """

    created: list[Ref] = field(default_factory=list)
    updated: list[Ref] = field(default_factory=list)
    deleted: list[Ref] = field(default_factory=list)
    unchanged: list[Ref] = field(default_factory=list)
    diff: list[dict[str, Any]] = field(default_factory=list)
    objects: dict[Ref, Object] = field(default_factory=dict)
    drift: list[Drift] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether anything was, or would be, created, updated or deleted."""
        return bool(self.created or self.updated or self.deleted)

    def add(self, later: ApplyResult) -> None:
        """Add the result of a later apply."""
        self.created += later.created
        self.updated += later.updated
        self.deleted += later.deleted
        self.unchanged += later.unchanged
        self.diff += later.diff
        self.objects.update(later.objects)
        self.drift += later.drift
        self.warnings += later.warnings

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
    """Writing stopped on the way, although the dry run succeeded.

    Attributes:
        done: What was written before.
        warnings: What the user should know besides; it may be the cause.
    """

    def __init__(self, problems: Sequence[Problem], done: ApplyResult, warnings: Sequence[str] = ()) -> None:
        super().__init__(problems)
        self.done = done
        self.warnings = tuple(warnings)


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
    stage: Callable[[Object], int] | None = None,
    known: Mapping[Query, Sequence[Object]] = NOTHING,
) -> ApplyResult:
    """Make the cluster hold these objects and, with C(prune), no others that carry the prune's labels.

    Args:
        cluster: The cluster.
        objects: The desired objects, in the order in which to create them. A namespace among them counts as existing
            for the objects in it. A kind that the cluster does not serve is an error, except in check mode, where an
            earlier step would have installed it.
        check: Only return what would be done.
        force: Take over fields that another manager sets to other values. Otherwise they are an error that names the
            manager, unless somebody set them by hand with kubectl.
        prune: The objects to delete when they are not desired.
        assume_namespaces: In check mode, namespaces that an earlier step would have created.
        guard: The reason why a desired object that exists already must not be changed unless forced, or None.
        refuse: The reason why it must not be changed even then, or None.
        complete: Completes the desired objects by the observed ones, in the order in which to create them.
        stage: The stage of an object, which orders deletions backwards, and separates the desired objects of one kind
            where they are in the order of their stages; by default its kind.
        known: What the caller has just read of the cluster. It is not read again.

    Raises:
        ClusterlinkError: With all problems that the dry run finds; nothing is written then.
        PartlyDoneError: Something fails while writing.
    """
    desired: Mapping[Ref, Object] = {Ref.of(obj): obj for obj in objects}
    observed = _observe(cluster, list(desired), prune, known)
    if complete:
        desired = complete(desired, observed)
    if refuse:
        raise_all(problem for ref in desired if ref in observed and (problem := refuse(observed[ref])))
    guarded = {ref: problem for ref in desired if guard and ref in observed and (problem := guard(observed[ref]))}
    if not force:
        raise_all(guarded.values())

    result = ApplyResult()
    todo = []
    for ref, obj in desired.items():
        current = observed.get(ref)
        if current is not None and is_applied(obj, current):
            result.unchanged.append(ref)
            result.objects[ref] = current
        else:
            todo.append(Step(ref, obj, current, force=force, guarded=ref in guarded))
    todo += [Step(ref, None, observed[ref]) for ref in _to_prune(observed, desired, prune, stage)]
    namespaces = {ref.name for ref in desired if ref.kind == "Namespace"} | (set(assume_namespaces) if check else set())
    steps = dry_run(cluster, todo, check=check, namespaces=frozenset(namespaces))
    return _write(cluster, steps, result, check=check, stage=stage)


def delete_objects(cluster: Cluster, refs: Sequence[Ref], *, check: bool, known: Iterable[Object] = ()) -> ApplyResult:
    """Delete objects, in the given order; one that does not exist is no error.

    Args:
        cluster: The cluster.
        refs: The objects.
        check: Only return what would be done.
        known: Objects as the caller read them when it decided to delete them. One that was recreated since stays.

    Raises:
        ClusterlinkError: With all problems that the dry run finds, or an object was recreated; nothing is deleted then.
        PartlyDoneError: Something fails while deleting.
    """
    observed = _observe(cluster, refs, None)
    raise_all(changed_meanwhile(ref) for ref in _recreated(observed, known) if ref in refs)
    todo = [
        Step(ref, None, observed[ref])
        for ref in dict.fromkeys(refs)
        if ref in observed and not observed[ref]["metadata"].get("deletionTimestamp")
    ]
    steps = dry_run(cluster, todo, check=check, namespaces=frozenset())
    return _write(cluster, steps, ApplyResult(), check=check)


def _recreated(observed: Mapping[Ref, Object], known: Iterable[Object]) -> Iterable[Ref]:
    for before in known:
        ref = Ref.of(before)
        if ref in observed and observed[ref]["metadata"].get("uid") != before["metadata"].get("uid"):
            yield ref


def _observe(
    cluster: Cluster, refs: Sequence[Ref], prune: Prune | None, known: Mapping[Query, Sequence[Object]] = NOTHING
) -> dict[Ref, Object]:
    """The desired objects and the prunable ones, as far as they exist.

    Namespaced kinds are listed, once for all namespaces when they are pruned everywhere and otherwise by namespace. An
    object that is alone in its list is read by name. So are cluster-wide ones that are not pruned: a cluster has many
    ClusterRoles and large CustomResourceDefinitions of others.
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
    return {Ref.of(obj): obj for objects in read(cluster, queries, known) for obj in objects}


def _to_prune(
    observed: Mapping[Ref, Object],
    desired: Mapping[Ref, Object],
    prune: Prune | None,
    stage: Callable[[Object], int] | None,
) -> list[Ref]:
    """The objects to delete, in the order of deletion."""
    if not prune:
        return []
    refs = [
        ref
        for ref, obj in observed.items()
        if ref.kind in prune.kinds
        and ref not in desired
        and ref not in prune.keep
        and prune.labels.items() <= (obj["metadata"].get("labels") or {}).items()
        and ref.namespace not in prune.keep_namespaces
        and prune.marks.get(ref.kind, "") in ("", *(obj["metadata"].get("labels") or {}))
        # An object that is being deleted is not deleted again.
        and not obj["metadata"].get("deletionTimestamp")
        and not (prune.spare and prune.spare(obj))
    ]
    return sorted(refs, key=lambda ref: (-stage(observed[ref]) if stage else 0, -prune.kinds.index(ref.kind), ref))


def _write(
    cluster: Cluster,
    steps: Sequence[Step],
    result: ApplyResult,
    *,
    check: bool,
    stage: Callable[[Object], int] | None = None,
) -> ApplyResult:
    """Record the steps that change nothing; execute the others, unless in check mode.

    The steps of one kind and stage run side by side, one after another. After a failure none begins any more.
    """

    def write(step: Step) -> Object | None:
        if step.desired is not None:
            return cluster.apply(step.desired, force=step.force)
        result.warnings.extend(delete_observed(cluster, step.observed or {}))
        return None

    for step in steps:
        if not step.changes:
            result.unchanged.append(step.ref)
            result.objects[step.ref] = step.observed or {}
    for _key, group in groupby((step for step in steps if step.changes), key=partial(_batch, stage)):
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


def _batch(stage: Callable[[Object], int] | None, step: Step) -> tuple[str, bool, int]:
    """What steps have in common that run side by side."""
    obj = step.desired if step.desired is not None else step.observed
    return step.ref.kind, step.desired is None, stage(obj) if stage and obj else 0


def _record(result: ApplyResult, step: Step, now: Object | None) -> None:
    if step.desired is None:
        result.deleted.append(step.ref)
    else:
        (result.created if step.observed is None else result.updated).append(step.ref)
        result.objects[step.ref] = now or step.desired
    result.drift.append(drift_of(step))
    name = str(step.ref)
    change = {"before": step.difference.before, "after": step.difference.after}
    result.diff.append({**change, "before_header": name, "after_header": name})
