# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A namespace's Services, StatefulSets and Imports as plain data, for the plan. Pure."""

from __future__ import annotations

from typing import Any

from ..clusterlink import api
from ..clusterlink.names import CLUSTERLINK_MANAGED
from ..common.types import Object
from .fabric_view import import_view

_MAKERS = (CLUSTERLINK_MANAGED, api.MANAGED_BY)


def is_original(service: Object) -> bool:
    """Whether neither ClusterLink nor this collection created the Service, and it is not being deleted."""
    metadata = service["metadata"]
    made_by = (metadata.get("labels") or {}).get(api.MANAGED_BY_LABEL)
    return made_by not in _MAKERS and not metadata.get("deletionTimestamp")


def service_view(service: Object) -> dict[str, Any]:
    """A Service: its name, labels, selector and ports."""
    metadata, spec = service["metadata"], service.get("spec") or {}
    return {
        "name": metadata["name"],
        "labels": dict(metadata.get("labels") or {}),
        "type": spec.get("type") or "ClusterIP",
        "cluster_ip": spec.get("clusterIP") or "",
        "selector": dict(spec.get("selector") or {}),
        "ports": [
            {
                "name": port.get("name") or "",
                "port": port["port"],
                "protocol": port.get("protocol") or "TCP",
                "target_port": port.get("targetPort") or port["port"],
            }
            for port in spec.get("ports") or []
        ],
    }


def stateful_set_view(stateful_set: Object) -> dict[str, Any]:
    """A StatefulSet: its number of replicas, and the first ordinal."""
    spec = stateful_set.get("spec") or {}
    return {
        "name": stateful_set["metadata"]["name"],
        "replicas": spec.get("replicas", 1),
        "start": (spec.get("ordinals") or {}).get("start", 0),
    }


def import_sources_view(imported: Object) -> dict[str, Any]:
    """An Import: its sources, and its fabric."""
    view = import_view(imported)
    return {key: view[key] for key in ("name", "port", "fabric", "sources")}
