# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Lease by which one run at a time has a cluster's part of a fabric: made, read and written anew as plain data.

Its fields are those of Kubernetes' leader election (coordination.k8s.io/v1). All times in it are the API server's own,
so that two machines' clocks are never compared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..clusterlink import api

NAMESPACE = "default"
"""Where the Lease is: every cluster has this namespace before anything is installed, and after all is removed."""

_CLOCK_ERROR = 2.0
"""Seconds by which what is known of a server's time may be off: it says whole seconds, and its answer takes time."""

Lease = dict[str, Any]


def lease_name(fabric: str) -> str:
    """The Lease's name; a fabric's name may hold what an object's may not."""
    return "skyshift-clusterlink-" + re.sub(r"[^a-z0-9]", "-", fabric.lower())


@dataclass(frozen=True)
class Hold:
    """What a Lease says.

    Attributes:
        holder: Who has it, for people; empty when nobody has.
        since: When they got it; None when it does not say.
        renewed: When they last said that they still run.
        duration: Seconds of silence after which they are taken for dead.
        version: Changes with every renewal.
    """

    holder: str
    since: datetime | None
    renewed: datetime | None
    duration: int
    version: str

    @classmethod
    def of(cls, lease: Mapping[str, Any]) -> Hold:
        """What the Lease says; a time that cannot be read is none."""
        spec = lease.get("spec") or {}
        return cls(
            holder=spec.get("holderIdentity") or "",
            since=_moment(spec.get("acquireTime")),
            renewed=_moment(spec.get("renewTime")),
            duration=spec.get("leaseDurationSeconds") or 0,
            version=lease["metadata"].get("resourceVersion", ""),
        )

    def silent(self, now: datetime) -> float:
        """Seconds since the last sign of life, by the API server's clock."""
        return (now - self.renewed).total_seconds() if self.renewed else float("inf")

    def is_free(self, now: datetime) -> bool:
        """Whether nobody has it, or who had it has died."""
        return not self.holder or self.silent(now) > self.duration + _CLOCK_ERROR

    def told(self, now: datetime) -> str:
        """Who has it, since when, and when they were last heard of."""
        since = f" since {self.since:%Y-%m-%d %H:%M:%S} UTC" if self.since else ""
        heard = f", last renewed {max(0.0, self.silent(now)):.0f} s ago" if self.renewed else ""
        return f"{self.holder}{since}{heard}"


def new_lease(fabric: str, holder: str, duration: int, now: datetime) -> Lease:
    """The Lease of who takes it where there is none."""
    metadata = {"name": lease_name(fabric), "namespace": NAMESPACE, "labels": api.ownership_labels(fabric)}
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": metadata,
        "spec": {**_held_by(holder, duration, now), "leaseTransitions": 0},
    }


def taken_over(lease: Mapping[str, Any], holder: str, duration: int, now: datetime) -> Lease:
    """The same Lease, of another holder; its version stays, so that it is written only while nobody else has."""
    before = lease.get("spec") or {}
    transitions = int(before.get("leaseTransitions") or 0) + 1
    return {**lease, "spec": {**_held_by(holder, duration, now), "leaseTransitions": transitions}}


def renewed(lease: Mapping[str, Any], now: datetime) -> Lease:
    """The same Lease, with a sign of life of its holder."""
    return {**lease, "spec": {**lease["spec"], "renewTime": _text(now)}}


def _held_by(holder: str, duration: int, now: datetime) -> dict[str, Any]:
    return {
        "holderIdentity": holder,
        "leaseDurationSeconds": duration,
        "acquireTime": _text(now),
        "renewTime": _text(now),
    }


def _text(moment: datetime) -> str:
    """As the API writes a MicroTime."""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else None
