# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many of a gateway's pods may be taken away at once by who drains nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..clusterlink import names
from .spec import GatewaySpec

BUDGETS = (names.CONTROLPLANE, names.DATAPLANE)
"""The names of all budgets that a gateway can have: those of its Deployments."""


def disruption_budgets(spec: GatewaySpec, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """A PodDisruptionBudget for each Deployment of two pods or more.

    One pod alone gets none: a budget that keeps it would keep its node from being drained.

    Args:
        spec: What the gateway shall be.
        labels: Of the budgets.
    """
    components = {names.CONTROLPLANE: spec.controlplane, names.DATAPLANE: spec.dataplane}
    return [_budget(name, spec.namespace, labels) for name, component in components.items() if component.replicas > 1]


def _budget(name: str, namespace: str, labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels)},
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": {"app": name}},
            # A pod that does not run serves nobody: it keeps no node from being drained.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
