# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is deleted is the very object that was read; an API server decides, not a fake."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.api import API_VERSION, PEER_REACHABLE
from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.kinds import NOWHERE
from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import Ref
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
from tests.support.waiting import meanwhile

if TYPE_CHECKING:
    from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.client import Cluster
    from tests.support.clusters import Clusters

pytestmark = pytest.mark.cluster

Object = dict[str, Any]
CHANGED = "was changed since this run read it, and is not deleted"


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
    cluster.patch_status("Peer", "west", namespace, {"conditions": [condition("True")]})
    return cluster.patch("Peer", "west", namespace, {"metadata": {"finalizers": ["example.com/theirs"]}})


def wanted(namespace: str) -> Object:
    metadata = {"name": "west", "namespace": namespace, "labels": {"example.com/team": "blue"}}
    gateways = [{"host": "192.0.2.1", "port": 443}]
    return {"apiVersion": API_VERSION, "kind": "Peer", "metadata": metadata, "spec": {"gateways": gateways}}


def condition(status: str) -> Object:
    since = "2026-01-01T00:00:00Z"
    return {"type": PEER_REACHABLE, "status": status, "reason": "Heartbeat", "message": "", "lastTransitionTime": since}


@pytest.mark.usefixtures("crds")
@pytest.mark.parametrize(("before", "answers"), [("True", True), ("True", False), ("False", False)])
def test_a_peer_is_where_nothing_is_before_it_goes(
    cluster: Cluster, peer: Object, before: str, answers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "_RETIRED_SECONDS", 60.0 if answers else 0.5)
    monkeypatch.setattr(deletion, "SETTLE", 0.1)
    place = ("Peer", "west", peer["metadata"]["namespace"])
    peer = cluster.patch_status(*place, {"conditions": [condition(before)]})

    def control_plane() -> None:
        """What a control plane does, since none runs here."""
        if (cluster.get(*place) or {}).get("spec") == NOWHERE:
            cluster.patch_status(*place, {"conditions": [condition("False")]})

    with meanwhile(control_plane, 0.1) if answers else nullcontext():
        delete_observed(cluster, peer)
    now = cluster.get(*place) or {}
    assert now["metadata"]["deletionTimestamp"]
    assert now["spec"] == NOWHERE
    cluster.patch(*place, {"metadata": {"finalizers": None}})


@pytest.mark.usefixtures("crds")
def test_a_run_that_ends_before_the_deletion_leaves_a_peer_that_the_next_one_sets_back(
    cluster: Cluster, peer: Object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "_RETIRED_SECONDS", 0.0)
    namespace = peer["metadata"]["namespace"]
    deletion._retire(cluster, peer)
    assert (cluster.get("Peer", "west", namespace) or {})["spec"] == NOWHERE
    assert cluster.apply(wanted(namespace))["spec"] == wanted(namespace)["spec"]
    cluster.patch("Peer", "west", namespace, {"metadata": {"finalizers": None}})
