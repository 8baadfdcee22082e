# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is decided before and between requests; what the server makes of them is in tests/integration."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError, Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.apply import (
    PartlyDoneError,
    Prune,
    apply_objects,
    delete_objects,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.errors import ApiError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.transport import ClusterUnreachableError
from tests.unit.fakes import MemoryCluster

Object = dict[str, Any]
OURS = {"owner": "us"}


def make(kind: str, name: str, namespace: str = "", **spec: Any) -> Object:
    metadata: Object = {"name": name, "labels": OURS}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": "v", "kind": kind, "metadata": metadata, "spec": spec}


SERVICE = make("Service", "s", "a", port=1)
SECRET = make("Secret", "k", "a", x="y")
ROLE = make("ClusterRole", "r", rules=[])


@pytest.mark.parametrize("check", [True, False])
def test_what_is_as_wanted_is_neither_tried_nor_written(memory_cluster: type[MemoryCluster], check: bool) -> None:
    cluster = memory_cluster(SERVICE, ROLE)
    result = apply_objects(cluster, [SERVICE, ROLE], check=check)
    assert not result.changed
    assert [str(ref) for ref in result.unchanged] == ["Service a/s", "ClusterRole r"]
    assert cluster.dry_runs == cluster.writes == []


def test_check_mode_says_the_same_as_a_real_run_and_writes_nothing(memory_cluster: type[MemoryCluster]) -> None:
    there = [make("Service", "s", "a", port=2), make("Service", "old", "a")]
    prune = Prune(("Secret", "Service"), OURS)
    predicting, doing = memory_cluster(*there), memory_cluster(*there)
    predicted = apply_objects(predicting, [SECRET, SERVICE], check=True, prune=prune)
    done = apply_objects(doing, [SECRET, SERVICE], check=False, prune=prune)
    assert (predicted.created, predicted.updated, predicted.deleted) == (done.created, done.updated, done.deleted)
    assert predicted.diff == done.diff
    assert predicting.writes == []
    assert doing.writes == [("apply", "Secret a/k"), ("apply", "Service a/s"), ("delete", "Service a/old")]
    assert done.objects.keys() == {Ref.of(SECRET), Ref.of(SERVICE)}


def test_pruned_kinds_are_listed_once_and_others_are_read_by_namespace_or_name(
    memory_cluster: type[MemoryCluster],
) -> None:
    cluster = memory_cluster()
    objects = [
        make("Peer", "p", "a"),
        make("Peer", "q", "b"),
        SECRET,
        make("Secret", "l", "a"),
        SERVICE,
        ROLE,
        make("ClusterRole", "r2"),
    ]
    apply_objects(cluster, objects, check=True, prune=Prune(("Peer", "Import"), OURS))
    assert sorted(cluster.reads) == [
        ("ClusterRole", "", "r"),
        ("ClusterRole", "", "r2"),
        ("Import", "", ""),
        ("Peer", "", ""),
        ("Secret", "a", ""),
        ("Service", "a", "s"),
    ]


def test_only_what_carries_every_label_in_the_namespace_and_is_not_kept_is_pruned(
    memory_cluster: type[MemoryCluster],
) -> None:
    foreign = make("Service", "foreign", "a")
    foreign["metadata"]["labels"] = {"owner": "them"}
    half = make("Service", "half", "a")
    leaving = make("Service", "leaving", "a")
    leaving["metadata"].update(labels={**OURS, "fabric": "f"}, deletionTimestamp="2026-01-01T00:00:00Z")
    wanted, kept, gone, elsewhere = (make("Service", name, "a") for name in ("wanted", "kept", "gone", "elsewhere"))
    elsewhere["metadata"]["namespace"] = "b"
    for obj in (wanted, kept, gone, elsewhere):
        obj["metadata"]["labels"] = {**OURS, "fabric": "f"}
    cluster = memory_cluster(foreign, half, leaving, wanted, kept, gone, elsewhere)
    prune = Prune(("Service",), {**OURS, "fabric": "f"}, namespace="a", keep=frozenset({Ref.of(kept)}))
    result = apply_objects(cluster, [wanted], check=False, prune=prune)
    assert [ref.name for ref in result.deleted] == ["gone"]


class ChangingCluster(MemoryCluster):
    """Somebody changes the object right before it is deleted for the first time."""

    def __init__(self, obj: dict[str, Any], change: dict[str, Any] | None) -> None:
        obj["metadata"].update(uid="1", resourceVersion="1")
        super().__init__(obj)
        self._change = change

    def delete(self, kind: str, name: str, namespace: str = "", *, dry_run: bool = False, **same: Any) -> bool:
        ref = Ref(kind, name, namespace)
        if not dry_run and self._change is not None and ref in self.objects:
            obj = self.objects[ref]
            self.objects[ref] = {**obj, "metadata": {**obj["metadata"], "resourceVersion": "2", **self._change}}
            self._change = None
        return super().delete(kind, name, namespace, dry_run=dry_run, **same)


