# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that a namespace contains, of every kind that the API server has."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

from ..common.kinds import Ref
from ..errors import ClusterlinkError
from .client import Cluster
from .parallel import attempt

DERIVED = frozenset(
    {"AppliedClusterResourceQuota", "Event", "Endpoints", "EndpointSlice", "PackageManifest", "PodMetrics"}
)
"""Kinds that report on others, and go with them."""

_COPIED = "olm.copiedFrom"
"""The label of what the Operator Lifecycle Manager copies into every namespace."""


class Contents(NamedTuple):
    """What a namespace contains.

    Attributes:
        refs: Its objects, without those of C(DERIVED) and those that others own.
        unread: The kinds that cannot be listed, as C(widgets.example.com).
    """

    refs: list[Ref]
    unread: list[str]


class _Resource(NamedTuple):
    path: str
    plural: str
    kind: str
    group: str

    @property
    def name(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


def namespace_contents(cluster: Cluster, namespace: str, leave_out: Iterable[str] = ()) -> Contents:
    """List all objects in a namespace.

    Args:
        cluster: The cluster.
        namespace: The namespace.
        leave_out: Kinds that nobody asks for.

    Raises:
        ClusterlinkError: The API server does not say which kinds it has.
    """
    groups = cluster.fetch("/apis")["groups"]
    paths = ["/api/v1", *(f"/apis/{group['preferredVersion']['groupVersion']}" for group in groups)]
    skipped = DERIVED | set(leave_out)
    resources: list[_Resource] = []
    unread: list[str] = []
    for path, answer in zip(paths, attempt(cluster.fetch, paths), strict=True):
        if isinstance(answer, ClusterlinkError):  # an aggregated API whose server is away
            unread.append(path.removeprefix("/apis/"))
        else:
            resources += [each for each in _listable(path, answer) if each.kind not in skipped]
    refs: list[Ref] = []
    listed = attempt(partial(_list, cluster, namespace), resources)
    for resource, found in zip(resources, listed, strict=True):
        if isinstance(found, ClusterlinkError):
            unread.append(resource.name)
        else:
            refs += found
    return Contents(list(dict.fromkeys(refs)), unread)


def _listable(path: str, answer: dict[str, Any]) -> list[_Resource]:
    group = path.removeprefix("/apis/").partition("/")[0] if path.startswith("/apis/") else ""
    return [
        _Resource(path, each["name"], each["kind"], group)
        for each in answer.get("resources") or []
        if each["namespaced"] and "list" in each.get("verbs", ()) and "/" not in each["name"]
    ]


def _list(cluster: Cluster, namespace: str, resource: _Resource) -> list[Ref]:
    found = cluster.fetch(f"{resource.path}/namespaces/{namespace}/{resource.plural}")
    return [
        Ref(resource.kind, each["metadata"]["name"], namespace)
        for each in found.get("items") or []
        if not each["metadata"].get("ownerReferences") and _COPIED not in (each["metadata"].get("labels") or {})
    ]
