# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway's pod templates as the options that make them again. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..clusterlink import names
from ..common.types import Object
from ..kube.pod_settings import DEFAULT_PULL_POLICY, MESH_ANNOTATIONS, MESH_LABELS, PodSettings, options_of
from ..kube.pod_user import AUTO, FIXED, PLATFORM
from .workloads import CONTAINERS, SPREAD_KEYS, SPREAD_OVER_NODES

_GENERATED = ("kubectl.kubernetes.io/", "skyshift.clusterlink/")
"""Prefixes of annotations that a template gets besides those of the options."""


def main_container(deployment: Mapping[str, Any]) -> Mapping[str, Any]:
    """The component's own container, wherever an admission webhook has put others; or else the first."""
    containers: Sequence[Mapping[str, Any]] = deployment["spec"]["template"]["spec"]["containers"]
    return next((each for each in containers if each.get("name") in CONTAINERS), containers[0])


def running_pod_options(controlplane: Object, dataplane: Object, most: int | None = None) -> dict[str, Any]:
    """The options of C(kube.pod_settings) by which both Deployments have their pod templates.

    Both have the same ones, except for the default constraint, which a component with a single pod does not need.

    Args:
        controlplane: The control plane's Deployment.
        dataplane: The data plane's.
        most: To how many data planes our autoscaler goes; None without one.
    """
    template = controlplane["spec"]["template"]
    metadata, pod = template.get("metadata") or {}, template["spec"]
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key not in _selectors()}
    annotations = {
        key: value for key, value in (metadata.get("annotations") or {}).items() if not key.startswith(_GENERATED)
    }
    settings = PodSettings(
        node_selector=pod.get("nodeSelector") or {},
        tolerations=pod.get("tolerations") or (),
        affinity=pod.get("affinity") or {},
        priority_class_name=pod.get("priorityClassName") or "",
        labels=_without(labels, MESH_LABELS),
        annotations=_without(annotations, MESH_ANNOTATIONS),
        image_pull_policy=main_container(controlplane).get("imagePullPolicy") or DEFAULT_PULL_POLICY,
        image_pull_secrets=tuple(each["name"] for each in pod.get("imagePullSecrets") or []),
        user_ids=_user_ids(pod.get("securityContext") or {}),
        spread=_spread((controlplane, None), (dataplane, most)),
    )
    return options_of(settings)


def _user_ids(context: Mapping[str, Any]) -> str:
    if not context.get("runAsNonRoot"):  # the operator's pods have no such setting
        return AUTO
    return FIXED if "runAsUser" in context else PLATFORM


def _selectors() -> tuple[str, ...]:
    return (names.POD_LABEL, *SPREAD_KEYS)


def _without(given: Mapping[str, str], defaults: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in given.items() if defaults.get(key) != value}


def _spread(*components: tuple[Object, int | None]) -> list[dict[str, Any]] | None:
    """The constraints of both Deployments, each with its greatest number of pods; None where each has its default."""
    found = [list(_constraints(each)) for each, _most in components]
    counts = [most or each["spec"].get("replicas", 1) for each, most in components]
    defaults = [[SPREAD_OVER_NODES] if count > 1 else [] for count in counts]
    return None if found == defaults else found[0]


def _constraints(deployment: Object) -> Iterator[dict[str, Any]]:
    """The constraints, without the component's own selector."""
    app = (deployment["spec"]["template"].get("metadata") or {}).get("labels", {}).get(names.POD_LABEL, "")
    for each in deployment["spec"]["template"]["spec"].get("topologySpreadConstraints") or []:
        if app in names.COMPONENTS and each.get("labelSelector") == {"matchLabels": names.pod_labels(app)}:
            yield {
                key: value
                for key, value in each.items()
                if key != "labelSelector" and not (key == "matchLabelKeys" and value == list(SPREAD_KEYS))
            }
        else:
            yield dict(each)
