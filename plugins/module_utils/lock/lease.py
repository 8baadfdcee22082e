# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Lease by which one run at a time locks a cluster's part of a fabric.

Its fields are those of Kubernetes' leader election (coordination.k8s.io/v1). All times in it are the API server's own,
so that two machines' clocks are never compared. Every write names the UID and version of the Lease that it replaces,
so of two writes at once the API server refuses one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from ..clusterlink import api
from ..clusterlink.ownership import is_ours, other_managers
from ..common.kinds import Ref
from ..common.times import parse_time
from ..errors import ClusterlinkError, Problem
from ..kube.client import Cluster
from ..kube.errors import HTTP_CONFLICT, HTTP_NOT_FOUND, ApiError
from ..kube.retry import TRANSIENT, RetryPolicy
from ..kube.transport import ClusterUnreachableError

NAMESPACE = "default"
"""The Lease's namespace: every cluster has it before anything is installed, and after everything is removed."""

_CLOCK_ERROR = 2.0
"""Seconds by which the known time of a server may be off: it sends whole seconds, and its response takes time."""

_RETRIES = RetryPolicy(5.0)
"""How a write that acquires it is repeated: as long as a request of the lock, which cannot tell whether it arrived."""

_OVERTAKEN = (HTTP_CONFLICT, HTTP_NOT_FOUND)
"""Statuses of a write when the Lease has changed since. (A PUT creates a missing Lease, but not under another UID than
it names.)"""

Lease = dict[str, Any]


def lease_name(fabric: str) -> str:
    """The Lease's name; a fabric's name may have characters that an object's may not."""
    return "skyshift-clusterlink-" + re.sub(r"[^a-z0-9]", "-", fabric.lower())


@dataclass(frozen=True)
class LeaseRecord:
    """The content of a Lease.

    Attributes:
        holder: Who holds it, for people; empty when nobody does.
        since: When they acquired it; None when unknown.
        renewed: When they last renewed it; None when unknown.
        duration: Seconds without a renewal after which it expires.
        version: Changes with every renewal.
    """

    holder: str
    since: datetime | None
    renewed: datetime | None
    duration: int
    version: str

    @classmethod
    def of(cls, lease: Mapping[str, Any]) -> LeaseRecord:
        """The content of a Lease; a time that cannot be read is None."""
        spec = lease.get("spec") or {}
        return cls(
            holder=spec.get("holderIdentity") or "",
            since=_parse(spec.get("acquireTime")),
            renewed=_parse(spec.get("renewTime")),
            duration=spec.get("leaseDurationSeconds") or 0,
            version=lease["metadata"].get("resourceVersion", ""),
        )

    def age(self, now: datetime) -> float:
        """Seconds since the last renewal, by the API server's clock."""
        return (now - self.renewed).total_seconds() if self.renewed else float("inf")

    def is_free(self, now: datetime) -> bool:
        """Whether nobody holds it, or it has expired."""
        return not self.holder or self.age(now) > self.duration + _CLOCK_ERROR

    def describe(self, now: datetime) -> str:
        """Who holds it, since when, and when they last renewed it."""
        since = f" since {self.since:%Y-%m-%d %H:%M:%S} UTC" if self.since else ""
        renewed = f", last renewed {max(0.0, self.age(now)):.0f} s ago" if self.renewed else ""
        return f"{self.holder}{since}{renewed}"


def new_lease(fabric: str, holder: str, duration: int, now: datetime) -> Lease:
    """A Lease for this holder where there is none."""
    metadata = {"name": lease_name(fabric), "namespace": NAMESPACE, "labels": api.ownership_labels(fabric)}
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": metadata,
        "spec": {**_holder_fields(holder, duration, now), "leaseTransitions": 0},
    }


def taken_over(lease: Mapping[str, Any], holder: str, duration: int, now: datetime) -> Lease:
    """The same Lease for another holder. It keeps its version, so that the write fails when another run was faster."""
    before = lease.get("spec") or {}
    transitions = int(before.get("leaseTransitions") or 0) + 1
    return {**lease, "spec": {**_holder_fields(holder, duration, now), "leaseTransitions": transitions}}


def renewed(lease: Mapping[str, Any], now: datetime) -> Lease:
    """The same Lease, renewed."""
    return {**lease, "spec": {**lease["spec"], "renewTime": _text(now)}}


def _holder_fields(holder: str, duration: int, now: datetime) -> dict[str, Any]:
    return {
        "holderIdentity": holder,
        "leaseDurationSeconds": duration,
        "acquireTime": _text(now),
        "renewTime": _text(now),
    }


