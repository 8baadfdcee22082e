# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a gateway's pods do not run, as their status tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def pod_troubles(pods: Iterable[Mapping[str, Any]]) -> list[str]:
    """One sentence, without a full stop, for each thing that keeps a pod from being ready; each is said once."""
    troubles: dict[str, None] = {}
    for pod in pods:
        status = pod.get("status") or {}
        for condition in status.get("conditions") or []:
            if condition["type"] == "PodScheduled" and condition["status"] == "False":
                troubles[f"a pod cannot be placed on a node: {condition.get('message', '')}"] = None
        for container in status.get("containerStatuses") or []:
            waiting = (container.get("state") or {}).get("waiting") or {}
            ended = (container.get("lastState") or {}).get("terminated") or {}
            if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
                said = ": ".join(part for part in (waiting["reason"], waiting.get("message", "")) if part)
                troubles[f"container {container['name']} of image {container['image']} waits: {said}"] = None
            if ended:
                said = f"{ended.get('reason', '')} with exit code {ended.get('exitCode')}"
                troubles[f"container {container['name']} has ended: {said}"] = None
    return list(troubles)
