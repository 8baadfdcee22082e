# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order a gateway's pods are replaced. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..clusterlink import names
from ..clusterlink.ownership import is_ours
from ..common.kinds import Ref
from ..kube.client import Object
from ..kube.compare import is_applied

_BRIDGED = 3
"""How many stages there are when pods that run come to new component certificates."""


def rollout_stages(stages: Sequence[Sequence[Object]], there: Mapping[Ref, Object]) -> list[list[Object]]:
    """What is applied one after another, each when all pods are of the last, so that no request is lost.

    Where pods of both Deployments are replaced, the data plane's are last: a data plane stays with the control plane
    that it first asked, which therefore has to be one that stays. The old ones serve on until then (see
    C(spec.CONTROLPLANE_DRAIN_SECONDS)).

    Args:
        stages: What C(gateway.gateway_stages) returns.
        there: What the cluster holds.
    """
    final = {Ref.of(obj): obj for obj in stages[-1]}
    workloads = [ref for ref in final if ref.kind == "Deployment"]
    changed = [ref for ref in workloads if ref in there and not is_applied(final[ref], there[ref])]
    if {ref.name for ref in changed} != {names.CONTROLPLANE, names.DATAPLANE}:
        return [list(wanted) for wanted in stages]
    if len(stages) == _BRIDGED and all(is_ours(there[ref]) for ref in changed):
        return _crossing(*stages)
    return [step for wanted in stages for step in (_without(wanted, names.DATAPLANE, "Deployment"), list(wanted))]


def _crossing(bridge: Sequence[Object], renewed: Sequence[Object], final: Sequence[Object]) -> list[list[Object]]:
    """New component certificates for pods that run: control planes are replaced once for it, data planes twice.

    It is enough that data planes trust both site CAs before control planes have certificates of the new one; those
    trust both from then on, and take the data planes' new ones, too.
    """
    first = _without(bridge, names.CONTROLPLANE, "Deployment")
    second = _without(renewed, names.DATAPLANE, "Deployment", "Secret")
    return [first, second, list(renewed), list(final)]


def _without(objects: Sequence[Object], name: str, *kinds: str) -> list[Object]:
    return [obj for obj in objects if obj["metadata"]["name"] != name or obj["kind"] not in kinds]
