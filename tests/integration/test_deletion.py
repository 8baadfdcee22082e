# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is deleted is the very object that was read; an API server decides, not a fake."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.api import API_VERSION, PEER_REACHABLE
from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.kinds import NOWHERE
from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.names import CONTROLPLANE
from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import KINDS, Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.operator.identity import FINALIZER
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.operator.reconcile import release_instances
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube import deletion
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.apply import delete_objects
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.connection import connect
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.deletion import (
    delete_observed,
    release_observed,
)
from tests.support.waiting import meanwhile, wait_until

if TYPE_CHECKING:
    from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.client import Cluster
    from tests.support.clusters import Clusters

pytestmark = pytest.mark.cluster

Object = dict[str, Any]
CHANGED = "was changed since this run read it, and is not deleted"
RESTART = "kubectl rollout restart deployment cl-controlplane"
STANDSTILL_SECONDS = 4
"""Longer than was once waited for a control plane."""


@pytest.fixture
def cluster(clusters: Clusters) -> Iterator[Cluster]:
    with connect({"kubeconfig": str(clusters.kubeconfig), "context": clusters.contexts[0]}) as connected:
        yield connected


@pytest.fixture
def held(cluster: Cluster) -> Iterator[Object]:
    """An object with the operator's finalizer and somebody's, as the API server has it."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    metadata = {"name": name, "namespace": "default", "finalizers": [FINALIZER, "example.com/theirs"]}
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    yield read(cluster, name)
    if cluster.get("ConfigMap", name, "default"):
        cluster.patch("ConfigMap", name, "default", {"metadata": {"finalizers": None}})
        cluster.delete("ConfigMap", name, "default")


def read(cluster: Cluster, name: str) -> Object:
    found = cluster.get("ConfigMap", name, "default")
    assert found is not None
    return found


def recreate(cluster: Cluster, before: Object) -> Object:
    """Another object under the same name, with the same finalizers and labels."""
    name = before["metadata"]["name"]
    cluster.patch("ConfigMap", name, "default", {"metadata": {"finalizers": None}})
    cluster.delete("ConfigMap", name, "default")
    metadata = {key: before["metadata"][key] for key in ("name", "namespace", "finalizers")}
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    return read(cluster, name)


WAYS: dict[str, Callable[[Cluster, Object], object]] = {
    "delete": delete_observed,
    "orphan what it owns": partial(delete_observed, orphan=True),
    "remove the finalizer": partial(release_observed, finalizer=FINALIZER),
    "release and delete": lambda cluster, before: release_instances(cluster, [before]),
    "by reference": lambda cluster, before: delete_objects(cluster, [Ref.of(before)], check=False, known=[before]),
    "as a prediction": lambda cluster, before: delete_objects(cluster, [Ref.of(before)], check=True, known=[before]),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_an_object_that_was_recreated_stays_as_it_is(
    cluster: Cluster, held: Object, way: Callable[[Cluster, Object], object]
) -> None:
    another = recreate(cluster, held)
    with pytest.raises(ClusterlinkError, match=CHANGED):
        way(cluster, held)
    assert read(cluster, held["metadata"]["name"]) == another


@pytest.mark.parametrize("being_deleted", [False, True])
def test_only_the_finalizer_that_is_named_is_removed(cluster: Cluster, held: Object, being_deleted: bool) -> None:
    name = held["metadata"]["name"]
    if being_deleted:
        cluster.delete("ConfigMap", name, "default")
    cluster.patch("ConfigMap", name, "default", {"data": {"changed": "meanwhile"}})
    release_observed(cluster, held, FINALIZER)
    release_observed(cluster, held, FINALIZER)
    now = read(cluster, name)
    assert now["metadata"]["finalizers"] == ["example.com/theirs"]
    assert now["data"] == {"changed": "meanwhile"}


def test_an_object_that_others_changed_is_still_the_one(cluster: Cluster, held: Object) -> None:
    name = held["metadata"]["name"]
    cluster.patch("ConfigMap", name, "default", {"data": {"changed": "meanwhile"}})
    delete_observed(cluster, held)
    assert read(cluster, name)["metadata"]["deletionTimestamp"]


def test_what_is_gone_is_no_error(cluster: Cluster, held: Object) -> None:
    name = held["metadata"]["name"]
    cluster.patch("ConfigMap", name, "default", {"metadata": {"finalizers": None}})
    cluster.delete("ConfigMap", name, "default")
    delete_observed(cluster, held)
    release_observed(cluster, held, FINALIZER)
    assert not delete_objects(cluster, [Ref.of(held)], check=False, known=[held]).changed


@pytest.fixture
def peer(cluster: Cluster, namespace: str) -> Object:
    """A Peer of ours as its cluster's API server has it; somebody holds it, so that it can be looked at to its end."""
    cluster.apply(wanted(namespace))
    return cluster.patch("Peer", "west", namespace, {"metadata": {"finalizers": ["example.com/theirs"]}})


@pytest.fixture
def control_plane(cluster: Cluster, namespace: str) -> None:
    """The pod of a control plane that runs, as far as the API server knows."""
    wait_until("an account for pods", lambda: cluster.get("ServiceAccount", "default", namespace))
    metadata = {"name": CONTROLPLANE, "namespace": namespace, "labels": {"app": CONTROLPLANE}}
    spec = {"containers": [{"name": CONTROLPLANE, "image": "example.com/none"}]}
    cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    cluster.patch_status("Pod", CONTROLPLANE, namespace, {"phase": "Running"})


