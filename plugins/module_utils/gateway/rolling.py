# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order a gateway's pods are replaced. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink import names
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.client import Object
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.compare import is_applied
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.kinds import Ref


def rolling_steps(stages: Sequence[Sequence[Object]], there: Mapping[Ref, Object]) -> list[list[Object]]:
    """What is applied one after another, each when all pods are of the last, so that no request is lost.

    Where pods of both Deployments are replaced, the control plane's are first: a data plane stays with the control
    plane that it first asked, which therefore has to be one that stays. The old ones serve on until then (see
    C(workloads.CONTROLPLANE_DRAIN_SECONDS)).

    Args:
        stages: All of the gateway's objects, once for each time that all pods are replaced.
        there: What the cluster holds.
    """
    final = {Ref.of(obj): obj for obj in stages[-1]}
    workloads = [ref for ref in final if ref.kind == "Deployment"]
    changed = [ref for ref in workloads if ref in there and (len(stages) > 1 or not is_applied(final[ref], there[ref]))]
    if {ref.name for ref in changed} != {names.CONTROLPLANE, names.DATAPLANE}:
        return [list(wanted) for wanted in stages]
    steps: list[list[Object]] = []
    for wanted in stages:
        first = [obj for obj in wanted if (obj["kind"], obj["metadata"]["name"]) != ("Deployment", names.DATAPLANE)]
        steps += [first, list(wanted)]
    return steps
