# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric's lock: its Leases in all clusters of a run, taken together or not at all.

All clusters are looked at side by side, and nothing is taken until all are free. Of two runs that come at the same
moment each may get some: whoever did not get all gives back what it got, and attempts again after a random pause. So
nobody waits for a run that waits for them, whatever clusters the two have in common.

Whether a holder has died is told by the API server's clock, which both times that are compared come from. So a lock
that was left behind long ago is taken at once. Should that clock have been put back, silence that was watched counts.
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
from . import lease_object as lock
from .lease import FabricLease, NotALockError
from .lease_object import Hold

R = TypeVar("R")

_PARALLEL = 16
"""Clusters that are asked at a time."""
_FIX = "Let that run end and start this one again, or let this one wait longer with clusterlink_lock_timeout"


class Lock:
    """The lock of one run.

    Attributes:
        mine: The clusters whose Lease this run has.
        taken: The Leases that it took just now, which nobody renews yet.
        away: Why a cluster was left out, which is away or permits no lock. Other tasks say what it owes.
        policy: For how long another run is waited for.
    """

    def __init__(self, fabric: str, leases: Mapping[str, FabricLease], policy: RetryPolicy) -> None:
        """Ask nothing yet.

        Args:
            fabric: Its name.
            leases: This run's, by cluster.
            policy: As the attribute.
        """
        self.mine: list[str] = []
        self.taken: dict[str, FabricLease] = {}
        self.away: dict[str, ClusterlinkError] = {}
        self._fabric = fabric
        self._leases = dict(leases)
        self.policy = policy
        self._seen: dict[str, tuple[str, float]] = {}

    def look(self) -> dict[str, Hold]:
        """What other runs have, by cluster.

        Raises:
            ClusterlinkError: No cluster permits a lock, or one has something else in its place.
        """
        held = {}
        self.mine = []
        for host, hold in self._each(FabricLease.look, self._leases).items():
            if hold is None or self._is_dead(host, hold):
                continue
            if self._leases[host].is_mine:
                self.mine.append(host)
            else:
                held[host] = hold
        return held

    def acquire(self, say: Callable[[str], None]) -> None:
        """Take it, or wait for it.

        Args:
            say: Told once, when there is something to wait for.

        Raises:
            ClusterlinkError: Another run still has it when the time is over, or as C(look). This run has got nothing.
        """
        attempts, said = self.policy.start(), False
        while True:
            held = self.look()
            if not held:
                if self._take():
                    return
                held = self.look()  # who was faster
            if held and not said and self.policy.limit:
                said = True
                say(f"Waiting up to {self.policy.limit:.0f} s. {'. '.join(self.told(held))}")
            if not attempts.wait():
                raise ClusterlinkError(self._problems(held))

    def release(self) -> list[str]:
        """Give back what this run has. Sentences about what it has not, because another run took it for dead."""
        found = self._each(FabricLease.look, self._leases)
        self._give_back(self._leases)
        self.mine = []
        return [
            f"This run has fabric {self._fabric} in {host} no more: {self._who(host, hold)} works on it."
            for host, hold in found.items()
            if hold and hold.holder != self._leases[host].holder
        ]

    def told(self, held: Mapping[str, Hold]) -> list[str]:
        """Sentences without full stops: who has it, where, since when."""
        return [
            f"Fabric {self._fabric} is held in {', '.join(hosts)} by {self._who(hosts[0], held[hosts[0]])}"
            for hosts in _by_holder(held)
        ]

    def _problems(self, held: Mapping[str, Hold]) -> list[Problem]:
        where = f"fabric {self._fabric}"
        return [
            Problem(
                where,
                f"another run works on it in {', '.join(hosts)}",
                self._who(hosts[0], held[hosts[0]]),
                f"{_FIX} ({self.policy.limit:.0f} s now). "
                f"If it has died, its lock ends by itself after {held[hosts[0]].duration} s of silence",
            )
            for hosts in _by_holder(held)
        ] or [Problem(where, "another run came at the same moment, and has ended", fix="Start this one again")]

    def _who(self, host: str, hold: Hold) -> str:
        return hold.told(self._leases[host].now)

    def _is_dead(self, host: str, hold: Hold) -> bool:
        now = self.policy.clock()
        if self._seen.get(host, ("", 0.0))[0] != hold.version:
            self._seen[host] = (hold.version, now)
        return hold.is_free(self._leases[host].now) or now - self._seen[host][1] > hold.duration

    def _take(self) -> bool:
        """Take what is free; unless that is all, nothing."""
        self.taken = {host: lease for host, lease in self._leases.items() if host not in self.mine}
        try:
            got = self._each(FabricLease.take, self.taken)
        except ClusterlinkError:
            self._give_back(self.taken)
            raise
        if not all(got.values()):
            self._give_back(self.taken)
            return False
        self.taken = {host: self._leases[host] for host in got}
        self.mine += got
        return True

    def _give_back(self, leases: Mapping[str, FabricLease]) -> None:
        """What cannot be given back ends by itself."""
        _side_by_side(FabricLease.release, leases)

    def _each(self, work: Callable[[FabricLease], R], leases: Mapping[str, FabricLease]) -> dict[str, R]:
        """What each gives, but for clusters that are away or permit no lock, which are left out from now on."""
        done: dict[str, R] = {}
        foreign: list[Problem] = []
        forbidden: list[Problem] = []
        for host, outcome in _side_by_side(work, leases).items():
            if not isinstance(outcome, ClusterlinkError):
                done[host] = outcome
            elif isinstance(outcome, NotALockError):
                foreign += _with_way_out(outcome, host)
            elif _forbids_locks(outcome, leases[host]):
                problems = _with_way_out(outcome, host)
                forbidden += problems
                self.away[host] = ClusterlinkError(problems)
            else:
                self.away[host] = outcome
        self._leases = {host: lease for host, lease in self._leases.items() if host not in self.away}
        # One cluster that permits no lock does not stop the others; a run without any lock would be alone by luck only.
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


def _by_holder(held: Mapping[str, Hold]) -> list[list[str]]:
    """The clusters of each holder."""
    groups: dict[str, list[str]] = {}
    for host, hold in held.items():
        groups.setdefault(hold.holder, []).append(host)
    return list(groups.values())


def _forbids_locks(error: ClusterlinkError, lease: FabricLease) -> bool:
    """Whether a cluster permits no lock; one that does not know the user at all is as good as away."""
    if not isinstance(error, ApiError) or error.status != HTTP_FORBIDDEN:
        return False
    return all(problem.where != lease.cluster.server for problem in error.problems)


def _with_way_out(error: ClusterlinkError, host: str) -> list[Problem]:
    rights = f"get, create, update and delete {KINDS['Lease'].resource} in namespace {lock.NAMESPACE}"
    fix = f"a lock takes the right to {rights}. Or set clusterlink_lock to false, to go without a lock there"
    return [replace(each, host=host, fix=f"{each.fix or 'Correct that'}; {fix}") for each in error.problems]
