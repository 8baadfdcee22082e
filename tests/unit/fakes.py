# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins for an API server: one with prepared responses, and one that keeps objects in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube import client
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.connection import connect
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.errors import HTTP_CONFLICT, ApiError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.retry import DEFAULT_LIMIT, RetryPolicy


@dataclass
class Asked:
    """One request that the server got."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: Any

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Time:
    """A clock that only waiting moves on.

    Attributes:
        slept: The seconds of every pause.
        draws: What chance gave: between which bounds.
    """

    def __init__(self, share: float = 0.5) -> None:
        """Let chance always give the same share of what it may."""
        self.slept: list[float] = []
        self.draws: list[tuple[float, float]] = []
        self.now = 100.0
        self._share = share

    def policy(self, limit: float = DEFAULT_LIMIT) -> RetryPolicy:
        return RetryPolicy(limit, clock=lambda: self.now, sleep=self._sleep, uniform=self._uniform)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def _uniform(self, low: float, high: float) -> float:
        self.draws.append((low, high))
        return low + self._share * (high - low)


@dataclass
class Api:
    """The server's URL, what it is to answer, in this order, and what it was asked.

    An answer is (status, body, headers), where the body is JSON unless it is bytes; None breaks the connection.
    """

    url: str
    answers: list[tuple[int, Any, dict[str, str]] | None] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    time: Time = field(default_factory=Time)

    def will(self, status: int, body: Any = None, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.append((status, {} if body is None else body, named))

    def will_break(self) -> None:
        self.answers.append(None)

    def cluster(self, limit: float = DEFAULT_LIMIT, **options: Any) -> client.Cluster:
        return connect({"host": self.url, "api_key": "secret-token", **options}, self.time.policy(limit))


class MemoryCluster:
    """Keeps objects in memory the way an API server does, as far as applying whole objects goes.

    Attributes:
        objects: What is there, by reference.
        writes: What was written, in order: (verb, reference).
        dry_runs: The dry runs.
        refusals: Errors to raise, by (verb, reference); a verb of a dry run is C(try apply) or C(try delete).
        unserved: Kinds that are not known.
        reads: (kind, namespace, name) of every list and get.
        groups: API groups that it serves besides those of objects.
        version: What it says of its version.
        clock: Seconds by which its clock is ahead, as C(Cluster.clock).
    """

    clock: int | None = None
    version: Mapping[str, str] = MappingProxyType({"major": "1", "minor": "34"})

    def __init__(self, *objects: dict[str, Any]) -> None:
        self.objects: dict[Ref, dict[str, Any]] = {}
        self.writes: list[tuple[str, str]] = []
        self.dry_runs: list[tuple[str, str]] = []
        self.refusals: dict[tuple[str, Ref], Exception] = {}
        self.unserved: set[str] = set()
        self.groups: set[str] = set()
        self.reads: list[tuple[str, str, str]] = []
        for obj in objects:
            self.objects[Ref.of(obj)] = self.stored(obj)

    @staticmethod
    def stored(obj: dict[str, Any]) -> dict[str, Any]:
        """The object as the server keeps what we applied."""

        def fields(value: Any) -> dict[str, Any]:
            return {f"f:{key}": fields(below) for key, below in value.items()} if isinstance(value, dict) else {}

        kept = {key: value for key, value in obj.items() if key not in ("kind", "apiVersion", "metadata")}
        metadata = {key: obj["metadata"][key] for key in ("labels", "annotations") if obj["metadata"].get(key)}
        if metadata:
            kept["metadata"] = metadata
        entry = {"manager": "skyshift.clusterlink", "operation": "Apply", "fieldsV1": fields(kept)}
        return {**obj, "metadata": {**obj["metadata"], "managedFields": [entry]}}

    def list(self, kind: str, namespace: str = "", **_selectors: str) -> client.Listing:
        self.reads.append((kind, namespace, ""))
        if kind in self.unserved:
            return client.Listing([], served=False)
        found = [obj for ref, obj in self.objects.items() if ref.kind == kind and namespace in ("", ref.namespace)]
        return client.Listing(found, resource_version="1")

    def fetch(self, api_path: str) -> dict[str, Any]:
        """Its version; no kinds besides those that are read by name."""
        if api_path == "/version":
            return dict(self.version)
        if api_path.removeprefix("/apis/") in self.groups:
            return {"name": api_path.removeprefix("/apis/")}
        return {"groups": []} if api_path == "/apis" else {"resources": []}

    def get(self, kind: str, name: str, namespace: str = "") -> dict[str, Any] | None:
        self.reads.append((kind, namespace, name))
        self._refuse("get", Ref(kind, name, namespace))
        return self.objects.get(Ref(kind, name, namespace))

    def apply(self, obj: dict[str, Any], *, force: bool = False, dry_run: bool = False) -> dict[str, Any]:
        ref = Ref.of(obj)
        verb = "force" if force else "apply"
        self._refuse(f"try {verb}" if dry_run else verb, ref)
        if obj["kind"] in self.unserved:
            raise ApiError(Problem(str(ref), "not served"), status=404, served=False)
        (self.dry_runs if dry_run else self.writes).append((verb, str(ref)))
        if not dry_run:
            self.objects[ref] = self.stored(obj)
        return self.stored(obj)

    def delete(
        self,
        kind: str,
        name: str,
        namespace: str = "",
        *,
        uid: str = "",
        version: str = "",
        orphan: bool = False,
        grace: int | None = None,
        dry_run: bool = False,
    ) -> bool:
        assert not orphan, "this fake knows no owners"
        assert grace is None or kind == "Pod"
        ref = Ref(kind, name, namespace)
        metadata = self.objects.get(ref, {}).get("metadata", {})
        for given, key in ((uid, "uid"), (version, "resourceVersion")):
            if given and metadata and given != metadata.get(key):
                raise ApiError(Problem(str(ref), "the precondition fails"), status=HTTP_CONFLICT)
        self._refuse("try delete" if dry_run else "delete", ref)
        (self.dry_runs if dry_run else self.writes).append(("delete", str(ref)))
        return (self.objects.get(ref) if dry_run else self.objects.pop(ref, None)) is not None

    def _refuse(self, verb: str, ref: Ref) -> None:
        if (verb, ref) in self.refusals:
            raise self.refusals[verb, ref]