def _text(moment: datetime) -> str:
    """The moment in the API's MicroTime format."""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"


def _parse(text: str | None) -> datetime | None:
    try:
        moment = parse_time(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else None


class NotALockError(ClusterlinkError):
    """The Lease of this name belongs to somebody else."""


class FabricLease:
    """A fabric's Lease in one cluster, for one run.

    Attributes:
        cluster: The cluster.
        fabric: The fabric's name.
        ref: The Lease.
        holder: The run; the same for all its tasks, and different for every run.
        duration: Seconds without a renewal after which the Lease expires.
    """

    def __init__(
        self, cluster: Cluster, fabric: str, holder: str, duration: int, retries: RetryPolicy = _RETRIES
    ) -> None:
        self.cluster = cluster
        self._retries = retries
        self.ref = Ref("Lease", lease_name(fabric), NAMESPACE)
        self.holder = holder
        self.duration = duration
        self.fabric = fabric
        self._lease: Lease | None = None

    @property
    def server(self) -> str:
        """The URL of the cluster's API server."""
        return self.cluster.server

    @property
    def now(self) -> datetime:
        """The API server's time, as far as its latest response shows it."""
        return datetime.now(timezone.utc) + timedelta(seconds=self.cluster.clock or 0)

    @property
    def is_held(self) -> bool:
        """Whether this run held it at the latest read or write."""
        return self._lease is not None and LeaseRecord.of(self._lease).holder == self.holder

    def read(self) -> LeaseRecord | None:
        """Its content; None when it does not exist.

        Raises:
            NotALockError: This collection did not create it.
            ClusterlinkError: The cluster is unreachable or refuses.
        """
        lease = self.cluster.get(self.ref.kind, self.ref.name, self.ref.namespace)
        if lease is not None and not is_ours(lease):
            managers = ", ".join(other_managers(lease)) or "an unknown manager"
            fix = "Delete it, or give the fabric another name"
            what = "is not a lock of this collection"
            raise NotALockError(Problem(str(self.ref), what, f"made by {managers}", fix))
        self._lease = lease
        return LeaseRecord.of(lease) if lease else None

    def acquire(self) -> bool:
        """Acquire it as it was read; False when another run was faster.

        Raises:
            ClusterlinkError: As C(read).
        """
        attempts, found = self._retries.start(), self._version
        while True:
            try:
                self._lease = self._write()
            except (ApiError, ClusterUnreachableError) as error:
                overtaken = isinstance(error, ApiError) and error.status in _OVERTAKEN
                if isinstance(error, ApiError) and not overtaken and error.status not in TRANSIENT:
                    raise
                self.read()  # this run may hold it: perhaps only the response was lost
                if overtaken or self.is_held or self._version != found:
                    return self.is_held
                if not attempts.wait():  # the write has not arrived
                    raise
            else:
                return self.is_held

    @property
    def _version(self) -> str:
        """Changes with every write of anybody; empty when there is none."""
        return str(self._lease["metadata"]["resourceVersion"]) if self._lease else ""

    def _write(self) -> Lease:
        if self._lease is None:
            return self.cluster.create(new_lease(self.fabric, self.holder, self.duration, self.now))
        return self.cluster.replace(taken_over(self._lease, self.holder, self.duration, self.now))

    def renew(self) -> bool:
        """Renew it; False when this run no longer holds it.

        Raises:
            ClusterlinkError: As C(read).
        """
        while self._lease is not None:
            try:
                self._lease = self.cluster.replace(renewed(self._lease, self.now))
            except ApiError as error:
                if error.status not in _OVERTAKEN:
                    raise
                self._refresh()
            else:
                return True
        return False

    def release(self) -> None:
        """Delete it, unless this run no longer holds it.

        Raises:
            ClusterlinkError: As C(read).
        """
        while self.is_held and self._lease is not None:
            metadata = self._lease["metadata"]
            try:
                self.cluster.delete(
                    *(self.ref.kind, self.ref.name, self.ref.namespace),
                    uid=_uid(self._lease),
                    version=metadata["resourceVersion"],
                )
            except ApiError as error:
                if error.status != HTTP_CONFLICT:
                    raise
                self._refresh()
            else:
                self._lease = None

    def _refresh(self) -> None:
        """Read it again; a recreated one, or one of another run, counts as none."""
        before = self._lease
        self.read()
        if not (before and self._lease and self.is_held and _uid(before) == _uid(self._lease)):
            self._lease = None


def _uid(lease: Lease) -> str:
    return str(lease["metadata"]["uid"])
