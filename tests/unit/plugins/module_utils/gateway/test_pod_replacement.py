# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods are replaced while they serve: none leaves its Service before another one is ready."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError, Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway import pod_replacement
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.exec import Container

Object = dict[str, Any]
SPACE = "clusterlink-system"


class Pods:
    """Pods of ReplicaSets, which make another one for each that is no longer theirs."""

    def __init__(self, *apps: str, ready: str = "True") -> None:
        self.ready = "True"
        self.objects: dict[str, Object] = {}
        self.done: list[str] = []
        for app in apps:
            self._make(app)
        self.ready = ready

    def _make(self, app: str) -> None:
        name = f"{app}-{len(self.objects)}"
        self.objects[name] = {
            "kind": "Pod",
            "metadata": {
                "name": name,
                "namespace": SPACE,
                "labels": {"app": app, "pod-template-hash": "1"},
                "ownerReferences": [{"uid": "set"}],
            },
            "spec": {"containers": [{"name": "main"}]},
            "status": {"conditions": [{"type": "Ready", "status": self.ready}]},
        }

    def list(self, _kind: str, _namespace: str, label_selector: str = "") -> list[Object]:
        assert label_selector.count("cl-") in (0, 1, 4)
        return list(self.objects.values())

    def get(self, _kind: str, name: str, _namespace: str) -> Object | None:
        return self.objects.get(name)

    def patch(self, _kind: str, name: str, _namespace: str, body: Object) -> None:
        metadata = self.objects[name]["metadata"]
        for key, value in body["metadata"]["labels"].items():
            self.done.append(f"{name}: {key}={value}")
            metadata["labels"][key] = value
        if metadata["labels"]["pod-template-hash"] is None and metadata.pop("ownerReferences", None):
            self._make(metadata["labels"]["app"])

    def delete(self, _kind: str, name: str, _namespace: str = "", *, dry_run: bool = False, **_same: str) -> bool:
        if not dry_run:
            self.done.append(f"delete {name}")
            del self.objects[name]
        return True


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(cluster: Pods, refs: list[Ref], _timeout: float) -> None:
        assert not {ref.name for ref in refs} & set(cluster.objects)

    def told(cluster: Pods, place: Container, _command: list[str], _timeout: float) -> None:
        cluster.done.append(f"tell {place.pod}")
        raise ClusterlinkError(Problem(str(place), "the API server does not run a command in it"))

    monkeypatch.setattr(pod_replacement, "wait_gone", gone)
    monkeypatch.setattr(pod_replacement, "run_in_container", told)
    monkeypatch.setattr(pod_replacement.time, "sleep", lambda _seconds: None)


def test_pods_serve_until_others_do_and_leave_their_service_before_they_end() -> None:
    pods = Pods("cl-controlplane", "cl-dataplane")
    pod_replacement.replace_pods(pods, SPACE, 10)
    assert pods.done == [
        "cl-controlplane-0: pod-template-hash=None",
        "cl-controlplane-0: app=cl-controlplane-replaced",
        "cl-dataplane-1: pod-template-hash=None",
        "cl-dataplane-1: app=cl-dataplane-replaced",
        "tell cl-dataplane-1",
        "delete cl-controlplane-0",
        "delete cl-dataplane-1",
    ]
    assert set(pods.objects) == {"cl-controlplane-2", "cl-dataplane-3"}


def test_only_pods_that_end_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pods = Pods("cl-dataplane", "cl-dataplane")
    pods.objects["cl-dataplane-0"]["metadata"]["deletionTimestamp"] = "2030-01-01T00:00:00Z"
    pods.objects["cl-dataplane-0"]["spec"]["terminationGracePeriodSeconds"] = 25
    waited: list[tuple[list[str], float]] = []
    monkeypatch.setattr(
        pod_replacement, "wait_gone", lambda _cluster, refs, limit: waited.append(([ref.name for ref in refs], limit))
    )
    pod_replacement.wait_until_ended(pods, SPACE, "cl-dataplane")
    assert waited == [(["cl-dataplane-0"], 25 + pod_replacement.GONE_SECONDS)]


def test_where_new_ones_do_not_serve_the_old_ones_stay_and_the_next_run_ends_them() -> None:
    pods = Pods("cl-dataplane", ready="False")
    with pytest.raises(ClusterlinkError, match=r"Deployment clusterlink-system/cl-dataplane: its new pods do not"):
        pod_replacement.replace_pods(pods, SPACE, 0)
    assert not any("app=" in step or "delete" in step for step in pods.done)

    pods.ready = "True"
    pod_replacement.replace_pods(pods, SPACE, 10)
    assert set(pods.objects) == {"cl-dataplane-2"}
    pod_replacement.drain_orphaned_pods(pods, SPACE)
    assert set(pods.objects) == {"cl-dataplane-2"}
