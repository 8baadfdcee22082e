# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway that the operator makes, in a cluster in memory with one that acts as v0.4.1 does."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway import install as installation
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway import remove
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.install import Installation, install_gateway
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.operator import reconcile as operate
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.operator.deployments import (
    operated_deployments,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.operator.identity import FINALIZER
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.options import gateway_spec
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.remove import Removal, remove_gateway
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.peer_material import PeerMaterial

if TYPE_CHECKING:
    from tests.unit.fakes import MemoryCluster

Object = dict[str, Any]
NOW = datetime(2030, 6, 15, 12, 0, 0, tzinfo=timezone.utc)
PEER = PeerMaterial(certificate_pem="cert", key_pem="key", ca_pem="ca")
SPACE, OPERATORS = "clusterlink-system", "clusterlink-operator"
INSTANCE = Ref("Instance", "cl-instance", OPERATORS)
MANAGER = Ref("Deployment", "cl-operator-controller-manager", OPERATORS)
CONTROLPLANE, DATAPLANE = (Ref("Deployment", name, SPACE) for name in ("cl-controlplane", "cl-dataplane"))


@pytest.fixture
def bare(memory_cluster: type[MemoryCluster], monkeypatch: pytest.MonkeyPatch) -> Any:
    """A cluster in which an operator acts when its Instance changes, and only then."""
    for module, name in ((operate, "wait_gone"), (remove, "wait_gone"), (installation, "wait_ready")):
        monkeypatch.setattr(module, name, lambda *_arguments, **_options: None)

    class Operated(memory_cluster):  # type: ignore[valid-type, misc]
        def apply(self, obj: Object, *, force: bool = False, dry_run: bool = False) -> Object:
            stored: Object = super().apply(obj, force=force, dry_run=dry_run)
            if Ref.of(obj) == INSTANCE and not dry_run:
                self.act()
            return stored

        def act(self) -> None:
            spec = self.objects[INSTANCE]["spec"]
            options = {"dataplane_replicas": spec["dataplane"]["replicas"], "image_tag": spec["tag"]}
            for each in operated_deployments(options_of(**options)):
                self.objects[Ref.of(each)] = copy.deepcopy(each)

        def patch(self, kind: str, name: str, namespace: str, body: Object) -> None:
            self.writes.append(("patch", str(Ref(kind, name, namespace))))
            assert body["metadata"]["finalizers"] == ["example.com/others"]
            self.objects[Ref(kind, name, namespace)]["metadata"].update(body["metadata"])

        def patch_status(self, kind: str, name: str, namespace: str, _status: Object) -> None:
            self.writes.append(("forget", str(Ref(kind, name, namespace))))
            self.act()

    return Operated()


@pytest.fixture
def cluster(bare: Any) -> Any:
    """One with a gateway that its operator has made."""
    done = install(bare)
    assert {CONTROLPLANE, DATAPLANE} <= set(done.result.created)
    bare.writes.clear()
    return bare


def options_of(**options: Any) -> Any:
    return gateway_spec({"peer": "east", "install": "operator", **options})


def install(cluster: Any, days: int = 0, *, check: bool = False, **options: Any) -> Installation:
    now, spec = NOW + timedelta(days=days), options_of(**options)
    return install_gateway(cluster, spec, PEER, now, check=check, take_over=False, renew_percent=33)


def absent(cluster: Any, *, check: bool = False) -> Removal:
    return remove_gateway(cluster, SPACE, check=check, timeout=1)


def names_of(cluster: Any) -> list[str]:
    return [name for _verb, name in cluster.writes]


def test_it_is_predicted_made_and_then_left_alone(bare: Any) -> None:
    predicted = install(bare, check=True).result
    assert bare.writes == []
    done = install(bare).result
    assert predicted.created == done.created
    assert done.created[-3:] == [INSTANCE, CONTROLPLANE, DATAPLANE]
    assert names_of(bare)[-1] == str(INSTANCE)
    assert str(CONTROLPLANE) not in names_of(bare), "it is the operator's to write"

    again = install(bare)
    assert not again.result.changed
    assert {CONTROLPLANE, DATAPLANE} <= set(again.result.unchanged)


@pytest.mark.parametrize("options", [{"dataplane_replicas": 3}, {"image_tag": "patched"}])
def test_what_is_asked_otherwise_is_asked_of_the_operator(cluster: Any, options: Object) -> None:
    predicted = install(cluster, check=True, **options).result
    done = install(cluster, **options).result
    assert (predicted.updated, predicted.diff) == (done.updated, done.diff)
    assert INSTANCE in done.updated
    assert DATAPLANE in done.updated
    assert not install(cluster, **options).result.changed


@pytest.mark.parametrize(
    "harm",
    [
        lambda cluster: cluster.objects.pop(CONTROLPLANE),
        lambda cluster: cluster.objects[CONTROLPLANE]["spec"].update(replicas=0),
    ],
)
def test_of_a_deployment_that_is_otherwise_the_operator_is_told(cluster: Any, harm: Callable[[Any], None]) -> None:
    harm(cluster)
    predicted = install(cluster, check=True).result
    done = install(cluster).result
    assert cluster.writes == [("forget", str(INSTANCE))]
    assert [found.ref for found in done.drift] == [CONTROLPLANE]
    assert (predicted.created, predicted.updated, predicted.diff) == (done.created, done.updated, done.diff)
    assert not install(cluster).result.changed


def test_pods_are_replaced_between_new_certificates_and_the_instance_that_speaks_of_them(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replaced(_cluster: Any, namespace: str, _timeout: float) -> None:
        cluster.writes.append(("replace pods", namespace))

    monkeypatch.setattr(installation, "replace_pods", replaced)
    done = install(cluster, days=300)
    wrote = [name for name in names_of(cluster) if not name.startswith("Secret")]
    assert wrote == [SPACE, str(INSTANCE)]
    assert names_of(cluster)[-2:] == wrote
    assert INSTANCE in done.result.updated
    assert not install(cluster, days=300).result.changed


def test_pods_that_a_killed_run_has_not_replaced_are_by_the_next(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(installation, "replace_pods", killed)
    with pytest.raises(KeyboardInterrupt):
        install(cluster, days=300)
    cluster.writes.clear()
    monkeypatch.setattr(installation, "replace_pods", lambda *_arguments: cluster.writes.append(("replace", "pods")))
    install(cluster, days=300)
    assert names_of(cluster) == ["pods", str(INSTANCE)]


def instance(name: str, namespace: str, **metadata: Any) -> Object:
    made = {"name": name, "namespace": OPERATORS, **metadata}
    return {"kind": "Instance", "metadata": made, "spec": {"namespace": namespace}}


def test_what_the_operator_could_not_make_is_refused_with_nothing_written(bare: Any) -> None:
    enforced = {"pod-security.kubernetes.io/enforce": "restricted"}
    theirs = [
        ({"kind": "Namespace", "metadata": {"name": SPACE, "labels": enforced}}, "enforces the restricted"),
        (instance("another", SPACE), "is for the same gateway"),
        (instance("cl-instance", "elsewhere"), "in another namespace"),
        ({"kind": "Deployment", "metadata": {"name": "cl-dataplane", "namespace": SPACE}}, "did not make it"),
    ]
    for obj, said in theirs:
        bare.objects = {Ref.of(obj): obj}
        with pytest.raises(ClusterlinkError, match=said):
            install(bare)
    assert bare.writes == []


@pytest.mark.parametrize("alive", [True, False])
def test_it_is_removed_in_order_with_and_without_a_living_operator(cluster: Any, alive: bool) -> None:
    if not alive:
        del cluster.objects[MANAGER]
    cluster.objects[INSTANCE]["metadata"]["finalizers"] = [FINALIZER, "example.com/others"]
    predicted = absent(cluster, check=True).result.deleted
    done = absent(cluster)
    assert done.error is None
    assert done.result.deleted == predicted
    assert cluster.objects == {}
    first = [*([str(MANAGER)] if alive else []), str(CONTROLPLANE), str(DATAPLANE), str(INSTANCE), str(INSTANCE)]
    assert names_of(cluster)[: len(first)] == first
    last = [ref.kind for ref in done.result.deleted][-8:]
    assert last == ["Namespace", "Namespace", *["CustomResourceDefinition"] * 6]
    assert not absent(cluster).result.changed


def test_an_operator_that_others_need_stays_and_tears_the_gateway_down(cluster: Any) -> None:
    other = instance("other", "elsewhere")
    cluster.objects[Ref.of(other)] = other
    done = absent(cluster)
    assert names_of(cluster)[0] == str(INSTANCE)
    assert {MANAGER, Ref.of(other)} <= set(cluster.objects)
    assert f"{MANAGER} stays: other Instances need it" in done.kept
    assert any(f"Namespace {OPERATORS} stays" in said for said in done.kept)
    assert Ref("CustomResourceDefinition", "instances.clusterlink.net") in cluster.objects
    assert Ref("Secret", "cl-peer", SPACE) not in cluster.objects


def test_back_to_direct_all_of_the_operator_is_predicted_to_go(cluster: Any) -> None:
    spec = gateway_spec({"peer": "east"})
    predicted = install_gateway(cluster, spec, PEER, NOW, check=True, take_over=False)
    predicted.settle(cluster, check=True)
    assert MANAGER in predicted.result.deleted
    assert {CONTROLPLANE, DATAPLANE} <= set(predicted.result.created)
    gone = {ref for ref in predicted.result.deleted if ref != MANAGER}
    assert {ref.kind for ref in gone} == {
        *("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ServiceAccount"),
        *("Instance", "Namespace", "CustomResourceDefinition"),
    }
    assert Ref("ClusterRole", f"clusterlink:{SPACE}:cl-controlplane") not in gone
