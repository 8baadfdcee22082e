# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written for a gateway, by what the cluster holds, in which stages and steps.

That no request is lost is shown by tests/e2e/test_certificate_rotation.py.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink import api
from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.names import COMPONENT_CERTIFICATES
from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.install_plan import (
    InstallPlan,
    gateway_stages,
    plan_install,
    rollout_steps,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.manifests import gateway_objects
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.observe import GatewayState
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.operator.deployments import (
    Operation,
    operated_deployments,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.options import gateway_spec
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.takeover import Takeover
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.components import ComponentRollout

from .material import COMPONENTS, PEER, WORKLOADS

if TYPE_CHECKING:
    from tests.unit.fakes import MemoryCluster

CONTROLPLANE, DATAPLANE = "cl-controlplane", "cl-dataplane"
SERVICE: dict[str, Any] = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "clusterlink", "namespace": "n"}}

SECRETS: list[dict[str, Any]] = [
    {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "n"}}
    for name in ("cl-ca", CONTROLPLANE, DATAPLANE)
]


def deployment(name: str, image: str) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "n", "labels": {api.MANAGED_BY_LABEL: api.MANAGED_BY}},
        "spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}},
    }


def gateway(controlplane: str = "old", dataplane: str = "old") -> list[dict[str, Any]]:
    return [SERVICE, deployment(CONTROLPLANE, controlplane), deployment(DATAPLANE, dataplane)]


@pytest.fixture
def there(memory_cluster: type[MemoryCluster]) -> dict[Ref, Any]:
    """What a cluster holds that has a gateway."""
    cluster = memory_cluster()
    for obj in gateway():
        cluster.apply(obj)
    return dict(cluster.objects)


def names_of(steps: list[list[dict[str, Any]]]) -> list[list[str]]:
    return [[obj["metadata"]["name"] for obj in step] for step in steps]


def test_the_control_planes_pods_go_before_those_that_ask_it(there: dict[Ref, Any]) -> None:
    steps = rollout_steps([gateway("new", "new")], there)
    assert names_of(steps) == [["clusterlink", CONTROLPLANE], ["clusterlink", CONTROLPLANE, DATAPLANE]]


@pytest.mark.parametrize("wanted", [gateway(), gateway(controlplane="new"), gateway(dataplane="new")])
def test_otherwise_there_is_nothing_to_wait_for(there: dict[Ref, Any], wanted: list[dict[str, Any]]) -> None:
    assert rollout_steps([wanted], there) == [wanted]


def test_a_new_gateway_is_made_all_at_once() -> None:
    assert rollout_steps([gateway()], {}) == [gateway()]


def stages() -> list[list[dict[str, Any]]]:
    """As they are where component certificates are recreated: trust both, have new ones, trust only the new."""
    renewed = gateway("new", "new")
    return [[*SECRETS, *gateway("bridge", "bridge")], [*SECRETS[1:], *renewed], [*SECRETS, *renewed]]


def test_data_planes_trust_both_before_the_control_plane_changes_which_it_does_once(there: dict[Ref, Any]) -> None:
    bridge, renewed, final = stages()
    first, second, *rest = rollout_steps([bridge, renewed, final], there)
    assert first == [*SECRETS, SERVICE, bridge[-1]]
    assert second == [SECRETS[1], SERVICE, renewed[-2]], "its trust is the first step's, and data planes keep theirs"
    assert rest == [renewed, final]


def test_pods_of_others_are_replaced_each_time(memory_cluster: type[MemoryCluster]) -> None:
    cluster = memory_cluster()
    for obj in gateway():
        cluster.apply({**obj, "metadata": {"name": obj["metadata"]["name"], "namespace": "n"}})
    steps = rollout_steps(stages(), cluster.objects)
    assert [[obj["kind"] for obj in step].count("Deployment") for step in steps] == [1, 2, 1, 2, 1, 2]


NOW = datetime(2030, 6, 15, 12, 0, 0, tzinfo=timezone.utc)
SPACE, OPERATORS = "clusterlink-system", "clusterlink-operator"
NAMESPACE = Ref("Namespace", SPACE)
EXPORTS = Ref("CustomResourceDefinition", "exports.clusterlink.net")
DUE = 300
"""Days after which less than a third of a component certificate's life is left."""


def plan(state: GatewayState, days: int = 0, *, percent: int = 33, **options: Any) -> InstallPlan:
    arguments = {key: options.pop(key) for key in ("take_over", "step_timeout") if key in options}
    spec = gateway_spec({"peer": "east", **options})
    return plan_install(spec, PEER, state, NOW + timedelta(days=days), renew_percent=percent, **arguments)


