# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module reads each namespace by itself and leaves out what was made for imports."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.outcome import Mode
from ansible_collections.skyshift.clusterlink.plugins.modules import service_info

Object = dict[str, Any]


class Listing:
    """Answers lists of objects by kind and namespace."""

    def __init__(self, **objects: list[Object]) -> None:
        self.objects = objects
        self.asked: list[tuple[str, str]] = []

    def list(self, kind: str, namespace: str = "", label_selector: str = "") -> list[Object]:
        assert label_selector == ""
        self.asked.append((kind, namespace))
        return [each for each in self.objects.get(kind, []) if each["metadata"]["namespace"] == namespace]


def service(name: str, namespace: str, **labels: str) -> Object:
    return {"metadata": {"name": name, "namespace": namespace, "labels": labels}, "spec": {"ports": [{"port": 80}]}}


def test_each_namespace_is_reported_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {"app.kubernetes.io/managed-by": "clusterlink.net"}
    cluster = Listing(
        Service=[service("web", "a"), service("far", "a", **made), service("db", "b")],
        StatefulSet=[{"metadata": {"name": "db", "namespace": "b"}, "spec": {"replicas": 2}}],
    )
    monkeypatch.setattr(service_info, "connect", lambda _params: nullcontext(cluster))
    found = service_info.run({"namespaces": ["a", "b", "a"]}, Mode()).values["namespaces"]
    assert {name: [each["name"] for each in held["services"]] for name, held in found.items()} == {
        "a": ["web"],
        "b": ["db"],
    }
    assert found["b"]["stateful_sets"] == [{"name": "db", "replicas": 2, "start": 0}]
    assert sorted(cluster.asked) == sorted(
        (kind, namespace) for kind in ("Service", "StatefulSet", "Import") for namespace in ("a", "b")
    )
