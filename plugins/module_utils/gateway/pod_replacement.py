# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replace pods that end at once when they are deleted, as those of ClusterLink's operator do, without losing a request.

A rolling restart would lose requests: such a pod ends while connections still come in. So the pods are orphaned first.
They serve beside the new ones, and leave their Services before they are deleted.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import Any

from ..clusterlink import names
from ..common.kinds import Ref
from ..common.progress import Progress
from ..common.types import Object
from ..errors import ClusterlinkError, Problem
from ..kube.apply import delete_objects
from ..kube.client import Cluster
from ..kube.exec import Container, run_in_container
from ..kube.wait import wait_gone
from .network_policy import REPLACED
from .spec import DRAIN_SECONDS
from .workloads import ENVOY_DRAIN

GONE_SECONDS = 180.0
"""How long a removed object may take to be gone; an operator's pod has 10 s to end by itself."""

_HASH = "pod-template-hash"
"""The label by which a ReplicaSet selects its pods, and a Service does not."""
_PAUSE = 0.5
"""Seconds between two reads of the pods."""
_DRAIN_COMMAND_SECONDS = 5.0
"""How long the command that starts Envoy's drain may take."""


def leave_service(cluster: Cluster, namespace: str, app: str) -> None:
    """Take the orphaned pods of a component out of its Service. They keep serving their open connections.

    Raises:
        ApiError: They may not be changed.
    """
    for pod in _pods(cluster, namespace):
        if _app(pod) == app and not _owned(pod):
            _label(cluster, pod, names.pod_labels(f"{app}{REPLACED}"))


def drain_orphaned_pods(cluster: Cluster, namespace: str) -> None:
    """Take a gateway's orphaned pods out of their Services, and delete them.

    Raises:
        ClusterlinkError: Something may not be changed or removed, or is not gone in time.
    """
    for app in names.COMPONENTS:
        leave_service(cluster, namespace, app)
    alone = [pod for pod in _pods(cluster, namespace) if not _owned(pod)]
    if alone:
        time.sleep(DRAIN_SECONDS[0])
        for pod in alone:
            _start_envoy_drain(cluster, pod)
        time.sleep(DRAIN_SECONDS[0])
        refs = [Ref.of(pod) for pod in alone]
        delete_objects(cluster, refs, check=False, known=alone)
        wait_gone(cluster, refs, GONE_SECONDS)


def wait_until_ended(cluster: Cluster, namespace: str, app: str) -> None:
    """Wait until the pods of a component that are being deleted are gone, with all connections that they kept.

    Raises:
        ClusterlinkError: They are not gone after their own time to end and some more.
    """
    pods = [pod for pod in cluster.list("Pod", namespace, label_selector=names.pod_selector(app)) if _ends(pod)]
    grace = max((pod["spec"].get("terminationGracePeriodSeconds") or 0 for pod in pods), default=0)
    wait_gone(cluster, [Ref.of(pod) for pod in pods], grace + GONE_SECONDS)


def _start_envoy_drain(cluster: Cluster, pod: Object) -> None:
    """Let Envoy close the connections that others keep. If the command fails or is forbidden, a request may be lost."""
    metadata = pod["metadata"]
    if _app(pod).startswith(names.DATAPLANE):
        place = Container(metadata["namespace"], metadata["name"], pod["spec"]["containers"][0]["name"])
        with contextlib.suppress(ClusterlinkError):
            run_in_container(cluster, place, ["bash", "-c", ENVOY_DRAIN], _DRAIN_COMMAND_SECONDS)


def replace_pods(cluster: Cluster, namespace: str, timeout: float) -> None:
    """Replace all pods of a gateway by new ones of the same Deployments.

    It can be interrupted anywhere and run again.

    Args:
        cluster: Where.
        namespace: The gateway's.
        timeout: Seconds until the new ones serve.

    Raises:
        ClusterlinkError: Something may not be changed or removed, or the new ones do not serve; the old ones still do.
    """
    deadline = time.monotonic() + timeout
    # A data plane keeps the control plane that it connected to first: that one has to be new (install_plan.py).
    for app in names.COMPONENTS:
        old = [pod for pod in _pods(cluster, namespace) if _app(pod) == app and _owned(pod)]
        for pod in old:
            _label(cluster, pod, {_HASH: None})
        _wait_for_new(cluster, Ref("Deployment", app, namespace), old, deadline)
        leave_service(cluster, namespace, app)
    drain_orphaned_pods(cluster, namespace)


def _wait_for_new(cluster: Cluster, deployment: Ref, old: Sequence[Object], deadline: float) -> None:
    known, progress = {pod["metadata"]["name"] for pod in old}, Progress()
    while True:
        new = [pod for pod in _pods(cluster, deployment.namespace) if _owned(pod) and _app(pod) == deployment.name]
        if sum(_ready(pod) and pod["metadata"]["name"] not in known for pod in new) >= len(old):
            return
        if time.monotonic() >= deadline:
            what = "its new pods do not serve in time; the old ones still do"
            fix = "Look at its pods with kubectl describe and kubectl logs"
            raise ClusterlinkError(Problem(str(deployment), what, fix=fix))
        progress.pause(_PAUSE, f"{deployment}: its new pods do not serve yet")


def _pods(cluster: Cluster, namespace: str) -> Sequence[Object]:
    apps = (word for name in names.COMPONENTS for word in (name, f"{name}{REPLACED}"))
    pods = cluster.list("Pod", namespace, label_selector=names.pod_selector(*apps))
    return [pod for pod in pods if not _ends(pod)]


def _ends(pod: Object) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))


def _owned(pod: Object) -> bool:
    return bool(pod["metadata"].get("ownerReferences"))


def _app(pod: Object) -> str:
    return str(pod["metadata"]["labels"][names.POD_LABEL])


def _ready(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _label(cluster: Cluster, pod: Object, labels: dict[str, Any]) -> None:
    metadata = pod["metadata"]
    cluster.patch("Pod", metadata["name"], metadata["namespace"], {"metadata": {"labels": labels}})
