# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's workloads as single pods that end at once: a web server that says where it runs, and a client of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Object = Mapping[str, Any]


def web(namespace: str, cluster: str = "here", name: str = "main") -> list[Object]:
    """A pod whose answers name the cluster, and its Service C(web)."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    return [_pod(name, namespace, "web", "clusterlink-lab/web:v1", cluster), service]


def client(namespace: str, name: str = "main") -> list[Object]:
    """A pod with curl that policies know as app=frontend."""
    return [_pod(name, namespace, "frontend", "clusterlink-lab/client:v1", "")]


def stranger(namespace: str) -> list[Object]:
    """A pod with curl that policies do not know."""
    return [_pod("stranger", namespace, "stranger", "clusterlink-lab/client:v1", "")]


def _pod(name: str, namespace: str, app: str, image: str, cluster: str) -> Object:
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "Never",
        "env": [{"name": "CLUSTER", "value": cluster}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": app}},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]},
    }
