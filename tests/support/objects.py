# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ClusterLink's objects, as tests write them down."""

from __future__ import annotations

from typing import Any

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.crds import crds as crd_objects

API = "clusterlink.net/v1alpha1"
Object = dict[str, Any]


def make(kind: str, name: str, namespace: str = "", **spec: Any) -> Object:
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    return {"apiVersion": API, "kind": kind, "metadata": metadata, "spec": spec}


def peer(name: str, namespace: str, host: str = "192.0.2.1") -> Object:
    return make("Peer", name, namespace, gateways=[{"host": host, "port": 443}])


def service_import(name: str, namespace: str, *peers: str) -> Object:
    sources = [{"peer": peer, "exportName": "web", "exportNamespace": "default"} for peer in peers]
    return make("Import", name, namespace, port=80, lbScheme="round-robin", sources=sources)


def policy(kind: str, name: str, namespace: str = "") -> Object:
    client = {"workloadSelector": {"matchLabels": {"client.clusterlink.net/labels.app": "frontend"}}}
    return make(kind, name, namespace, action="allow", **{"from": [client], "to": [{"workloadSelector": {}}]})


def crd_names() -> list[str]:
    """The names of ClusterLink's CustomResourceDefinitions."""
    return [crd["metadata"]["name"] for crd in crd_objects()]
