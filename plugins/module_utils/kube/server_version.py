# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one table of fields that older versions of Kubernetes lack, and what takes their place there.

A field counts from the version in which its feature gate is on by default (pkg/features/kube_features.go of
Kubernetes). An API server with the gate off drops the field without a word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from .client import Cluster
from .errors import ApiError


class Version(NamedTuple):
    """A version of Kubernetes, as C(1.29)."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


def _nothing(_value: Any) -> dict[str, Any]:
    return {}


def _sleep_command(sleep: Mapping[str, Any]) -> dict[str, Any]:
    return {"exec": {"command": ["sleep", str(sleep["seconds"])]}}


@dataclass(frozen=True)
class Field:
    """A field that older versions lack.

    Attributes:
        path: A pattern for its path from the object's root, without indices.
        since: The first version that has it.
        instead: The fields that take its place in older versions, from its value; None where nothing can.
    """

    path: str
    since: Version
    instead: Callable[[Any], dict[str, Any]] | None = None


FIELDS = (
    Field("*.lifecycle.preStop.sleep", Version(1, 30), _sleep_command),
    # Pods of an older ReplicaSet count, too, during a rolling restart.
    Field("*topologySpreadConstraints.matchLabelKeys", Version(1, 27), _nothing),
    Field("*topologySpreadConstraints.minDomains", Version(1, 27)),
    Field("*topologySpreadConstraints.nodeAffinityPolicy", Version(1, 26)),
    Field("*topologySpreadConstraints.nodeTaintsPolicy", Version(1, 26)),
    Field("*affinity.pod*.matchLabelKeys", Version(1, 31)),
    Field("*affinity.pod*.mismatchLabelKeys", Version(1, 31)),
    # Pods that are not ready keep their node from being drained.
    Field("spec.unhealthyPodEvictionPolicy", Version(1, 27), _nothing),
    Field("*.x-kubernetes-validations", Version(1, 25)),
)


class Lacking(NamedTuple):
    """A field of an object that a version lacks: its path, without indices, and its entry in the table."""

    path: str
    field: Field


def server_version(cluster: Cluster) -> Version | None:
    """The API server's version; None where it does not tell.

    Raises:
        ClusterUnreachableError: It is unreachable.
    """
    try:
        answer = cluster.fetch("/version")
    except ApiError:  # a hardened cluster tells it to nobody
        return None
    # Some providers write 29+.
    numbers = [re.match(r"[0-9]+", str(answer.get(part, ""))) for part in ("major", "minor")]
    found = [int(number[0]) for number in numbers if number]
    return Version(*found) if len(found) == len(numbers) else None


def lacking(value: Any, version: Version | None, path: str = "") -> Iterator[Lacking]:
    """The fields of an object, or of a part of one, that a version lacks.

    Args:
        value: The object or the part.
        version: Of the API server; an unknown one lacks nothing.
        path: The part's path in its object.
    """
    if isinstance(value, Mapping):
        for key, below in value.items():
            here = f"{path}.{key}" if path else str(key)
            field = _lacking(here, version)
            if field is None:
                yield from lacking(below, version, here)
            else:
                yield Lacking(here, field)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for below in value:
            yield from lacking(below, version, path)


def adapted(value: Any, version: Version | None, path: str = "") -> Any:
    """The object, or the part of one, with what takes the place of the fields that a version lacks.

    Fields that nothing can replace stay.

    Args:
        value: The object or the part; it is not changed.
        version: Of the API server; an unknown one lacks nothing.
        path: The part's path in its object.
    """
    if isinstance(value, Mapping):
        result: dict[str, Any] = {}
        for key, below in value.items():
            here = f"{path}.{key}" if path else str(key)
            field = _lacking(here, version)
            if field is None or field.instead is None:
                result[key] = adapted(below, version, here)
            else:
                result |= field.instead(below)
        return result
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [adapted(below, version, path) for below in value]
    return value


def _lacking(path: str, version: Version | None) -> Field | None:
    if version is None:
        return None
    return next((field for field in FIELDS if version < field.since and fnmatchcase(path, field.path)), None)
