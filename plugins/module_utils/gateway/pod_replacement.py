# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replace pods that end at once when they are told to, as those of ClusterLink's operator do, and lose no request.

A rolling restart would not do: such a pod ends with connections still coming in. So pods are let go of, and belong to
nobody then; they serve beside the new ones, and leave their Services before they end.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import Any

from ..clusterlink import names
from ..common.kinds import Ref
from ..errors import ClusterlinkError, Problem
from ..kube.apply import delete_objects
from ..kube.client import Cluster, Object
from ..kube.exec import Container, run_in_container
from ..kube.wait import wait_gone
from .spec import DRAIN_SECONDS
from .status import DEPLOYMENTS
from .workloads import ENVOY_DRAIN

GONE_SECONDS = 180.0
"""How long anything that was removed may take to be gone; an operator's pod has 10 s to end by itself."""

_REPLACED = "-replaced"
"""What the value of label app of a pod ends in that has left its Service."""
_HASH = "pod-template-hash"
"""The label by which a ReplicaSet knows its pods, and a Service does not."""
_PAUSE = 0.5
"""Seconds between looks at the pods."""
_GOODBYE_SECONDS = 5.0
"""How long a pod may take to be told that it will end."""


def leave_service(cluster: Cluster, namespace: str, app: str) -> None:
    """Take pods of a gateway's component that nobody owns out of its Service; they serve on for who asks them already.

    Raises:
        ApiError: They may not be changed.
    """
    for pod in _pods(cluster, namespace):
        if _app(pod) == app and not _owned(pod):
            _label(cluster, pod, {"app": f"{app}{_REPLACED}"})


def drain_orphaned_pods(cluster: Cluster, namespace: str) -> None:
    """Take pods of a gateway that nobody owns out of their Services, and end them.

    Raises:
        ClusterlinkError: Something may not be changed or removed, or does not go.
    """
    for app in DEPLOYMENTS:
        leave_service(cluster, namespace, app)
    alone = [pod for pod in _pods(cluster, namespace) if not _owned(pod)]
    if alone:
        time.sleep(DRAIN_SECONDS[0])
        for pod in alone:
            _start_envoy_drain(cluster, pod)
        time.sleep(DRAIN_SECONDS[0])
        refs = [Ref.of(pod) for pod in alone]
        delete_objects(cluster, refs, check=False)
        wait_gone(cluster, refs, GONE_SECONDS)


def _start_envoy_drain(cluster: Cluster, pod: Object) -> None:
    """Let Envoy close connections that others keep. Where that may not or cannot be done, a request may be lost."""
    metadata = pod["metadata"]
    if _app(pod).startswith(names.DATAPLANE):
        place = Container(metadata["namespace"], metadata["name"], pod["spec"]["containers"][0]["name"])
        with contextlib.suppress(ClusterlinkError):
            run_in_container(cluster, place, ["bash", "-c", ENVOY_DRAIN], _GOODBYE_SECONDS)


def replace_pods(cluster: Cluster, namespace: str, timeout: float) -> None:
    """Replace all pods of a gateway by others of the same kind.

    It may be stopped anywhere and begun again.

    Args:
        cluster: Where.
        namespace: The gateway's.
        timeout: Seconds until the new ones serve.

    Raises:
        ClusterlinkError: Something may not be changed or removed, or the new ones do not serve; the old ones still do.
    """
    deadline = time.monotonic() + timeout
    # A data plane stays with the control plane that it first asked: that has to be one that stays (install_plan.py).
    for app in DEPLOYMENTS:
        old = [pod for pod in _pods(cluster, namespace) if _app(pod) == app and _owned(pod)]
        for pod in old:
            _label(cluster, pod, {_HASH: None})
        _wait_for_others(cluster, Ref("Deployment", app, namespace), old, deadline)
        leave_service(cluster, namespace, app)
    drain_orphaned_pods(cluster, namespace)


def _wait_for_others(cluster: Cluster, deployment: Ref, old: Sequence[Object], deadline: float) -> None:
    known = {pod["metadata"]["name"] for pod in old}
    while True:
        new = [pod for pod in _pods(cluster, deployment.namespace) if _owned(pod) and _app(pod) == deployment.name]
        if sum(_ready(pod) and pod["metadata"]["name"] not in known for pod in new) >= len(old):
            return
        if time.monotonic() >= deadline:
            what = "its new pods do not serve in time; those before them still do"
            fix = "Look at its pods with kubectl describe and kubectl logs"
            raise ClusterlinkError(Problem(str(deployment), what, fix=fix))
        time.sleep(_PAUSE)


def _pods(cluster: Cluster, namespace: str) -> Sequence[Object]:
    apps = ",".join(word for name in DEPLOYMENTS for word in (name, f"{name}{_REPLACED}"))
    pods = cluster.list("Pod", namespace, label_selector=f"app in ({apps})")
    return [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]


def _owned(pod: Object) -> bool:
    return bool(pod["metadata"].get("ownerReferences"))


def _app(pod: Object) -> str:
    return str(pod["metadata"]["labels"]["app"])


def _ready(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _label(cluster: Cluster, pod: Object, labels: dict[str, Any]) -> None:
    metadata = pod["metadata"]
    cluster.patch("Pod", metadata["name"], metadata["namespace"], {"metadata": {"labels": labels}})
