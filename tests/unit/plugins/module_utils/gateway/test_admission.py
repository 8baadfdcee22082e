# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster's admission changes in Deployments and says about their pods; its words are those of real servers."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.admission import (
    refusal,
    refused_by_conditions,
    refused_pods,
    rewritten,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.manifests import gateway_objects
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.options import gateway_spec
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.apply import ApplyResult
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.errors import ApiError
from tests.unit.fakes import MemoryCluster

from .material import COMPONENTS, PEER

SPACE = "clusterlink-system"
DATAPLANE = Ref("Deployment", "cl-dataplane", SPACE)
TRY = Ref("Pod", "cl-dataplane-dry-run", SPACE)
EXCEEDED = "exceeded quota: compute, requested: pods=1, used: pods=4, limited: pods=4"


def deployment() -> dict[str, Any]:
    made = gateway_objects(gateway_spec({"peer": "east"}), PEER, COMPONENTS)
    [found] = [obj for obj in made if Ref.of(obj) == DATAPLANE]
    return copy.deepcopy(found)


def result(found: dict[str, Any], **refs: list[Ref]) -> ApplyResult:
    return ApplyResult(**refs, objects={DATAPLANE: found})


def refuse(message: str, status: int = 403) -> ApiError:
    return ApiError(Problem(str(TRY), "the API server forbids it", message), status=status)


def test_a_rewritten_image_is_one_warning_when_it_is_written_and_none_later() -> None:
    wanted, found = deployment(), deployment()
    containers = found["spec"]["template"]["spec"]["containers"]
    containers[0]["image"] = "mirror.internal/cl-dataplane:v0.4.1"
    containers[0]["resources"]["requests"]["cpu"] = "0.1"  # another form of the same amount
    containers.insert(0, {"name": "sidecar", "image": "proxy:1"})
    found["spec"]["template"]["metadata"]["labels"]["injected"] = "true"

    [warning] = rewritten([wanted], result(found, updated=[DATAPLANE]))

    assert "containers[dataplane].image is mirror.internal/cl-dataplane:v0.4.1 instead of ghcr.io/" in warning
    assert "sidecar" not in warning
    assert "requests" not in warning
    assert rewritten([wanted], result(found, unchanged=[DATAPLANE])) == []
    assert rewritten([wanted], result(wanted, created=[DATAPLANE])) == []


@pytest.mark.parametrize(
    ("message", "what", "found", "fix"),
    [
        (
            "failed quota: compute: must specify limits.cpu for: dataplane; limits.memory for: dataplane",
            "ResourceQuota compute refuses its pods: they do not set limits.cpu, limits.memory",
            "",
            "clusterlink_dataplane_resources",
        ),
        (EXCEEDED, "ResourceQuota compute refuses", "requested pods=1, used pods=4, limited to pods=4", "Raise the"),
        (
            "[minimum memory usage per Container is 128Mi, but request is 64Mi, maximum cpu usage per Container is 1]",
            "a LimitRange of namespace clusterlink-system refuses its pods",
            "minimum memory usage per Container is 128Mi, but request is 64Mi, maximum cpu",
            "clusterlink_dataplane_resources",
        ),
        (
            'pods "x" is forbidden: no PriorityClass with name high was found',
            "PriorityClass does not exist",
            "high",
            "clusterlink_priority_class_name",
        ),
        (
            'pods "x" is forbidden: violates PodSecurity "restricted:latest": seccompProfile',
            "Pod Security Standard",
            "seccompProfile",
            "restricted",
        ),
        (
            'pods "x" is forbidden: unable to validate against any security context constraint: [anyuid: 65532]',
            "no security context constraint admits its pods",
            "65532",
            "clusterlink_user_ids",
        ),
    ],
)
def test_a_refusal_names_what_is_missing(message: str, what: str, found: str, fix: str) -> None:
    problem = refusal(DATAPLANE, message)
    assert problem
    assert what in problem.what
    assert found in problem.found
    assert fix in problem.fix
    condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
    assert refused_by_conditions({**deployment(), "status": {"conditions": [condition]}}) == problem


def test_what_is_no_refusal_of_admission_is_none() -> None:
    assert refusal(DATAPLANE, 'User "a" cannot patch resource "pods"') is None
    assert refused_by_conditions({**deployment(), "status": {}}) is None


def test_a_pod_is_tried_and_never_written() -> None:
    cluster: Any = MemoryCluster()
    assert refused_pods(cluster, [deployment()]) == []
    assert (cluster.dry_runs, cluster.writes) == ([("apply", str(TRY))], [])
    cluster.refusals["try apply", TRY] = refuse(EXCEEDED)
    [problem] = refused_pods(cluster, [deployment()])
    assert problem.where == str(DATAPLANE)


@pytest.mark.parametrize(
    "error",
    [refuse('error looking up service account clusterlink-system/default: "default" not found'), refuse(EXCEEDED, 404)],
)
def test_what_a_trial_cannot_show_is_left_to_the_rollout(error: ApiError) -> None:
    cluster: Any = MemoryCluster()
    cluster.refusals["try apply", TRY] = error
    assert refused_pods(cluster, [deployment()]) == []


def test_a_quota_without_room_is_no_problem_while_pods_are_about_to_end() -> None:
    ending = {"kind": "Pod", "metadata": {"name": "old", "namespace": SPACE, "deletionTimestamp": "now"}}
    cluster: Any = MemoryCluster(ending)
    cluster.refusals["try apply", TRY] = refuse(EXCEEDED)
    assert refused_pods(cluster, [deployment()]) == []
    cluster.refusals["try apply", TRY] = refuse("failed quota: compute: must specify limits.cpu for: dataplane")
    assert len(refused_pods(cluster, [deployment()])) == 1
