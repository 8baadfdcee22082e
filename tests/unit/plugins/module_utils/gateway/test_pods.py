# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a gateway's pods run, and what their templates say to the cluster's admission."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.install_plan import plan_install
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.manifests import gateway_objects
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.observe import observe_gateway
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.options import gateway_spec

from .material import COMPONENTS, PEER, WORKLOADS

if TYPE_CHECKING:
    from tests.unit.fakes import MemoryCluster


def deployment_of(name: str, **options: Any) -> dict[str, Any]:
    made = gateway_objects(gateway_spec({"peer": "east", **options}), PEER, COMPONENTS)
    [found] = [obj for obj in made if (obj["kind"], obj["metadata"]["name"]) == ("Deployment", name)]
    return found


def pod_of(name: str, **options: Any) -> dict[str, Any]:
    pod: dict[str, Any] = deployment_of(name, **options)["spec"]["template"]["spec"]
    return pod


def test_pull_secrets_are_there_only_when_asked_for() -> None:
    assert pod_of("cl-dataplane", image_pull_secrets=["one"])["imagePullSecrets"] == [{"name": "one"}]
    assert "imagePullSecrets" not in pod_of("cl-dataplane")


def test_replicas_are_spread_over_nodes_and_a_single_one_is_not() -> None:
    assert deployment_of("cl-controlplane", controlplane_replicas=2)["spec"]["replicas"] == 2
    [spread] = pod_of("cl-controlplane", controlplane_replicas=2)["topologySpreadConstraints"]
    assert (spread["topologyKey"], spread["whenUnsatisfiable"]) == ("kubernetes.io/hostname", "ScheduleAnyway")
    assert "topologySpreadConstraints" not in pod_of("cl-dataplane", controlplane_replicas=2)


PLACES = {
    "node_selector": {"pool": "edge"},
    "tolerations": [{"key": "dedicated", "operator": "Exists"}],
    "affinity": {"podAntiAffinity": {}},
    "priority_class_name": "system-cluster-critical",
}


@pytest.mark.parametrize("name", WORKLOADS)
def test_pods_go_where_the_clusters_owner_wants_them(name: str) -> None:
    pod = pod_of(name, **PLACES, image_pull_policy="Always")
    assert pod["nodeSelector"] == PLACES["node_selector"]
    assert pod["tolerations"] == PLACES["tolerations"]
    assert pod["affinity"] == PLACES["affinity"]
    assert pod["priorityClassName"] == PLACES["priority_class_name"]
    assert pod["containers"][0]["imagePullPolicy"] == "Always"
    # What nobody sets is left to the cluster, so that an apply does not take it from its admission.
    assert not {"nodeSelector", "tolerations", "affinity", "priorityClassName"} & set(pod_of(name))


@pytest.mark.parametrize("name", WORKLOADS)
def test_meshes_stay_out_of_pods_unless_they_are_let_in(name: str) -> None:
    template = deployment_of(name)["spec"]["template"]["metadata"]
    assert template["labels"]["sidecar.istio.io/inject"] == "false"
    assert template["annotations"]["linkerd.io/inject"] == "disabled"
    given: dict[str, Any] = {
        "pod_labels": {"sidecar.istio.io/inject": "true", "team": "net"},
        "pod_annotations": {"owner": "a b"},
    }
    deployment = deployment_of(name, **given)["spec"]
    labels, annotations = (deployment["template"]["metadata"][key] for key in ("labels", "annotations"))
    assert (labels["sidecar.istio.io/inject"], labels["team"], annotations["owner"]) == ("true", "net", "a b")
    assert annotations["linkerd.io/inject"] == "disabled"
    assert deployment["selector"] == {"matchLabels": {"app": name}}


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_given_spread_counts_the_components_own_pods_unless_it_selects_others(name: str) -> None:
    zone = {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule"}
    other = {**zone, "labelSelector": {"matchLabels": {"tier": "edge"}}}
    own = {**zone, "labelSelector": {"matchLabels": {"app": name}}, "matchLabelKeys": ["pod-template-hash"]}
    given = pod_of(name, topology_spread_constraints=[zone, other])
    assert given["topologySpreadConstraints"] == [own, other]
    none = pod_of(name, topology_spread_constraints=[], controlplane_replicas=2, dataplane_replicas=2)
    assert "topologySpreadConstraints" not in none


@pytest.mark.parametrize("name", WORKLOADS)
def test_ids_are_left_to_the_platform_with_secrets_that_any_user_can_read(name: str) -> None:
    pod = pod_of(name, user_ids="platform")
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert {volume["secret"]["defaultMode"] for volume in pod["volumes"]} == {0o444}
    fixed = pod_of(name, user_ids="fixed")
    assert fixed == pod_of(name)
    assert fixed["securityContext"]["fsGroup"] == 65532
    assert {volume["secret"]["defaultMode"] for volume in fixed["volumes"]} == {0o440}


@pytest.mark.parametrize(
    ("served", "choice", "fixed"),
    [(True, "auto", False), (False, "auto", True), (True, "fixed", True), (False, "platform", False)],
)
@pytest.mark.parametrize("install", ["direct", "operator"])
def test_ids_are_left_to_openshift_by_itself(
    memory_cluster: type[MemoryCluster], install: str, served: bool, choice: str, fixed: bool
) -> None:
    cluster = memory_cluster()
    cluster.groups = {"security.openshift.io"} if served else set()
    spec = gateway_spec({"peer": "east", "install": install, "user_ids": choice})
    now = datetime(2030, 6, 15, 12, 0, 0, tzinfo=timezone.utc)
    plan = plan_install(spec, PEER, observe_gateway(cluster, spec, take_over=False), now)
    pods = [obj["spec"]["template"]["spec"] for obj in plan.final if obj["kind"] == "Deployment"]
    assert [("runAsUser" in pod["securityContext"]) for pod in pods] == [fixed] * len(pods)
    assert len(pods) == (2 if install == "direct" else 1)