@pytest.mark.parametrize(
    ("change", "goes"),
    [({}, True), ({"annotations": {"a": "b"}}, True), ({"uid": "2"}, False), ({"labels": {"owner": "them"}}, False)],
    ids=["its status", "its annotations", "recreated", "no longer ours"],
)
def test_only_the_very_object_that_was_observed_is_deleted(change: dict[str, Any], goes: bool) -> None:
    old = make("Service", "old", "a")
    old["metadata"]["labels"] = dict(OURS)
    cluster = ChangingCluster(old, change)
    refusal = pytest.raises(PartlyDoneError, match="was changed since this run read it, and is not deleted")
    with nullcontext() if goes else refusal:
        apply_objects(cluster, [], check=False, prune=Prune(("Service",), OURS))
    assert (Ref.of(old) not in cluster.objects) is goes


def test_removal_goes_backwards_and_after_all_else(memory_cluster: type[MemoryCluster]) -> None:
    old = [make("Peer", "old", "a"), make("Export", "old", "a"), make("Import", "old", "a")]
    cluster = memory_cluster(*old)
    apply_objects(cluster, [make("Import", "new", "a")], check=False, prune=Prune(("Peer", "Export", "Import"), OURS))
    assert [what for _verb, what in cluster.writes] == ["Import a/new", "Import a/old", "Export a/old", "Peer a/old"]


def test_all_problems_are_reported_at_once_and_nothing_is_written(memory_cluster: type[MemoryCluster]) -> None:
    cluster = memory_cluster(make("Service", "old", "a"))
    denied = ApiError(Problem("x", "not permitted"), status=403)
    invalid = ApiError(Problem("y", "invalid"), status=422)
    cluster.refusals = {
        ("try apply", Ref.of(SERVICE)): invalid,
        ("try delete", Ref("Service", "old", "a")): denied,
    }
    with pytest.raises(ClusterlinkError) as raised:
        apply_objects(cluster, [SECRET, SERVICE], check=False, prune=Prune(("Service",), OURS))
    assert [problem.what for problem in raised.value.problems] == ["invalid", "not permitted"]
    assert cluster.writes == []


def missing(namespace: str) -> ApiError:
    return ApiError(Problem("x", "no namespace"), status=404, missing_namespace=namespace)


def test_namespace_that_is_made_by_the_same_call_is_not_missing(memory_cluster: type[MemoryCluster]) -> None:
    cluster = memory_cluster()
    cluster.refusals = {("try apply", Ref.of(SERVICE)): missing("a")}
    result = apply_objects(cluster, [make("Namespace", "a"), SERVICE], check=False)
    assert [str(ref) for ref in result.created] == ["Namespace a", "Service a/s"]


def test_namespace_that_another_step_makes_is_only_believed_in_check_mode(
    memory_cluster: type[MemoryCluster],
) -> None:
    cluster = memory_cluster()
    cluster.refusals = {("try apply", Ref.of(SERVICE)): missing("a")}
    assert apply_objects(cluster, [SERVICE], check=True, assume_namespaces=["a"]).created == [Ref.of(SERVICE)]
    with pytest.raises(ClusterlinkError, match="Namespace a: it does not exist and is needed by Service a/s"):
        apply_objects(cluster, [SERVICE], check=False, assume_namespaces=["a"])


def test_many_objects_in_a_missing_namespace_are_not_all_listed(memory_cluster: type[MemoryCluster]) -> None:
    cluster = memory_cluster()
    objects = [make("Service", f"s{number}", "a") for number in range(9)]
    cluster.refusals = {("try apply", Ref.of(obj)): missing("a") for obj in objects}
    with pytest.raises(ClusterlinkError) as raised:
        apply_objects(cluster, objects, check=True)
    [problem] = raised.value.problems
    assert problem.what.endswith("needed by Service a/s0, Service a/s1, Service a/s2 and 6 more")


def test_kind_that_is_not_served_is_believed_to_come_in_check_mode_only(memory_cluster: type[MemoryCluster]) -> None:
    cluster = memory_cluster(make("Namespace", "a"))
    cluster.unserved = {"Peer"}
    objects = [make("Peer", "p", "a"), make("Peer", "q", "gateway")]
    predicted = apply_objects(cluster, objects, check=True, assume_namespaces=["gateway"])
    assert len(predicted.created) == 2
    with pytest.raises(ClusterlinkError, match="not served"):
        apply_objects(cluster, objects, check=False)
    with pytest.raises(ClusterlinkError, match="Namespace gateway"):
        apply_objects(cluster, objects, check=True)


