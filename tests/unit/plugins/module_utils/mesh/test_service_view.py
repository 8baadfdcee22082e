# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plain data of a namespace, for the plan."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.mesh.service_view import (
    import_sources_view,
    is_original,
    service_view,
    stateful_set_view,
)

Object = dict[str, Any]


@pytest.mark.parametrize(
    ("metadata", "original"),
    [
        ({}, True),
        ({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, True),
        ({"labels": {"app.kubernetes.io/managed-by": "clusterlink.net"}}, False),
        ({"labels": {"app.kubernetes.io/managed-by": "skyshift.clusterlink"}}, False),
        ({"deletionTimestamp": "2026-01-01T00:00:00Z"}, False),
    ],
)
def test_what_clusterlink_or_this_collection_made_is_no_original(metadata: Object, original: bool) -> None:
    assert is_original({"metadata": {"name": "web", **metadata}}) == original


def test_service_is_reported_with_what_the_server_leaves_out() -> None:
    service = {
        "metadata": {"name": "web"},
        "spec": {"clusterIP": "None", "ports": [{"port": 80}, {"name": "m", "port": 1, "targetPort": "metrics"}]},
    }
    assert service_view(service) == {
        "name": "web",
        "labels": {},
        "type": "ClusterIP",
        "cluster_ip": "None",
        "selector": {},
        "ports": [
            {"name": "", "port": 80, "protocol": "TCP", "target_port": 80},
            {"name": "m", "port": 1, "protocol": "TCP", "target_port": "metrics"},
        ],
    }


def test_stateful_set_is_reported_by_the_ordinals_of_its_pods() -> None:
    assert stateful_set_view({"metadata": {"name": "db"}, "spec": {}}) == {"name": "db", "replicas": 1, "start": 0}
    spec = {"replicas": 0, "ordinals": {"start": 5}}
    assert stateful_set_view({"metadata": {"name": "db"}, "spec": spec}) == {"name": "db", "replicas": 0, "start": 5}


def test_import_is_reported_with_the_fabric_that_made_it() -> None:
    labels = {"app.kubernetes.io/managed-by": "skyshift.clusterlink", "skyshift.clusterlink/fabric": "demo"}
    sources = [{"peer": "east", "exportName": "web", "exportNamespace": "train"}]
    imported = {
        "kind": "Import",
        "metadata": {"name": "web", "namespace": "train", "labels": labels},
        "spec": {"port": 80, "sources": sources},
    }
    assert import_sources_view(imported) == {
        "name": "web",
        "port": 80,
        "fabric": "demo",
        "sources": [{"peer": "east", "export_name": "web", "export_namespace": "train"}],
    }
