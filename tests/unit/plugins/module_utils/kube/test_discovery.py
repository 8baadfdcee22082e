# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a namespace contains, of whatever kinds an API server has."""

from __future__ import annotations

from typing import Any

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError, Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.discovery import namespace_contents


class Server:
    """Stands for an API server; what it does not know it refuses."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self._answers = answers

    def fetch(self, api_path: str) -> dict[str, Any]:
        if api_path not in self._answers:
            raise ClusterlinkError(Problem(api_path, "is refused"))
        found: dict[str, Any] = self._answers[api_path]
        return found


def resource(name: str, kind: str, *, namespaced: bool = True, verbs: tuple[str, ...] = ("list",)) -> dict[str, Any]:
    return {"name": name, "kind": kind, "namespaced": namespaced, "verbs": list(verbs)}


def listed(*names: str, **metadata: Any) -> dict[str, Any]:
    return {"items": [{"metadata": {"name": name, **metadata}} for name in names]}


CORE = {
    "resources": [
        resource("configmaps", "ConfigMap"),
        resource("events", "Event"),
        resource("nodes", "Node", namespaced=False),
        resource("pods", "Pod"),
        resource("pods/log", "Pod"),
        resource("bindings", "Binding", verbs=("create",)),
    ]
}
GROUPS = {"groups": [{"preferredVersion": {"groupVersion": "example.com/v1"}}]}


def test_objects_of_every_kind_are_found_but_what_others_own_or_derive() -> None:
    server = Server(
        {
            "/apis": GROUPS,
            "/api/v1": CORE,
            "/apis/example.com/v1": {
                "resources": [resource("widgets", "Widget"), resource("packagemanifests", "PackageManifest")]
            },
            "/api/v1/namespaces/a/configmaps": listed("settings"),
            "/api/v1/namespaces/a/pods": listed("web-1", ownerReferences=[{"kind": "ReplicaSet"}]),
            "/apis/example.com/v1/namespaces/a/widgets": {
                "items": [*listed("w")["items"], *listed("copy", labels={"olm.copiedFrom": "operators"})["items"]]
            },
        }
    )
    found = namespace_contents(server, "a")
    assert found.refs == [Ref("ConfigMap", "settings", "a"), Ref("Widget", "w", "a")]
    assert found.unread == []
    assert namespace_contents(server, "a", ["ConfigMap"]).refs == [Ref("Widget", "w", "a")]


def test_what_cannot_be_listed_is_named() -> None:
    server = Server({"/apis": GROUPS, "/api/v1": {"resources": [resource("secrets", "Secret")]}})
    assert namespace_contents(server, "a") == ([], ["example.com/v1", "secrets"])
