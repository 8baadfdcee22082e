# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run would change in each cluster, in a line that a person reads and object by object. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..common.table import one_line

Result = Mapping[str, Any]

_SIGNS = (("created", "+"), ("updated", "~"), ("deleted", "-"))
_NOUNS = {
    "Import": ("import", "imports"),
    "Export": ("export", "exports"),
    "Peer": ("peer", "peers"),
    "AccessPolicy": ("policy", "policies"),
    "PrivilegedAccessPolicy": ("privileged policy", "privileged policies"),
    "Service": ("Service", "Services"),
}
_CONTROL_PLANE = ("Deployment", "cl-controlplane")


@dataclass(frozen=True)
class ClusterChanges:
    """What a run would change in one cluster.

    Attributes:
        cluster: The cluster.
        error: Why that is not known, or only in part; empty when it is known.
        mesh: Its links, exports, imports and policies, each with C(action), C(kind), C(name) and C(namespace).
        gateway: The objects of its gateway, with the same keys.
        reasons: Why the gateway changes.
        lost: The sources that its imports lose, as C(impact.LostSources.as_dict) has them.
        waiting: What cannot be written yet, each with C(kind), C(name), C(namespace) and C(reason).
    """

    cluster: str
    error: str
    mesh: tuple[dict[str, str], ...]
    gateway: tuple[dict[str, str], ...]
    reasons: tuple[str, ...]
    lost: tuple[Mapping[str, Any], ...]
    waiting: tuple[Mapping[str, Any], ...]

    @property
    def changed(self) -> bool:
        """Whether the run would change anything in the cluster."""
        return bool(self.mesh or self.gateway)

    @property
    def installs(self) -> bool:
        """Whether the gateway is new."""
        return any(
            (each["kind"], each["name"]) == _CONTROL_PLANE and each["action"] == "created" for each in self.gateway
        )

    @property
    def summary(self) -> str:
        """The changes in one line, as C(north: +2 imports, -1 peer: north loses west for shop/web)."""
        parts = [*([self._gateway_summary()] if self.gateway else []), *_counts(self.mesh)]
        lost = [f"{self.cluster} loses {', '.join(each['lost'])} for {_place(each)}" for each in self.lost]
        said = ", ".join(parts) or ("not known" if self.error else "no change")
        return f"{self.cluster}: {said}" + (f": {'; '.join(lost)}" if lost else "")

    def as_dict(self) -> dict[str, Any]:
        """The changes as plain data."""
        return {
            "changed": self.changed,
            "error": self.error,
            "summary": self.summary,
            "objects": [*self.gateway, *self.mesh],
            "gateway_reasons": list(self.reasons),
            "lost": [dict(each) for each in self.lost],
            "waiting": [dict(each) for each in self.waiting],
        }

    def _gateway_summary(self) -> str:
        if self.installs:
            return "the gateway is installed"
        return f"the gateway changes ({', '.join(_counts(self.gateway))})"


def cluster_changes(cluster: str, results: Mapping[str, Any]) -> ClusterChanges:
    """The changes of one cluster.

    Args:
        cluster: The cluster.
        results: C(gateway) and C(mesh), the results of modules gateway (or gateway_certificate) and fabric_apply in
            check mode, as far as there are any, and C(msg), the reason why one of them failed.
    """
    gateway, mesh = results.get("gateway") or {}, results.get("mesh") or {}
    error = one_line(str(results.get("msg") or ""))
    if not error and "created" not in mesh:
        error = "it was not compared"
    return ClusterChanges(
        cluster=cluster,
        error=error,
        mesh=tuple(_objects(mesh)),
        gateway=tuple(_objects(gateway)),
        reasons=tuple(gateway.get("reasons") or ()),
        lost=tuple(mesh.get("lost") or ()),
        waiting=tuple(mesh.get("incomplete") or ()),
    )


def _objects(result: Result) -> Iterator[dict[str, str]]:
    for action, _sign in _SIGNS:
        for each in result.get(action) or ():
            yield {"action": action, "kind": each["kind"], "name": each["name"], "namespace": each.get("namespace", "")}


def _counts(objects: Iterable[Mapping[str, str]]) -> list[str]:
    """The numbers of objects by kind, what is created first, as C(+2 imports)."""
    counts = Counter((each["action"], each["kind"]) for each in objects)
    return [
        f"{sign}{number} {_noun(kind, number)}"
        for action, sign in _SIGNS
        for (found, kind), number in sorted(counts.items(), key=lambda item: _rank(item[0][1]))
        if found == action
    ]


def _rank(kind: str) -> tuple[int, str]:
    return (list(_NOUNS).index(kind), "") if kind in _NOUNS else (len(_NOUNS), kind)


def _noun(kind: str, number: int) -> str:
    return _NOUNS.get(kind, (kind, kind))[number != 1]


def sign(action: str) -> str:
    """The sign of an action, as in a diff."""
    return dict(_SIGNS)[action]


def _place(each: Mapping[str, Any]) -> str:
    return f"{each['namespace']}/{each['name']}" if each.get("namespace") else str(each["name"])


def object_name(each: Mapping[str, Any]) -> str:
    """An object's kind, namespace and name."""
    return f"{each['kind']} {_place(each)}"
