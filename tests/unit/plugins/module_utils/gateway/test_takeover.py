# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order a gateway of others is taken over. That requests go on meanwhile is shown in molecule/upgrade."""

from __future__ import annotations

import contextlib
from typing import Any
from unittest import mock

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway import pod_replacement
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway import takeover as adopt
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.operator import reconcile as operate
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.operator.identity import (
    installed_by,
    runs_operator,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.takeover import find_takeover
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.client import Listing

Object = dict[str, Any]
SPACE, OPERATORS = "clusterlink-system", "clusterlink-operator"
OURS = {"app.kubernetes.io/managed-by": "skyshift.clusterlink"}


class Cluster:
    """Keeps objects, follows owners as a cluster does, and notes what was done to them."""

    def __init__(self, *objects: Object) -> None:
        self.objects = {Ref.of(each): each for each in objects}
        self.done: list[str] = []

    def list(self, kind: str, namespace: str = "", label_selector: str = "") -> Listing:
        found = [each for ref, each in self.objects.items() if ref.kind == kind and namespace in ("", ref.namespace)]
        if label_selector:
            apps = label_selector.removeprefix("app in (").removesuffix(")").split(",")
            found = [each for each in found if each["metadata"].get("labels", {}).get("app") in apps]
        return Listing(found)

    def get(self, kind: str, name: str, namespace: str = "") -> Object | None:
        return self.objects.get(Ref(kind, name, namespace))

    def patch(self, kind: str, name: str, namespace: str, body: Object) -> None:
        self.done.append(f"patch {kind} {name}")
        metadata = self.objects[Ref(kind, name, namespace)]["metadata"]
        metadata.setdefault("labels", {}).update(body["metadata"].get("labels", {}))
        metadata.update({key: body["metadata"][key] for key in ("finalizers",) if key in body["metadata"]})

    def delete(
        self,
        kind: str,
        name: str,
        namespace: str = "",
        *,
        orphan: bool = False,
        dry_run: bool = False,
        uid: str = "",
        **_same: Any,
    ) -> bool:
        gone = self.objects[Ref(kind, name, namespace)]
        if dry_run:
            return True
        assert uid == gone["metadata"].get("uid", ""), "one that was recreated would be deleted"
        self.done.append(f"{'let go' if orphan else 'delete'} {kind} {name}")
        self._remove(gone, orphan)
        return True

    def _remove(self, gone: Object, orphan: bool) -> None:
        """Remove an object, and what it owns as the cluster itself does."""
        assert not gone["metadata"].get("finalizers"), "it would stay for ever"
        del self.objects[Ref.of(gone)]
        for ref, each in list(self.objects.items()):
            if {"uid": gone["metadata"].get("uid")} in each["metadata"].get("ownerReferences", []):
                del each["metadata"]["ownerReferences"]
                if not orphan and ref in self.objects:
                    self._remove(each, orphan)


def thing(kind: str, name: str, namespace: str = SPACE, *, owner: str = "", image: str = "", **more: Any) -> Object:
    metadata: Object = {"name": name, "namespace": namespace, "uid": f"uid-{name}", "labels": {}}
    if owner:
        metadata["ownerReferences"] = [{"uid": f"uid-{owner}"}]
    metadata |= more.pop("metadata", {})
    pod = {"containers": [{"name": "main", "image": image}]}
    spec = {"template": {"spec": pod}} if kind == "Deployment" else pod
    return {"kind": kind, "metadata": metadata, "spec": more.get("spec", spec)}


def instance(name: str = "cl", namespace: str = SPACE) -> Object:
    metadata = {"finalizers": ["instance.clusterlink.net/finalizer"]}
    return thing("Instance", name, OPERATORS, metadata=metadata, spec={"namespace": namespace})


def gateway(app: str) -> list[Object]:
    labels = {"labels": {"app": app}}
    return [
        thing("Deployment", app, image=f"ghcr.io/clusterlink-net/{app}:v0.4.1"),
        thing("ReplicaSet", f"{app}-1", owner=app, metadata=labels),
        thing("Pod", f"{app}-1-x", owner=f"{app}-1", metadata=labels),
    ]


def operated() -> Cluster:
    """A gateway that an operator made for an Instance."""
    return Cluster(
        thing("Deployment", "cl-operator-controller-manager", OPERATORS, image="mirror:5000/cl-operator@sha256:0"),
        thing("Pod", "manager", OPERATORS, owner="cl-operator-controller-manager", image="mirror:5000/cl-operator:1"),
        instance(),
        *gateway("cl-controlplane"),
        *gateway("cl-dataplane"),
        {"kind": "ClusterRole", "metadata": {"name": "clusterlink-system:cl-controlplane"}},
    )


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(cluster: Cluster, refs: list[Ref], _timeout: float) -> None:
        cluster.done.append(f"wait for {len(refs)}")
        assert not set(refs) & set(cluster.objects)

    for module in (adopt, operate, pod_replacement):
        monkeypatch.setattr(module, "wait_gone", gone)
    monkeypatch.setattr(pod_replacement, "run_in_container", lambda *_arguments: None)
    monkeypatch.setattr(pod_replacement.time, "sleep", lambda _seconds: None)


def test_the_operator_goes_first_and_its_instance_last_and_pods_go_on_until_they_are_replaced() -> None:
    cluster = operated()
    adoption = find_takeover(cluster, SPACE)
    predicted = [phase(cluster, check=True).deleted for phase in (adoption.begin, adoption.end)]
    assert cluster.done == []

    begun = adoption.begin(cluster, check=False)

    assert cluster.done == [
        "delete Deployment cl-operator-controller-manager",
        "wait for 1",
        "let go Deployment cl-controlplane",
        "let go Deployment cl-dataplane",
        "wait for 2",
        "let go ReplicaSet cl-controlplane-1",
        "let go ReplicaSet cl-dataplane-1",
        "wait for 2",
    ]
    pods = cluster.list("Pod", SPACE)
    assert [pod["metadata"]["labels"]["app"] for pod in pods] == ["cl-controlplane", "cl-dataplane"]

    new = thing("Pod", "new", owner="ours", metadata={"labels": {"app": "cl-dataplane"}})
    cluster.objects[Ref.of(new)] = new
    cluster.done.clear()
    ended = adoption.end(cluster, check=False)

    assert cluster.done == [
        "patch Pod cl-controlplane-1-x",
        "patch Pod cl-dataplane-1-x",
        "delete Pod cl-controlplane-1-x",
        "delete Pod cl-dataplane-1-x",
        "wait for 2",
        "delete ClusterRole clusterlink-system:cl-controlplane",
        "patch Instance cl",
        "delete Instance cl",
        "wait for 1",
        "wait for 0",
    ]
    assert set(cluster.objects) == {Ref.of(new)}
    assert [begun.deleted, ended.deleted] == predicted


def test_of_an_operator_of_ours_its_namespace_and_its_kind_go_too() -> None:
    cluster = operated()
    kind = {"kind": "CustomResourceDefinition", "metadata": {"name": "instances.clusterlink.net", "labels": OURS}}
    place = {"kind": "Namespace", "metadata": {"name": OPERATORS, "labels": OURS}}
    cluster.objects |= {Ref.of(each): each for each in (kind, place)}
    assert find_takeover(cluster, SPACE).surroundings == [Ref.of(place), Ref.of(kind)]

    theirs = thing("ConfigMap", "notes", OPERATORS)
    cluster.objects[Ref.of(theirs)] = theirs
    assert find_takeover(cluster, SPACE).surroundings == [Ref.of(kind)]


def test_a_gateway_of_our_own_operator_is_ours_to_take_back() -> None:
    bare, theirs, ours = Cluster(), Cluster(instance()), Cluster(instance())
    ours.objects[Ref("Instance", "cl", OPERATORS)]["metadata"]["labels"] = OURS
    left = Cluster({"kind": "Namespace", "metadata": {"name": OPERATORS, "labels": OURS}})
    found = [adopt.is_moving(each, SPACE) for each in (bare, theirs, ours, left)]
    assert found == [False, False, True, True]


@pytest.mark.parametrize("steps", range(1, 14))
def test_what_was_stopped_anywhere_is_done_by_the_next_run(steps: int) -> None:
    cluster = operated()
    cut: list[str] = []

    class Stopped(Exception):  # noqa: N818
        """Stands for a kill."""

    def counted(call: Any) -> Any:
        def run(*arguments: Any, **options: Any) -> Any:
            if not options.get("dry_run"):
                if len(cut) == steps:
                    raise Stopped
                cut.append("")
            return call(*arguments, **options)

        return run

    adoption = find_takeover(cluster, SPACE)
    delete, patch = map(counted, (cluster.delete, cluster.patch))
    with mock.patch.multiple(cluster, delete=delete, patch=patch), contextlib.suppress(Stopped):
        adoption.begin(cluster, check=False)
        adoption.end(cluster, check=False)

    again = find_takeover(cluster, SPACE)
    again.begin(cluster, check=False)

    assert {ref.kind for ref in cluster.objects} <= {"Pod", "ClusterRole", "Instance"}
    again.end(cluster, check=False)
    assert not cluster.objects


def test_an_operator_of_other_gateways_stays() -> None:
    cluster = operated()
    other = instance("other", "elsewhere")
    cluster.objects[Ref.of(other)] = other
    [problem] = find_takeover(cluster, SPACE).problems()
    assert (problem.where, problem.what.split(",")[0]) == (str(Ref.of(other)), "its operator also runs this gateway")


def test_a_gateway_of_our_own_is_not_released() -> None:
    cluster = Cluster(thing("Deployment", "cl-dataplane", metadata={"labels": OURS}, image="cl-dataplane:1"))
    adoption = find_takeover(cluster, SPACE)
    adoption.begin(cluster, check=False)
    assert Ref("Deployment", "cl-dataplane", SPACE) in cluster.objects


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("cl-operator", True),
        ("r:5000/a/cl-operator:v1", True),
        ("r/cl-operator@sha256:0", True),
        ("r/operator:1", False),
    ],
)
def test_an_operator_is_known_by_its_image(image: str, expected: bool) -> None:
    assert runs_operator({"containers": [{"image": image}]}) is expected


def test_who_installed_a_gateway() -> None:
    theirs, ours = thing("Deployment", "cl-controlplane"), thing("Deployment", "a", metadata={"labels": OURS})
    assert installed_by(None, []) == ""
    assert installed_by(ours, [instance()]) == "direct"
    assert installed_by(theirs, [instance()]) == "operator"
    assert installed_by(theirs, []) == "other"
