# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods where the platform assigns user and group ids: a real API server refuses others, as OpenShift."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.client import Cluster
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.connection import connect
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.pod_settings import PodSettings
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.pod_user import assigns_user_ids
from ansible_collections.skyshift.clusterlink.plugins.module_utils.probe.client_pod import (
    Client,
    TemporaryPods,
    pod_manifest,
)
from tests.support.ansible import Call
from tests.support.gateways import Fabric
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.ansible import Ansible
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

Object = dict[str, Any]
SPACE = "platform-ids"
CONSTRAINTS = "securitycontextconstraints.security.openshift.io"
LEAST = 1_000_000_000
IDS = " && ".join(
    f"(!has(pod.securityContext.{field}) || pod.securityContext.{field} >= {LEAST})"
    for field in ("runAsUser", "runAsGroup", "fsGroup")
)


def platform() -> list[Object]:
    """OpenShift's API group, and a policy that refuses pods, and templates of pods, with ids below its range."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    names = {"kind": "SecurityContextConstraints", "plural": CONSTRAINTS.partition(".")[0], "singular": "scc"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    rules = [
        {"apiGroups": ["", "apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": [kind]}
        for kind in ("pods", "deployments")
    ]
    return [
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": CONSTRAINTS},
            "spec": {"group": "security.openshift.io", "names": names, "scope": "Cluster", "versions": [version]},
        },
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": SPACE},
            "spec": {
                "matchConstraints": {"resourceRules": rules},
                "variables": [
                    {
                        "name": "pod",
                        "expression": "object.kind == 'Pod' ? object.spec : object.spec.template.spec",
                    }
                ],
                "validations": [{"expression": IDS.replace("pod.", "variables.pod."), "message": "ids out of range"}],
            },
        },
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": SPACE},
            "spec": {
                "policyName": SPACE,
                "validationActions": ["Deny"],
                "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": SPACE}}},
            },
        },
    ]


@pytest.fixture
def cluster(clusters: Clusters, kubectl: Kubectl) -> Iterator[Cluster]:
    """A cluster whose platform assigns ids in the namespace."""
    kubectl("create", "namespace", SPACE)
    kubectl.apply(*platform())
    with connect({"kubeconfig": str(clusters.kubeconfig), "context": clusters.contexts[0]}) as connected:
        wait_until("its API group", lambda: assigns_user_ids(connected))
        yield connected
    for kind in ("validatingadmissionpolicybinding", "validatingadmissionpolicy"):
        kubectl("delete", kind, SPACE, "--ignore-not-found")
    kubectl.remove_namespace(SPACE)
    role = f"clusterlink:{SPACE}:cl-controlplane"
    kubectl("delete", "clusterrole,clusterrolebinding", role, "--ignore-not-found")
    kubectl.remove_definitions(CONSTRAINTS)


def refused(cluster: Cluster, settings: PodSettings) -> str:
    """Why the API server refuses a temporary pod; empty when it admits it."""
    pod = pod_manifest("probe", Client(SPACE), TemporaryPods("curl:8", settings), ["sleep", "1"])
    try:
        cluster.apply(pod, dry_run=True)
    except ClusterlinkError as error:
        return str(error)
    return ""


def test_pods_of_gateways_and_probes_leave_their_ids_to_the_platform(
    run_module: Ansible, cluster: Cluster, kubectl: Kubectl, tmp_path: Path
) -> None:
    wait_until("the policy", lambda: "ids out of range" in refused(cluster, PodSettings()))
    assert refused(cluster, PodSettings().on_platform(assigns_user_ids=True)) == ""
    east = {**Fabric(tmp_path).peer("east"), "namespace": SPACE, "ingress_type": "none", "wait": False}

    first, again = run_module.each(Call("gateway", east), Call("gateway", east, check=True))

    assert not first["failed"], first["msg"]
    assert not again["changed"], again["reasons"]
    for deployment in json.loads(kubectl("get", "deployments", "-n", SPACE, "-o", "json"))["items"]:
        context = deployment["spec"]["template"]["spec"]["securityContext"]
        assert context == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
