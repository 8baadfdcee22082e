# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let a control plane that runs take up a new peer certificate at once."""

from __future__ import annotations

from ..clusterlink import names
from ..kube.client import Cluster, Object
from ..kube.errors import HTTP_FORBIDDEN, HTTP_NOT_FOUND, ApiError
from ..pki.peer_material import PeerMaterial
from .manifests import certificate_digest


def refresh_mounted_secret(cluster: Cluster, namespace: str, peer: PeerMaterial) -> list[str]:
    """Let the kubelet bring a changed Secret to the control plane at once; warnings where it is not permitted."""
    digest = certificate_digest(peer.certificate_pem, peer.ca_pem)
    annotate = {"metadata": {"annotations": {names.PEER_CERTIFICATE_ANNOTATION: digest}}}
    try:
        pods = cluster.list("Pod", namespace, label_selector=f"app={names.CONTROLPLANE}")
        for pod in pods:
            _annotate(cluster, pod, annotate)
    except ApiError as error:
        if error.status != HTTP_FORBIDDEN:
            raise
        return [f"The new certificate is in use within 80 seconds, and not at once: {error.message()}"]
    return []


def _annotate(cluster: Cluster, pod: Object, annotate: Object) -> None:
    try:
        cluster.patch("Pod", pod["metadata"]["name"], pod["metadata"]["namespace"], annotate)
    except ApiError as error:
        if error.status != HTTP_NOT_FOUND:  # one that has just been replaced has the new certificate
            raise
