# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One cluster's Lease of a fabric: looked at, taken, renewed and given back.

Every write names the very Lease and version that it follows, so that of two runs at once one is refused.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ..clusterlink.ownership import is_ours, other_managers
from ..common.kinds import Ref
from ..errors import ClusterlinkError, Problem
from ..kube.client import Cluster
from ..kube.errors import HTTP_CONFLICT, HTTP_NOT_FOUND, ApiError
from ..kube.retry import TRANSIENT
from ..kube.transport import ClusterUnreachableError
from . import lease_object as lock
from .lease_object import Hold, Lease

_OVERTAKEN = (HTTP_CONFLICT, HTTP_NOT_FOUND)
"""What a write is answered when the Lease is not what it was any more. (A PUT makes a Lease that is not there, but not
under another uid than it names.)"""


class NotALockError(ClusterlinkError):
    """What is there under the Lease's name is somebody else's."""


class FabricLease:
    """A fabric's Lease in one cluster, for one run.

    Attributes:
        cluster: The cluster.
        fabric: The fabric's name.
        ref: The Lease.
        holder: Who takes it; the same for all tasks of a run, and for no other.
        duration: Seconds of silence after which this run is taken for dead.
    """

    def __init__(self, cluster: Cluster, fabric: str, holder: str, duration: int) -> None:
        self.cluster = cluster
        self.ref = Ref("Lease", lock.lease_name(fabric), lock.NAMESPACE)
        self.holder = holder
        self.duration = duration
        self.fabric = fabric
        self._lease: Lease | None = None

    @property
    def now(self) -> datetime:
        """The API server's time, as far as its latest answer told it."""
        return datetime.now(UTC) + timedelta(seconds=self.cluster.clock or 0)

    @property
    def is_mine(self) -> bool:
        """Whether this run had it at the latest look or write."""
        return self._lease is not None and Hold.of(self._lease).holder == self.holder

    def look(self) -> Hold | None:
        """Who has it; None when it is not there.

        Raises:
            NotALockError: It was not made by this collection.
            ClusterlinkError: The cluster is away or refuses.
        """
        lease = self.cluster.get(self.ref.kind, self.ref.name, self.ref.namespace)
        if lease is not None and not is_ours(lease):
            managers = ", ".join(other_managers(lease)) or "nobody that says so"
            fix = "Remove it, or give the fabric another name"
            raise NotALockError(Problem(str(self.ref), "is not a lock of this collection", f"made by {managers}", fix))
        self._lease = lease
        return Hold.of(lease) if lease else None

    def take(self) -> bool:
        """Take it as it was looked at; False when another run was faster.

        Raises:
            ClusterlinkError: As C(look).
        """
        try:
            self._lease = self._written()
        except (ApiError, ClusterUnreachableError) as error:
            overtaken = isinstance(error, ApiError) and error.status in _OVERTAKEN
            if isinstance(error, ApiError) and not overtaken and error.status not in TRANSIENT:
                raise
            self.look()  # it may be this run's own: only the answer may have been lost
            if not overtaken and not self.is_mine:
                raise
        return self.is_mine

    def _written(self) -> Lease:
        if self._lease is None:
            return self.cluster.create(lock.new_lease(self.fabric, self.holder, self.duration, self.now))
        return self.cluster.replace(lock.taken_over(self._lease, self.holder, self.duration, self.now))

    def renew(self) -> bool:
        """Say that this run still goes on; False when it has the Lease no more.

        Raises:
            ClusterlinkError: As C(look).
        """
        while self._lease is not None:
            try:
                self._lease = self.cluster.replace(lock.renewed(self._lease, self.now))
            except ApiError as error:
                if error.status not in _OVERTAKEN:
                    raise
                self._follow()
            else:
                return True
        return False

    def release(self) -> None:
        """Remove it, unless this run has it no more.

        Raises:
            ClusterlinkError: As C(look).
        """
        while self.is_mine and self._lease is not None:
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
                self._follow()
            else:
                self._lease = None

    def _follow(self) -> None:
        """Read it anew; one that was made again, or is another run's, is none."""
        before = self._lease
        self.look()
        if not (before and self._lease and self.is_mine and _uid(before) == _uid(self._lease)):
            self._lease = None


def _uid(lease: Lease) -> str:
    return str(lease["metadata"]["uid"])
