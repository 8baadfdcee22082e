# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data plane's HorizontalPodAutoscaler, and Deployments whose number of pods any autoscaler sets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ..clusterlink import names
from ..clusterlink.ownership import is_ours
from ..common.fields import Item
from ..common.kinds import Ref
from ..common.types import Object
from ..errors import Problem
from ..kube.compare import is_owned_by_others
from .spec import Autoscaling, GatewaySpec

KIND = "HorizontalPodAutoscaler"
MOST_PODS = 1000
MOST_PERCENT = 1000
DEFAULT_PERCENT = 80


def read_autoscaling(options: Item, resources: Mapping[str, Mapping[str, str]]) -> Autoscaling | None:
    """Read option C(dataplane_autoscaling): min, max, cpu.

    Args:
        options: The options of module gateway.
        resources: The data plane's resources. An autoscaler measures the use of the requested CPU.
    """
    key = "dataplane_autoscaling"
    if options.get(key) is None:
        return None
    item = options.item(key)
    least, most = item.count("min", MOST_PODS) or 1, item.count("max", MOST_PODS)
    if "max" not in item and item.readable:
        item.problem("max", "is required", fix="Set the greatest number of data plane pods")
    elif most and least > most:
        item.problem("min", f"is more than max, which is {most}", least)
    percent = item.count("cpu", MOST_PERCENT) or DEFAULT_PERCENT
    item.finish()
    # A limit without a request is the request, too.
    if not any("cpu" in resources.get(group, {}) for group in ("requests", "limits")):
        what = "needs a request of CPU, since an autoscaler compares the pods' use with it"
        options.problem(key, what, fix="Set requests.cpu in dataplane_resources, as 100m")
    return Autoscaling(least, most, percent)


def autoscaler(spec: GatewaySpec, labels: Mapping[str, str]) -> list[Object]:
    """The data plane's autoscaler, if it is to have one."""
    scaling = spec.dataplane.autoscaling
    if scaling is None:
        return []
    target = {"type": "Utilization", "averageUtilization": scaling.cpu}
    return [
        {
            "apiVersion": "autoscaling/v2",
            "kind": KIND,
            "metadata": {"name": names.DATAPLANE, "namespace": spec.namespace, "labels": dict(labels)},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": names.DATAPLANE},
                "minReplicas": scaling.least,
                "maxReplicas": scaling.most,
                "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
            },
        }
    ]


def autoscaling_option(obj: Object | None) -> dict[str, int] | None:
    """The option C(dataplane_autoscaling) that makes this autoscaler; None for one that is not ours."""
    if obj is None or not is_ours(obj):
        return None
    spec = obj["spec"]
    percent = next(
        (each["resource"]["target"]["averageUtilization"] for each in spec.get("metrics") or () if "resource" in each),
        DEFAULT_PERCENT,
    )
    return {"min": spec.get("minReplicas", 1), "max": spec["maxReplicas"], "cpu": percent}


def second_autoscaler(spec: GatewaySpec, found: Iterable[Object]) -> list[Problem]:
    """Autoscalers of others for the data plane that would fight with ours."""
    fix = "Remove it, or leave dataplane_autoscaling (clusterlink_dataplane_autoscaling) out"
    what = "sets the number of data plane pods already, and this collection did not make it"
    return [
        Problem(str(Ref.of(obj)), what, fix=fix)
        for obj in found
        if spec.dataplane.autoscaling and _target(obj) == names.DATAPLANE and not is_ours(obj)
    ]


def autoscaled(spec: GatewaySpec, found: Iterable[Object]) -> frozenset[str]:
    """The names of the Deployments whose number of pods an autoscaler sets after this run."""
    others = {_target(obj) for obj in found if not is_ours(obj)}
    return frozenset({*others, *([names.DATAPLANE] if spec.dataplane.autoscaling else [])} - {""})


def leave_replicas(
    stages: Iterable[Sequence[Object]], scaled: Collection[str], there: Mapping[Ref, Object]
) -> list[list[Object]]:
    """The stages without the number of pods of autoscaled Deployments.

    The server removes a field that nobody applies any more, and a Deployment would have one pod then until its
    autoscaler looks again. So the present number is applied until the autoscaler, or somebody else, has set one.

    Args:
        stages: The desired objects in stages.
        scaled: The names of the autoscaled Deployments.
        there: What the cluster holds.
    """
    return [
        [
            _scaled(obj, there.get(Ref.of(obj)))
            if obj["kind"] == "Deployment" and obj["metadata"]["name"] in scaled
            else obj
            for obj in stage
        ]
        for stage in stages
    ]


def _scaled(desired: Object, observed: Object | None) -> Object:
    if observed is None:
        return desired
    spec: dict[str, Any] = {key: value for key, value in desired["spec"].items() if key != "replicas"}
    if not is_owned_by_others(observed, "spec", "replicas"):
        spec = {"replicas": observed["spec"].get("replicas", 1), **spec}
    return {**desired, "spec": spec}


def _target(obj: Object) -> str:
    """The name of the Deployment that an autoscaler scales; empty for another kind."""
    target = obj["spec"]["scaleTargetRef"]
    return str(target["name"]) if target["kind"] == "Deployment" else ""
