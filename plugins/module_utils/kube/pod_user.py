# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who chooses the user and group ids of pods: this collection, or the cluster's platform.

OpenShift gives each namespace a range of ids, sets them in pods that set none, and refuses pods with others (its
security context constraint restricted-v2).
"""

from __future__ import annotations

from typing import Any

from .client import Cluster
from .errors import HTTP_FORBIDDEN, HTTP_NOT_FOUND, ApiError

AUTO, FIXED, PLATFORM = "auto", "fixed", "platform"
USER_IDS = (AUTO, FIXED, PLATFORM)
"""Left to the platform where it assigns ids; always our own; always left to the platform."""

USER = 65532
"""The customary user for images that set none, as the gateway's images do."""

_OPENSHIFT = "security.openshift.io"
"""The API group of OpenShift's security context constraints."""


def assigns_user_ids(cluster: Cluster) -> bool:
    """Whether the cluster's platform assigns user and group ids to pods.

    Raises:
        ClusterlinkError: The API server does not say it.
    """
    try:
        group = cluster.fetch(f"/apis/{_OPENSHIFT}")
    except ApiError as error:
        if error.status not in (HTTP_FORBIDDEN, HTTP_NOT_FOUND):
            raise
        return False
    return group.get("name") == _OPENSHIFT


def pod_security_context(user_ids: str, *, owns_volumes: bool = False) -> dict[str, Any]:
    """A pod's C(securityContext) that meets the restricted Pod Security Standard.

    Args:
        user_ids: One of USER_IDS; C(auto) counts as C(fixed).
        owns_volumes: Whether the files of its volumes belong to its group.
    """
    ids = {"runAsUser": USER, "runAsGroup": USER, **({"fsGroup": USER} if owns_volumes else {})}
    return {
        "runAsNonRoot": True,
        **({} if user_ids == PLATFORM else ids),
        "seccompProfile": {"type": "RuntimeDefault"},
    }
