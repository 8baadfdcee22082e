# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster with at most one Lease: versions count up, and a write of another version is refused."""

from __future__ import annotations

import copy
import itertools
import threading
from collections.abc import Callable
from typing import Any

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.errors import ApiError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.transport import ClusterUnreachableError

NAME = Ref("Lease", "skyshift-clusterlink-demo", "default")


class Leases:
    """The cluster.

    Attributes:
        lease: What is there.
        clock: Seconds by which its clock is ahead, which lets time pass for those who ask it.
        asked: The verb of every request.
        fails: Raised instead of an answer, by verb.
        drops: How many writes are lost before they are done.
        loses: How many answers of writes are lost after they were done.
        before: Called before each request, with its verb.
    """

    server = "https://here"

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.clock: int | None = 0
        self.asked: list[str] = []
        self.fails: dict[str, Exception] = {}
        self.drops = 0
        self.loses = 0
        self.before: Callable[[str], None] = lambda _verb: None
        self._numbers = itertools.count(1)
        self._one = threading.RLock()

    def get(self, kind: str, name: str, namespace: str) -> dict[str, Any] | None:
        with self._request("get"):
            assert Ref(kind, name, namespace) == NAME
            return copy.deepcopy(self.lease)

    def create(self, obj: dict[str, Any]) -> dict[str, Any]:
        with self._request("create"):
            if self.lease:
                raise ApiError(Problem("Lease", "conflict"), status=409)
            return self._keep({**obj, "metadata": {**obj["metadata"], "uid": f"uid-{next(self._numbers)}"}})

    def replace(self, obj: dict[str, Any]) -> dict[str, Any]:
        with self._request("replace"):
            self._check(obj["metadata"]["uid"], obj["metadata"]["resourceVersion"])
            return self._keep(obj)

    def delete(self, kind: str, name: str, namespace: str, *, uid: str, version: str) -> bool:
        with self._request("delete"):
            assert Ref(kind, name, namespace) == NAME
            if self.lease is None:
                return False
            self._check(uid, version)
            self.lease = None
            return True

    def hold(self) -> str:
        """Who has it."""
        return str(self.lease["spec"]["holderIdentity"]) if self.lease else ""

    def _request(self, verb: str) -> threading.RLock:
        self.before(verb)
        self.asked.append(verb)
        if verb in self.fails:
            raise self.fails[verb]
        if verb != "get" and self.drops:
            self.drops -= 1
            raise ClusterUnreachableError(Problem(self.server, "broken"))
        return self._one

    def _check(self, uid: str, version: str) -> None:
        # As the API server: a PUT of a Lease that is not there would make it, but never under a given uid.
        metadata = self.lease["metadata"] if self.lease else {}
        if (metadata.get("uid"), metadata.get("resourceVersion")) != (uid, version):
            raise ApiError(Problem("Lease", "conflict"), status=409)

    def _keep(self, obj: dict[str, Any]) -> dict[str, Any]:
        kept = copy.deepcopy(obj)
        kept["metadata"]["resourceVersion"] = str(next(self._numbers))
        self.lease = copy.deepcopy(kept)
        if self.loses:
            self.loses -= 1
            raise ClusterUnreachableError(Problem(self.server, "broken"))
        return kept


def forbidden(verb: str) -> ApiError:
    """As RBAC refuses."""
    what = f"the user ada is not permitted to {verb} leases"
    return ApiError(Problem("leases in namespace default", what, fix="Grant it"), status=403)


def away() -> ClusterUnreachableError:
    """As a cluster that is not there."""
    return ClusterUnreachableError(Problem("https://here", "cannot be talked to"))