def operation(*instances: dict[str, Any], there: Any = ()) -> Operation:
    wanted = operated_deployments(gateway_spec({"peer": "east", "install": "operator"}))
    return Operation({Ref.of(obj): obj for obj in wanted}, {Ref.of(obj): obj for obj in there}, instances)


def kinds(objects: Any) -> set[str]:
    return {obj["kind"] for obj in objects}


@pytest.fixture
def installed(memory_cluster: type[MemoryCluster]) -> GatewayState:
    """A cluster with a gateway that was installed at NOW."""
    first = plan(GatewayState())
    objects = [memory_cluster.stored(dict(obj)) for obj in (*first.definitions, *first.final)]
    secrets = [obj for obj in objects if obj["kind"] == "Secret"]
    return GatewayState({Ref.of(obj): obj for obj in objects}, secrets)


def changed(state: GatewayState, key: Ref, **fields: Any) -> GatewayState:
    """The state with another object in place of one; without fields, it is somebody else's."""
    obj = {**state.objects[key], **fields}
    metadata = {name: value for name, value in obj["metadata"].items() if name != "labels"}
    return replace(state, objects={**state.objects, key: {**obj, "metadata": metadata}})


def test_a_new_cluster_gets_definitions_first_and_then_everything_in_one_step() -> None:
    new = plan(GatewayState(), step_timeout=60)
    assert kinds(new.definitions) == {"CustomResourceDefinition"}
    assert len(new.steps) == 1
    assert {"Namespace", "Secret", "Service", "Deployment"} <= kinds(new.final)
    assert (new.reasons, new.notice_restart) == (["component certificates: there are none yet"], True)
    assert (new.take_over, new.takeover, new.operation, new.warnings) == (False, None, None, [])


def test_an_unchanged_gateway_keeps_its_certificates_and_definitions(installed: GatewayState) -> None:
    again = plan(installed, step_timeout=60)
    assert (again.definitions, again.reasons, again.notice_restart) == ([], [], False)
    assert [list(step) for step in again.steps] == [list(plan(GatewayState(secrets=installed.secrets)).final)]


@pytest.mark.parametrize(("labels", "relabelled"), [({"region": "asia"}, True), ({}, False)])
def test_data_planes_are_replaced_after_the_control_plane_whose_labels_change(
    installed: GatewayState, labels: dict[str, str], relabelled: bool
) -> None:
    changed_plan = plan(installed, step_timeout=60, labels=labels)
    assert (len(changed_plan.steps), changed_plan.relabelled) == (1 + relabelled, relabelled)
    names = [{obj["metadata"]["name"] for obj in step if obj["kind"] == "Deployment"} for step in changed_plan.steps]
    assert names == ([{CONTROLPLANE}] if relabelled else []) + [{CONTROLPLANE, DATAPLANE}]


@pytest.mark.parametrize(
    ("days", "percent", "timeout", "expected"),
    [
        (0, 33, 60, (1, False)),
        (DUE, 0, 60, (1, False)),
        (DUE, 33, 60, (4, False)),
        (DUE, 33, 0, (1, True)),
        (400, 0, 60, (2, False)),  # the present ones have expired: nobody can trust both
    ],
)
def test_component_certificates_are_renewed_in_steps_where_waiting_is_allowed(
    installed: GatewayState, days: int, percent: int, timeout: int, expected: tuple[int, bool]
) -> None:
    renewed = plan(installed, days, percent=percent, step_timeout=timeout)
    assert (len(renewed.steps), renewed.notice_restart) == expected
    assert bool(renewed.reasons) == (expected != (1, False))


@pytest.mark.parametrize(("version", "usable"), [("v1alpha1", True), ("v1", False)])
def test_definitions_of_others_are_used_when_they_serve_our_version(
    installed: GatewayState, version: str, usable: bool
) -> None:
    theirs = changed(installed, EXPORTS, spec={"versions": [{"name": version, "served": True}]})
    if usable:
        assert plan(theirs).definitions == []
    else:
        with pytest.raises(ClusterlinkError, match=r"exports\.clusterlink\.net: it does not serve version v1alpha1"):
            plan(theirs)


def test_our_definition_is_written_when_it_differs(installed: GatewayState) -> None:
    ours = {**installed.objects[EXPORTS], "spec": {"versions": []}}
    outdated = plan(replace(installed, objects={**installed.objects, EXPORTS: ours}))
    assert [Ref.of(obj) for obj in outdated.definitions] == [EXPORTS]