def test_namespace_that_may_not_be_read_is_believed_to_be_there(memory_cluster: type[MemoryCluster]) -> None:
    cluster = memory_cluster()
    cluster.unserved = {"Peer"}
    cluster.refusals = {("get", Ref("Namespace", "a")): ApiError(Problem("x", "denied"), status=403)}
    assert apply_objects(cluster, [make("Peer", "p", "a")], check=True).changed


def test_webhook_that_cannot_be_tried_does_not_stop_the_real_thing(memory_cluster: type[MemoryCluster]) -> None:
    cluster = memory_cluster()
    said = "admission webhook does not support dry run"
    cluster.refusals = {("try apply", Ref.of(SERVICE)): ApiError(Problem("x", "400", said), status=400)}
    assert apply_objects(cluster, [SERVICE], check=False).created == [Ref.of(SERVICE)]


def conflict(*managers: str) -> ApiError:
    return ApiError(Problem("Service a/s", "conflict"), status=409, managers=managers)


def edited(manager: str, operation: str) -> Object:
    obj = make("Service", "s", "a", port=2)
    obj["metadata"]["managedFields"] = [
        {"manager": "skyshift.clusterlink", "operation": "Apply", "fieldsV1": {}},
        {"manager": manager, "operation": operation, "fieldsV1": {}},
    ]
    return obj


def test_change_by_hand_is_taken_back_in_check_mode_and_for_real(memory_cluster: type[MemoryCluster]) -> None:
    for check, writes in ((True, []), (False, [("force", "Service a/s")])):
        cluster = memory_cluster()
        cluster.objects[Ref.of(SERVICE)] = edited("kubectl-edit", "Update")
        cluster.refusals = {("try apply", Ref.of(SERVICE)): conflict("kubectl-edit")}
        assert apply_objects(cluster, [SERVICE], check=check).updated == [Ref.of(SERVICE)]
        assert cluster.writes == writes


def test_conflict_with_another_system_is_an_error_unless_forced(memory_cluster: type[MemoryCluster]) -> None:
    cluster = memory_cluster()
    cluster.objects[Ref.of(SERVICE)] = edited("argocd", "Apply")
    cluster.refusals = {("try apply", Ref.of(SERVICE)): conflict("argocd")}
    with pytest.raises(ClusterlinkError, match="conflict"):
        apply_objects(cluster, [SERVICE], check=False)
    assert apply_objects(cluster, [SERVICE], check=False, force=True).changed
    assert cluster.writes == [("force", "Service a/s")]


def test_object_that_is_being_deleted_is_not_taken_for_there(memory_cluster: type[MemoryCluster]) -> None:
    leaving = copy.deepcopy(SERVICE)
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    leaving["spec"] = {"port": 9}
    with pytest.raises(ClusterlinkError, match="Service a/s: it is being deleted"):
        apply_objects(memory_cluster(leaving), [SERVICE], check=True)


def test_guard_keeps_what_must_not_be_touched(memory_cluster: type[MemoryCluster]) -> None:
    cluster = memory_cluster(make("Service", "s", "a", port=9))
    with pytest.raises(ClusterlinkError, match="hands off"):
        apply_objects(cluster, [SERVICE], check=False, guard=lambda obj: Problem(obj["kind"], "hands off"))
    assert cluster.writes == []


@pytest.mark.parametrize("error", [ApiError, ClusterUnreachableError])
def test_failure_while_writing_tells_what_was_written_and_stops(
    memory_cluster: type[MemoryCluster], error: type[ClusterlinkError]
) -> None:
    cluster = memory_cluster()
    problem = Problem("Service a/s", "gone")
    failure = ApiError(problem, status=500) if error is ApiError else error(problem)
    cluster.refusals = {("apply", Ref.of(SERVICE)): failure}
    with pytest.raises(PartlyDoneError) as raised:
        apply_objects(cluster, [SECRET, SERVICE, ROLE], check=False)
    assert raised.value.done.created == [Ref.of(SECRET)]
    assert raised.value.problems == (problem,)
    assert cluster.writes == [("apply", "Secret a/k")]


def test_removal_keeps_the_given_order_and_passes_over_what_is_not_there(
    memory_cluster: type[MemoryCluster],
) -> None:
    cluster = memory_cluster(SERVICE, SECRET, ROLE)
    refs = [Ref.of(ROLE), Ref("Service", "missing", "a"), Ref.of(SERVICE), Ref.of(SECRET)]
    assert delete_objects(cluster, refs, check=True).deleted == [Ref.of(ROLE), Ref.of(SERVICE), Ref.of(SECRET)]
    assert cluster.writes == []
    delete_objects(cluster, refs, check=False)
    assert [what for _verb, what in cluster.writes] == ["ClusterRole r", "Service a/s", "Secret a/k"]
    assert not delete_objects(cluster, refs, check=False).changed
