# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports that are so new that nodes may not route connections to them yet.

Until a node's proxy knows a new Service, connections to its address leave the cluster by the node's default route.
Whoever is there may refuse them, accept them, or even answer them with an error. So what came of such a connection
proves nothing of the gateway, except for a success of HTTP.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

from ..common.times import parse_time
from ..errors import ClusterlinkError
from ..kube.client import Cluster

ROUTED_AFTER = 3.0
"""Seconds after which nodes route a new import: kube-proxy collects changes for one, the gateway takes another."""
_CLOCK_ERROR = 2.0
"""Seconds by which an import's known age may be wrong: it was created in a whole second, by the server's clock."""

Key = tuple[str, str]
"""An import's namespace and name."""


class NewImports:
    """Which imports of a cluster are new. They are listed when that is first asked.

    What is not known to be new, as when imports may not be listed, counts as routed.
    """

    def __init__(self, cluster: Cluster, namespaces: Iterable[str]) -> None:
        """Send no request yet.

        Args:
            cluster: The cluster.
            namespaces: Of the imports.
        """
        self._cluster = cluster
        self._namespaces = set(namespaces)
        self._begun = time.monotonic()
        self._new: set[Key] | None = None

    def may_be_unrouted(self, key: Key, since: float) -> bool:
        """Whether connections to an import may not have reached its gateway.

        Args:
            key: The import.
            since: When they were begun, in monotonic seconds.
        """
        if since >= self._begun + ROUTED_AFTER:
            return False
        if self._new is None:
            self._new = self._listed()
        return key in self._new

    def is_routed(self, key: Key) -> None:
        """A connection has reached its gateway."""
        if self._new is not None:
            self._new.discard(key)

    def _listed(self) -> set[Key]:
        namespace = next(iter(self._namespaces)) if len(self._namespaces) == 1 else ""
        try:
            imports = self._cluster.list("Import", namespace)
        except ClusterlinkError:
            return set()
        passed = timedelta(seconds=time.monotonic() - self._begun)
        begun = datetime.now(timezone.utc) + timedelta(seconds=self._cluster.clock or 0) - passed
        least = timedelta(seconds=ROUTED_AFTER + _CLOCK_ERROR)
        return {_key(each) for each in imports if begun - parse_time(each["metadata"]["creationTimestamp"]) < least}


def _key(obj: dict[str, Any]) -> Key:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]