def test_a_namespace_of_somebody_else_is_not_written(installed: GatewayState) -> None:
    assert NAMESPACE in map(Ref.of, plan(installed).final)
    assert NAMESPACE not in map(Ref.of, plan(changed(installed, NAMESPACE)).final)


def test_for_an_operator_its_instance_takes_the_place_of_the_deployments() -> None:
    operated = plan(GatewayState(operation=operation()), install="operator")
    workloads = {Ref.of(obj) for obj in operated.final if obj["kind"] in ("Deployment", "Instance")}
    assert {ref.namespace for ref in workloads} == {OPERATORS}
    assert len(operated.definitions) == len(plan(GatewayState()).definitions) + 1


@pytest.mark.parametrize(
    ("instance", "take_over", "said"),
    [
        ("cl-instance", True, "is for a gateway in another namespace"),
        ("", False, "this collection did not make it"),
        ("", True, None),
    ],
)
def test_what_an_operator_cannot_make_is_refused(instance: str, take_over: bool, said: str | None) -> None:
    theirs = {"kind": "Deployment", "metadata": {"name": DATAPLANE, "namespace": SPACE}}
    metadata = {"name": instance, "namespace": OPERATORS}
    instances = [{"kind": "Instance", "metadata": metadata, "spec": {"namespace": "elsewhere"}}] if instance else []
    state = GatewayState(operation=operation(*instances, there=[theirs]))
    if said is None:
        assert plan(state, install="operator", take_over=take_over).take_over
    else:
        with pytest.raises(ClusterlinkError, match=said):
            plan(state, install="operator", take_over=take_over)


def test_what_can_be_taken_over_is_also_without_force() -> None:
    takeover = Takeover(SPACE, deployments=[deployment(DATAPLANE, "theirs")])
    moving = plan(GatewayState(takeover=takeover))
    assert (moving.takeover, moving.take_over) == (takeover, True)


def test_an_operator_that_runs_other_gateways_cannot_be_taken_over() -> None:
    other = {"kind": "Instance", "metadata": {"name": "other", "namespace": OPERATORS}}
    with pytest.raises(ClusterlinkError, match="also runs this gateway"):
        plan(GatewayState(takeover=Takeover(SPACE, others=[other])))


def test_the_clusters_clock_is_a_warning_or_an_error() -> None:
    [warning] = plan(GatewayState(clock=90)).warnings
    assert "its clock is 90 s ahead" in warning
    with pytest.raises(ClusterlinkError, match="is not valid before"):
        plan(GatewayState(clock=-301))


def digests_and_trust(stage: list[dict[str, Any]]) -> tuple[list[str], str | None]:
    """What the pods' templates carry, and what cl-ca would be set to, if at all."""
    found = {(obj["kind"], obj["metadata"]["name"]): obj for obj in stage}
    templates = [found["Deployment", name]["spec"]["template"]["metadata"]["annotations"] for name in WORKLOADS]
    trust = found.get(("Secret", "cl-ca"))
    ca = trust["data"]["ca"] if trust else None
    return [annotations[COMPONENT_CERTIFICATES] for annotations in templates], ca


def test_without_new_component_certificates_there_is_one_stage() -> None:
    spec = gateway_spec({"peer": "east"})
    assert gateway_stages(spec, PEER, ComponentRollout(COMPONENTS)) == [gateway_objects(spec, PEER, COMPONENTS)]


def test_pods_are_replaced_twice_and_trust_shrinks_without_them() -> None:
    bridge = replace(COMPONENTS, ca_pem="site CA, old CA", controlplane_cert_pem="old leaf")
    stages = gateway_stages(gateway_spec({"peer": "east"}), PEER, ComponentRollout(COMPONENTS, ["due"], bridge))
    (first, trusts_both), (second, kept), (third, trusts_new) = map(digests_and_trust, stages)
    assert all(one != other for one, other in zip(first, second, strict=True))
    assert second == third
    assert trusts_both == base64.b64encode(b"site CA, old CA").decode()
    assert kept is None
    assert trusts_new == base64.b64encode(b"site CA").decode()


def test_surplus_trust_goes_after_pods_that_need_it() -> None:
    stages = gateway_stages(
        gateway_spec({"peer": "east"}), PEER, ComponentRollout(COMPONENTS, ["surplus"], extra_trust=True)
    )
    assert [digests_and_trust(stage)[1] is None for stage in stages] == [True, False]
