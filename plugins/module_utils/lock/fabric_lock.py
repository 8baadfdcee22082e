# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric's lock: its Leases in all clusters of a run, acquired together or not at all.

The lock reads all clusters side by side and acquires nothing until all are free. Of two runs that start at the same
moment each may acquire some: a run that does not get all of them releases what it got and retries after a random pause.
So no two runs wait for each other, whatever clusters they have in common.

The API server's clock decides whether a Lease has expired: both times that are compared come from it. So a lock that
was left behind long ago is acquired at once. In case that clock has been set back, a Lease also expires when this run
itself observes no renewal for its duration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from ..common.kinds import KINDS
from ..errors import ClusterlinkError, Problem, raise_all
from ..kube.errors import HTTP_FORBIDDEN, ApiError
from ..kube.retry import RetryPolicy
from . import guard
from .lease import NAMESPACE, FabricLease, LeaseRecord, NotALockError

R = TypeVar("R")

_PARALLEL = 16
"""Clusters that are contacted at a time."""
_FIX = "Wait until that run ends and start this one again, or wait longer with clusterlink_lock_timeout"


class FabricLock:
    """The lock of one run.

    Attributes:
        held: The clusters whose Lease this run holds.
        acquired: The Leases that this run has just acquired, which nobody renews yet.
        since: A time before the first of them was acquired, as the guard's C(now).
        skipped: Why there is no lock in a cluster that is unreachable or permits none; other tasks report it.
        policy: How long to wait for another run.
    """

    def __init__(self, fabric: str, leases: Mapping[str, FabricLease], policy: RetryPolicy) -> None:
        """Send no request yet.

        Args:
            fabric: Its name.
            leases: The Leases of this run, by cluster.
            policy: As the attribute.
        """
        self.held: list[str] = []
        self.acquired: dict[str, FabricLease] = {}
        self.since = 0.0
        self.skipped: dict[str, ClusterlinkError] = {}
        self.policy = policy
        self._fabric = fabric
        self._leases = dict(leases)
        self._seen: dict[str, tuple[str, float]] = {}

    def read_others(self) -> dict[str, LeaseRecord]:
        """The Leases of other runs, by cluster.

        Raises:
            ClusterlinkError: No cluster permits a lock, or the Lease in one belongs to somebody else.
        """
        others = {}
        self.held = []
        for host, record in self._each(FabricLease.read, self._leases).items():
            if record is None or self._is_free(host, record):
                continue
            if self._leases[host].is_held:
                self.held.append(host)
            else:
                others[host] = record
        return others

    def acquire(self, notify: Callable[[str], None]) -> None:
        """Acquire it, or wait for it.

        Args:
            notify: Called once, with what this run waits for, when it has to wait.

        Raises:
            ClusterlinkError: Another run still holds it when the time is over, or as C(read_others). This run holds
                nothing then.
        """
        attempts, notified = self.policy.start(), False
        while True:
            others = self.read_others()
            if not others:
                if self._acquire():
                    return
                others = self.read_others()  # another run was faster
            if others and not notified and self.policy.limit:
                notified = True
                notify(f"Waiting up to {self.policy.limit:.0f} s. {'. '.join(self.describe(others))}")
            if not attempts.wait():
                raise ClusterlinkError(self._problems(others))

    def release(self) -> list[str]:
        """Release all Leases of this run; sentences about those that it has lost to another run."""
        found = self._each(FabricLease.read, self._leases)
        self._release(self._leases)
        self.held = []
        return [
            f"This run has lost the lock of fabric {self._fabric} in {host} to {self._describe(host, record)}."
            for host, record in found.items()
            if record and record.holder != self._leases[host].holder
        ]

    def describe(self, others: Mapping[str, LeaseRecord]) -> list[str]:
        """Sentences without a full stop: who holds the lock, where, since when."""
        return [
            f"Fabric {self._fabric} is locked in {', '.join(hosts)} by {self._describe(hosts[0], others[hosts[0]])}"
            for hosts in _by_holder(others)
        ]

    def _problems(self, others: Mapping[str, LeaseRecord]) -> list[Problem]:
        where = f"fabric {self._fabric}"
        return [
            Problem(
                where,
                f"another run works on it in {', '.join(hosts)}",
                self._describe(hosts[0], others[hosts[0]]),
                f"{_FIX} ({self.policy.limit:.0f} s now). "
                f"If that run has died, its lock expires {others[hosts[0]].duration} s after its last renewal",
            )
            for hosts in _by_holder(others)
        ] or [Problem(where, "another run started at the same moment, and has ended", fix="Start this one again")]

    def _describe(self, host: str, record: LeaseRecord) -> str:
        return record.describe(self._leases[host].now)

    def _is_free(self, host: str, record: LeaseRecord) -> bool:
        now = self.policy.clock()
        if self._seen.get(host, ("", 0.0))[0] != record.version:
            self._seen[host] = (record.version, now)
        return record.is_free(self._leases[host].now) or now - self._seen[host][1] > record.duration

    def _acquire(self) -> bool:
        """Acquire all Leases that this run does not hold, or none."""
        self.acquired = {host: lease for host, lease in self._leases.items() if host not in self.held}
        self.since = guard.now()
        try:
            got = self._each(FabricLease.acquire, self.acquired)
        except ClusterlinkError:
            self._release(self.acquired)
            raise
        if not all(got.values()):
            self._release(self.acquired)
            return False
        self.acquired = {host: self._leases[host] for host in got}
        self.held += got
        return True

    def _release(self, leases: Mapping[str, FabricLease]) -> None:
        """A Lease that cannot be released expires."""
        _side_by_side(FabricLease.release, leases)

    def _each(self, work: Callable[[FabricLease], R], leases: Mapping[str, FabricLease]) -> dict[str, R]:
        """The result for each; clusters that are unreachable or permit no lock are skipped from now on."""
        done: dict[str, R] = {}
        foreign: list[Problem] = []
        forbidden: list[Problem] = []
        for host, outcome in _side_by_side(work, leases).items():
            if not isinstance(outcome, ClusterlinkError):
                done[host] = outcome
            elif isinstance(outcome, NotALockError):
                foreign += _with_fix(outcome, host)
            elif _forbids_locks(outcome, leases[host]):
                problems = _with_fix(outcome, host)
                forbidden += problems
                self.skipped[host] = ClusterlinkError(problems)
            else:
                self.skipped[host] = outcome
        self._leases = {host: lease for host, lease in self._leases.items() if host not in self.skipped}
        # One cluster that permits no lock does not stop the others, but a run needs at least one lock.
        raise_all(foreign or ([] if self._leases else forbidden))
        return done