def wanted(namespace: str) -> Object:
    metadata = {"name": "west", "namespace": namespace, "labels": {"example.com/team": "blue"}}
    gateways = [{"host": "192.0.2.1", "port": 443}]
    return {"apiVersion": API_VERSION, "kind": "Peer", "metadata": metadata, "spec": {"gateways": gateways}}


def tell(cluster: Cluster, peer: Object, status: str) -> Object:
    """Set the Peer's condition."""
    since = "2026-01-01T00:00:00Z"
    condition = {"type": PEER_REACHABLE, "status": status, "reason": "Heartbeat", "message": ""}
    namespace = peer["metadata"]["namespace"]
    return cluster.patch_status("Peer", "west", namespace, {"conditions": [{**condition, "lastTransitionTime": since}]})


@pytest.fixture
def deleted_with(cluster: Cluster, peer: Object) -> Iterator[Callable[..., tuple[Object, list[str]]]]:
    """Deletes the Peer as it was observed: the spec with which it goes, and the warnings."""
    place = ("Peer", "west", peer["metadata"]["namespace"])

    def delete(observed: Object, by: Cluster = cluster) -> tuple[Object, list[str]]:
        warnings = delete_observed(by, observed)
        now = cluster.get(*place) or {}
        assert now["metadata"]["deletionTimestamp"]
        return now["spec"], warnings

    yield delete
    cluster.patch(*place, {"metadata": {"finalizers": None}})


@pytest.mark.usefixtures("crds", "control_plane")
def test_a_peer_goes_when_a_control_plane_that_stood_still_has_let_go_of_it(
    cluster: Cluster, peer: Object, deleted_with: Callable[..., tuple[Object, list[str]]]
) -> None:
    observed = tell(cluster, peer, "True")
    begun, seen = time.monotonic(), []

    def let_go() -> None:
        """What a control plane does, since none runs here."""
        now = cluster.get("Peer", "west", peer["metadata"]["namespace"]) or {}
        if time.monotonic() > begun + STANDSTILL_SECONDS and now["spec"] == NOWHERE:
            seen.append("deletionTimestamp" in now["metadata"])
            tell(cluster, peer, "False")

    with meanwhile(let_go, 0.1):
        assert deleted_with(observed) == (NOWHERE, [])
    assert seen[:1] == [False]


@pytest.mark.usefixtures("crds", "control_plane")
@pytest.mark.parametrize("before", ["True", "False", ""])
def test_a_peer_that_nobody_lets_go_of_goes_all_the_same(
    cluster: Cluster,
    peer: Object,
    deleted_with: Callable[..., tuple[Object, list[str]]],
    before: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody says so of one that was never reachable, whose gateway may come at any time: time is all it takes."""
    monkeypatch.setattr(deletion, "_RETIRED_SECONDS", 0.5)
    monkeypatch.setitem(KINDS, "Peer", replace(KINDS["Peer"], settle=0.1))
    spec, warnings = deleted_with(tell(cluster, peer, before) if before else peer)
    assert spec == NOWHERE
    assert len(warnings) == (before == "True")
    assert all("anybody has let go of it: nobody has within 0.5 s." in each and RESTART in each for each in warnings)


@pytest.mark.usefixtures("crds", "control_plane")
def test_who_may_not_change_a_peer_hears_what_follows_from_its_deletion(
    clusters: Clusters, cluster: Cluster, peer: Object, deleted_with: Callable[..., tuple[Object, list[str]]]
) -> None:
    namespace, group = peer["metadata"]["namespace"], "rbac.authorization.k8s.io"
    metadata = {"name": "remover", "namespace": namespace}
    rules = [
        {"apiGroups": ["clusterlink.net"], "resources": ["peers"], "verbs": ["get", "delete"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
    ]
    cluster.apply({"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata, "rules": rules})
    role = {"apiGroup": group, "kind": "Role", "name": "remover"}
    users = [{"apiGroup": group, "kind": "User", "name": "remover"}]
    binding = {"apiVersion": f"{group}/v1", "kind": "RoleBinding", "metadata": metadata}
    cluster.apply({**binding, "roleRef": role, "subjects": users})
    access = {"kubeconfig": str(clusters.kubeconfig), "context": clusters.contexts[0], "impersonate_user": "remover"}
    with connect(access) as remover:
        spec, [warning] = deleted_with(tell(cluster, peer, "True"), by=remover)
    assert spec == wanted("")["spec"]
    assert "the user remover is not permitted to patch peers.clusterlink.net" in warning
    assert RESTART in warning


@pytest.mark.usefixtures("crds")
def test_a_peer_that_no_control_plane_works_for_just_goes(
    cluster: Cluster, peer: Object, deleted_with: Callable[..., tuple[Object, list[str]]]
) -> None:
    assert deleted_with(tell(cluster, peer, "True")) == (wanted("")["spec"], [])


@pytest.mark.usefixtures("crds", "control_plane")
def test_a_run_that_ends_before_the_deletion_leaves_a_peer_that_the_next_one_sets_back(
    cluster: Cluster, peer: Object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(*_args: object, **_options: object) -> None:
        raise KeyboardInterrupt

    namespace = peer["metadata"]["namespace"]
    monkeypatch.setattr(deletion, "wait_ready", end)
    with pytest.raises(KeyboardInterrupt):
        delete_observed(cluster, tell(cluster, peer, "True"))
    assert (cluster.get("Peer", "west", namespace) or {})["spec"] == NOWHERE
    assert cluster.apply(wanted(namespace))["spec"] == wanted(namespace)["spec"]
    cluster.patch("Peer", "west", namespace, {"metadata": {"finalizers": None}})
