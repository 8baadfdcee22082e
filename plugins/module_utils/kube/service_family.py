# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address family that a cluster gives to Services which name none.

It is that of Service C(kubernetes), which every API server makes in namespace C(default) without naming one.
"""

from __future__ import annotations

import ipaddress

from .client import Cluster
from .errors import HTTP_FORBIDDEN, ApiError


def first_family(cluster: Cluster) -> str:
    """C(IPv4) or C(IPv6); empty where the Service may not be read, or has no address.

    Raises:
        ClusterlinkError: The Service cannot be read for another reason.
    """
    try:
        service = cluster.get("Service", "kubernetes", "default")
    except ApiError as error:
        if error.status != HTTP_FORBIDDEN:
            raise
        return ""
    spec = service["spec"] if service else {}
    families = spec.get("ipFamilies") or []
    return str(families[0]) if families else _family(str(spec.get("clusterIP", "")))


def _family(address: str) -> str:
    try:
        return f"IPv{ipaddress.ip_address(address).version}"
    except ValueError:
        return ""