def _side_by_side(
    work: Callable[[FabricLease], R], leases: Mapping[str, FabricLease]
) -> dict[str, R | ClusterlinkError]:
    def outcome(lease: FabricLease) -> R | ClusterlinkError:
        try:
            return work(lease)
        except ClusterlinkError as error:
            return error

    with ThreadPoolExecutor(max(1, min(_PARALLEL, len(leases)))) as pool:
        return dict(zip(leases, pool.map(outcome, leases.values()), strict=True))


def _by_holder(others: Mapping[str, LeaseRecord]) -> list[list[str]]:
    """The clusters of each holder."""
    groups: dict[str, list[str]] = {}
    for host, record in others.items():
        groups.setdefault(record.holder, []).append(host)
    return list(groups.values())


def _forbids_locks(error: ClusterlinkError, lease: FabricLease) -> bool:
    """Whether a cluster permits no lock; one that does not accept the credentials counts as unreachable."""
    if not isinstance(error, ApiError) or error.status != HTTP_FORBIDDEN:
        return False
    return all(problem.where != lease.cluster.server for problem in error.problems)


def _with_fix(error: ClusterlinkError, host: str) -> list[Problem]:
    rights = f"get, create, update and delete {KINDS['Lease'].resource} in namespace {NAMESPACE}"
    fix = f"a lock needs the permission to {rights}. Or set clusterlink_lock to false, to run without a lock there"
    return [replace(each, host=host, fix=f"{each.fix or 'Correct that'}; {fix}") for each in error.problems]
