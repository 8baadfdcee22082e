# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a gateway's pods do not run."""

from __future__ import annotations

from typing import Any

from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.pod_status import pod_troubles


def pod(state: dict[str, Any], last: dict[str, Any] | None = None) -> dict[str, Any]:
    container = {"name": "dataplane", "image": "cl-dataplane:v1", "state": state, "lastState": last or {}}
    return {"status": {"containerStatuses": [container]}}


def test_an_image_that_cannot_be_pulled_is_named_once_for_all_pods() -> None:
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such host"}}
    assert pod_troubles([pod(waiting), pod(waiting)]) == [
        "container dataplane of image cl-dataplane:v1 waits: ImagePullBackOff: no such host"
    ]


def test_a_container_that_keeps_ending_says_how_it_ended() -> None:
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
    ended = {"terminated": {"reason": "Error", "exitCode": 1}}
    assert pod_troubles([pod(waiting, ended)]) == [
        "container dataplane of image cl-dataplane:v1 waits: CrashLoopBackOff: back-off 10s",
        "container dataplane has ended: Error with exit code 1",
    ]


def test_a_pod_that_fits_no_node_says_why() -> None:
    condition = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available: Insufficient cpu."}
    assert pod_troubles([{"status": {"conditions": [condition]}}]) == [
        "a pod cannot be placed on a node: 0/1 nodes are available: Insufficient cpu."
    ]


def test_a_pod_on_its_way_is_no_trouble() -> None:
    starting = pod({"waiting": {"reason": "ContainerCreating"}})
    running = pod({"running": {"startedAt": "2030-01-01T00:00:00Z"}})
    scheduled = {"status": {"conditions": [{"type": "PodScheduled", "status": "True"}]}}
    assert pod_troubles([starting, running, scheduled, {}]) == []
