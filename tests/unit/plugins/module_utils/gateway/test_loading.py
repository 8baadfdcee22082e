# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether pods use what the peer Secret holds."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError, Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway import loading
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.certificate import LONGEST_SECONDS
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.loading import (
    loading_seconds,
    secret_digest,
    wait_until_loaded,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.errors import HTTP_FORBIDDEN, ApiError
from tests.unit.fakes import MemoryCluster

NOW = datetime(2030, 6, 15, 12, 0, 0, tzinfo=timezone.utc)
ANNOTATION = "skyshift.clusterlink/peer-certificate"


def time(seconds: float) -> str:
    """So many seconds before now, as an API server writes it."""
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def secret(written: float, *, created: float = 1000) -> dict[str, Any]:
    data = {name: base64.b64encode(name.encode()).decode() for name in ("cert.pem", "key.pem", "ca.pem")}
    fields = [{"manager": "other", "time": time(created)}, {"manager": "skyshift.clusterlink", "time": time(written)}]
    metadata = {"name": "cl-peer", "namespace": "links", "creationTimestamp": time(created), "managedFields": fields}
    return {"kind": "Secret", "apiVersion": "v1", "metadata": metadata, "data": data}


def pod(name: str, *, started: float | None = 500, digest: str = "") -> dict[str, Any]:
    metadata = {"name": name, "namespace": "links", "annotations": {ANNOTATION: digest} if digest else {}}
    status = {} if started is None else {"startTime": time(started)}
    return {"kind": "Pod", "apiVersion": "v1", "metadata": metadata, "status": status}


LOADED = secret_digest(secret(0))


@pytest.mark.parametrize(
    ("written", "pods", "expected"),
    [
        (10, [pod("a")], LONGEST_SECONDS - 10),
        (10, [pod("a", digest="of another certificate")], LONGEST_SECONDS - 10),
        (10, [pod("a", digest=LOADED)], 0),
        (10, [pod("a", digest=LOADED), pod("b")], LONGEST_SECONDS - 10),
        (10, [pod("a", started=5)], 0),
        (10, [pod("a", started=None)], 0),
        (10, [], 0),
        (10, None, LONGEST_SECONDS - 10),
        (LONGEST_SECONDS, [pod("a")], 0),
        (500, None, 0),
        (-3600, [pod("a")], LONGEST_SECONDS),
    ],
)
def test_a_pod_has_loaded_what_it_was_annotated_with_or_started_after_or_surely_synced_since(
    written: float, pods: list[dict[str, Any]] | None, expected: int
) -> None:
    assert loading_seconds(secret(written), pods, NOW) == expected


def test_without_a_secret_nothing_is_loaded() -> None:
    assert loading_seconds(None, [pod("a")], NOW) == 0


class Waiting(MemoryCluster):
    """Its pods can be patched, unless that is forbidden."""

    may_patch = True

    def patch(self, kind: str, name: str, namespace: str, change: dict[str, Any]) -> None:
        if not self.may_patch:
            raise ApiError(Problem("Pod", "may not be patched"), status=HTTP_FORBIDDEN)
        self.objects[Ref(kind, name, namespace)]["metadata"]["annotations"] = change["metadata"]["annotations"]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Waiting]:
    """Makes a cluster in whose time nothing but waiting passes."""
    passed = [0.0]
    monkeypatch.setattr(loading.time, "monotonic", lambda: passed[0])
    monkeypatch.setattr(loading.time, "sleep", lambda seconds: passed.__setitem__(0, passed[0] + seconds))
    monkeypatch.setattr(loading, "cluster_time", lambda _cluster: NOW + timedelta(seconds=passed[0]))

    def make(*objects: dict[str, Any], may_patch: bool) -> Waiting:
        made = Waiting()
        made.objects = {Ref.of(obj): obj for obj in objects}
        made.may_patch = may_patch
        made.passed = passed
        return made

    return make


def test_pods_that_a_killed_run_did_not_reach_load_it_at_once(cluster: Callable[..., Waiting]) -> None:
    made = cluster(secret(1), pod("a"), may_patch=True)
    wait_until_loaded(made, "links", 5)
    assert made.objects[Ref("Pod", "a", "links")]["metadata"]["annotations"] == {ANNOTATION: LOADED}
    assert made.passed == [1.0], "it is annotated twice, since the kubelet may hear of the Secret after the first time"


def test_where_pods_may_not_be_patched_it_waits_as_long_as_they_may_take(cluster: Callable[..., Waiting]) -> None:
    made = cluster(secret(20), pod("a"), may_patch=False)
    wait_until_loaded(made, "links", 120)
    assert made.passed == [LONGEST_SECONDS - 20]


def test_when_that_takes_longer_than_the_timeout_it_says_so_at_once(cluster: Callable[..., Waiting]) -> None:
    made = cluster(secret(20), pod("a"), may_patch=False)
    with pytest.raises(ClusterlinkError, match=r"may use its previous content for another 80 s.*timeout of 30 s"):
        wait_until_loaded(made, "links", 30)
    assert made.passed == [0.0]
