# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a gateway's pods use the peer Secret as it is, or may still use what it held before.

The kubelet brings a changed Secret into a running pod within its next sync of that pod. A pod that is changed, such as
by our annotation, is synced at once. Otherwise the next sync comes within 60 to 90 s.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

from ..clusterlink import names
from ..common.progress import Progress
from ..common.times import parse_time
from ..common.types import Object
from ..errors import ClusterlinkError, Problem
from ..kube.client import Cluster
from ..kube.errors import HTTP_FORBIDDEN, ApiError
from .certificate import LONGEST_SECONDS, refresh_mounted_secret, secret_text
from .manifests import certificate_digest

_POLL_SECONDS = 1.0


def secret_digest(secret: Object | None) -> str:
    """The digest of the certificates in a peer Secret, as pods that have loaded them are annotated with it."""
    return certificate_digest(secret_text(secret, names.PEER_CERTIFICATE), secret_text(secret, names.PEER_CA))


def loading_seconds(secret: Object | None, pods: Sequence[Object] | None, now: datetime) -> int:
    """Seconds until every control-plane pod surely uses the peer Secret's certificates; 0 when all do.

    Args:
        secret: The peer Secret.
        pods: The control plane's pods; None when they may not be read.
        now: By the cluster's clock; aware.
    """
    written = _written(secret)
    if secret is None or written is None:
        return 0
    left = math.ceil((written + timedelta(seconds=LONGEST_SECONDS) - now).total_seconds())
    if pods is not None and all(_has_loaded(pod, secret_digest(secret), written) for pod in pods):
        return 0
    return min(max(left, 0), LONGEST_SECONDS)


def _has_loaded(pod: Object, digest: str, written: datetime) -> bool:
    annotations = pod["metadata"].get("annotations") or {}
    if annotations.get(names.PEER_CERTIFICATE_ANNOTATION) == digest:
        return True
    started = (pod.get("status") or {}).get("startTime")
    return started is None or parse_time(started) > written  # one that has not started will read the present content


def _written(secret: Object | None) -> datetime | None:
    """When the Secret was last written; None when it is unknown."""
    metadata = (secret or {}).get("metadata") or {}
    times = [entry["time"] for entry in metadata.get("managedFields") or [] if entry.get("time")]
    times += [metadata["creationTimestamp"]] if metadata.get("creationTimestamp") else []
    return max(map(parse_time, times), default=None)


def controlplane_pods(cluster: Cluster, namespace: str) -> Sequence[Object] | None:
    """The control plane's pods; None when they may not be read.

    Raises:
        ApiError: The API server refuses for another reason.
    """
    try:
        return list(cluster.list("Pod", namespace, label_selector=names.pod_selector(names.CONTROLPLANE)))
    except ApiError as error:
        if error.status != HTTP_FORBIDDEN:
            raise
        return None


def cluster_time(cluster: Cluster) -> datetime:
    """The time by the API server's clock."""
    return datetime.now(timezone.utc) + timedelta(seconds=cluster.clock or 0)


def wait_until_loaded(cluster: Cluster, namespace: str, timeout: float) -> None:
    """Wait until every control-plane pod uses the peer Secret's certificates.

    Args:
        cluster: Where.
        namespace: The gateway's.
        timeout: Seconds.

    Raises:
        ClusterlinkError: That takes longer.
    """
    deadline, progress = time.monotonic() + timeout, Progress()
    where, refreshed = f"Secret {namespace}/{names.PEER_SECRET}", False
    while True:
        secret = cluster.get("Secret", names.PEER_SECRET, namespace)
        left = loading_seconds(secret, controlplane_pods(cluster, namespace), cluster_time(cluster))
        if not left:
            return
        if not refreshed:  # a run may have been killed before it made the kubelet refresh the pods
            refresh_mounted_secret(cluster, namespace, secret_digest(secret))
            refreshed = True
            continue
        if time.monotonic() + left > deadline:
            what = f"the control plane's pods may use its previous content for another {left} s"
            fix = "Run the playbook again after that, wait longer, or allow this user to patch pods in the namespace"
            raise ClusterlinkError(Problem(where, what, f"a timeout of {timeout:.0f} s", fix))
        progress.pause(min(left, _POLL_SECONDS), f"{where}: the control plane's pods may use its previous content")
