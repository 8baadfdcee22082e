# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.api import (
    API_VERSION,
    BACKING_LABEL,
    MESH_KINDS,
    link_labels,
    ownership_labels,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.kinds import PEER_SETTLE
from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import SETTLE, Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.types import Address
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError, Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.apply import ApplyResult
from ansible_collections.skyshift.clusterlink.plugins.module_utils.mesh import apply as mesh
from ansible_collections.skyshift.clusterlink.plugins.module_utils.mesh.apply import apply_mesh, wait_for_mesh

if TYPE_CHECKING:
    from tests.unit.fakes import MemoryCluster

Object = dict[str, Any]


def make(kind: str, name: str = "x", namespace: str = "a", **labels: str) -> Object:
    metadata: Object = {"name": name, "namespace": namespace, "labels": labels}
    if kind == "PrivilegedAccessPolicy":
        del metadata["namespace"]
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": {"x": 1}}


def test_objects_are_written_in_the_kinds_order_with_the_ownership_labels(
    memory_cluster: type[MemoryCluster],
) -> None:
    objects = [make(kind) for kind in reversed(MESH_KINDS)]
    cluster = memory_cluster()
    apply_mesh(cluster, "f", [*objects, make("Peer", "y", team="blue")], check=False)
    assert [what.split()[0] for _verb, what in cluster.writes] == ["Peer", *MESH_KINDS]
    labels = cluster.objects[Ref("Peer", "y", "a")]["metadata"]["labels"]
    assert labels == {"team": "blue", **ownership_labels("f")}


def test_imports_give_up_a_peer_before_it_goes(memory_cluster: type[MemoryCluster]) -> None:
    old = [make("Peer", "gone", **ownership_labels("f")), make("Import", "i", **ownership_labels("f"))]
    cluster = memory_cluster(*old)
    wanted = make("Import", "i")
    wanted["spec"] = {"x": 2}
    apply_mesh(cluster, "f", [wanted], check=False)
    assert cluster.writes == [("apply", "Import a/i"), ("delete", "Peer a/gone")]


def policy(kind: str, action: str, **labels: str) -> Object:
    return {**make(kind, action, **labels), "spec": {"action": action}}


POLICIES = [("AccessPolicy", "allow"), ("AccessPolicy", "deny"), ("PrivilegedAccessPolicy", "allow")]
POLICIES += [("PrivilegedAccessPolicy", "deny")]
STAGES = ["Peer a/x", "AccessPolicy a/deny", "PrivilegedAccessPolicy deny", "Export a/x", "AccessPolicy a/allow"]
STAGES += ["PrivilegedAccessPolicy allow", "Import a/x"]


def test_policies_that_deny_come_before_what_they_deny_and_go_after_it(
    memory_cluster: type[MemoryCluster],
) -> None:
    labels = ownership_labels("f")
    objects = [make(kind, **labels) for kind in ("Import", "Export", "Peer")]
    objects += [policy(*each, **labels) for each in POLICIES]
    cluster = memory_cluster()
    apply_mesh(cluster, "f", objects, check=False)
    assert [what for _verb, what in cluster.writes] == STAGES
    cluster = memory_cluster(*objects)
    apply_mesh(cluster, "f", [], check=False)
    assert [what for _verb, what in cluster.writes] == STAGES[::-1]


def test_policies_of_one_kind_that_deny_are_not_written_beside_those_that_allow(
    memory_cluster: type[MemoryCluster],
) -> None:
    """A deny that the API server refuses leaves the allow unwritten: they are not one batch."""
    cluster = memory_cluster()
    ref = Ref("AccessPolicy", "deny", "a")
    cluster.refusals["apply", ref] = ClusterlinkError(Problem(str(ref), "is refused"))
    with pytest.raises(ClusterlinkError, match="is refused"):
        apply_mesh(cluster, "f", [policy("AccessPolicy", "allow"), policy("AccessPolicy", "deny")], check=False)
    assert cluster.objects == {}


def test_only_what_carries_both_labels_of_the_fabric_goes(memory_cluster: type[MemoryCluster]) -> None:
    both = ownership_labels("f")
    cluster = memory_cluster(
        make("Peer", "ours", **both),
        make("Peer", "others", **ownership_labels("g")),
        *(make("Peer", f"half{number}", **{key: value}) for number, (key, value) in enumerate(both.items())),
        make("Peer", "nobodys"),
        make("Peer", "pending", **both),
    )
    result = apply_mesh(cluster, "f", [], check=False, keep=[Ref("Peer", "pending", "a")])
    assert result.deleted == [Ref("Peer", "ours", "a")]


ASKED = {**ownership_labels("f"), **link_labels("backup", "x")}


def asked_peer(name: str, host: str = "old", **labels: str) -> Object:
    peer = make("Peer", name, **(labels or ASKED))
    return {**peer, "spec": {"gateways": [{"host": host, "port": 1}]}}


def test_a_link_that_was_asked_for_stays_and_gets_the_gateways_address(memory_cluster: type[MemoryCluster]) -> None:
    cluster = memory_cluster(asked_peer("y"), asked_peer("z"))
    result = apply_mesh(cluster, "f", [], check=False, gateways={"y": (Address("new", 1),), "z": (Address("old", 1),)})
    assert (result.deleted, result.updated) == ([], [Ref("Peer", "y", "a")])
    now = cluster.objects[Ref("Peer", "y", "a")]
    assert (now["spec"]["gateways"], now["metadata"]["labels"]) == ([{"host": "new", "port": 1}], ASKED)


def test_a_link_to_a_gateway_of_unknown_address_is_left_alone_and_not_waited_for(
    memory_cluster: type[MemoryCluster],
) -> None:
    cluster = memory_cluster(asked_peer("y"))
    result = apply_mesh(cluster, "f", [], check=False, gateways={"y": ()})
    assert (cluster.writes, result.objects) == ([], {})


def test_a_declared_peer_keeps_the_labels_of_an_added_link(memory_cluster: type[MemoryCluster]) -> None:
    cluster = memory_cluster(asked_peer("y"))
    declared = make("Peer", "y")
    apply_mesh(cluster, "f", [declared], check=False, gateways={"y": (Address("new", 1),)})
    now = cluster.objects[Ref("Peer", "y", "a")]
    assert (now["spec"], now["metadata"]["labels"]) == (declared["spec"], ASKED)


@pytest.mark.parametrize(
    ("labels", "gateways"),
    [
        (ASKED, {}),  # its cluster has left the fabric, or everything is torn down
        (ownership_labels("f"), {"y": (Address("new", 1),)}),  # nobody asked for it
    ],
)
def test_other_peers_that_are_not_planned_go(
    memory_cluster: type[MemoryCluster], labels: dict[str, str], gateways: dict[str, tuple[Address, ...]]
) -> None:
    cluster = memory_cluster(asked_peer("y", **labels))
    assert apply_mesh(cluster, "f", [], check=False, gateways=gateways).deleted == [Ref("Peer", "y", "a")]


def test_a_link_of_another_fabric_is_not_touched(memory_cluster: type[MemoryCluster]) -> None:
    cluster = memory_cluster(asked_peer("y", **ownership_labels("g"), **link_labels("backup", "x")))
    assert not apply_mesh(cluster, "f", [], check=False, gateways={"y": (Address("new", 1),)}).changed


def test_object_of_another_fabric_is_only_taken_over_by_force(memory_cluster: type[MemoryCluster]) -> None:
    cluster = memory_cluster(make("Peer", **ownership_labels("g")))
    with pytest.raises(ClusterlinkError, match=r"Peer a/x: it belongs to another fabric than f \(found: g\)"):
        apply_mesh(cluster, "f", [make("Peer")], check=False)
    assert cluster.writes == []
    assert apply_mesh(cluster, "f", [make("Peer")], check=False, force=True).updated == [Ref("Peer", "x", "a")]


def test_every_object_that_is_none_of_a_fabric_is_reported(memory_cluster: type[MemoryCluster]) -> None:
    nameless, homeless = make("Import"), make("Import")
    del nameless["metadata"]["name"], homeless["metadata"]["namespace"]
    bad = [make("Secret"), {**make("Peer"), "apiVersion": "v2"}, nameless, homeless, {"kind": "Peer"}]
    with pytest.raises(ClusterlinkError) as raised:
        apply_mesh(memory_cluster(), "f", [make("Peer"), *bad], check=True)
    assert [problem.where for problem in raised.value.problems] == [
        "objects[1]",
        "objects[2]",
        "objects[3].metadata.name",
        "objects[4].metadata.namespace",
        "objects[5]",
    ]


def ready(obj: Object) -> Object:
    types = mesh.READY_CONDITIONS[obj["kind"]]
    return {**obj, "status": {"conditions": [{"type": name, "status": "True"} for name in types]}}


def test_nothing_is_asked_when_all_is_ready_already(memory_cluster: type[MemoryCluster]) -> None:
    cluster = memory_cluster()
    objects = {Ref.of(obj): ready(obj) for obj in map(make, MESH_KINDS)}
    result = ApplyResult(unchanged=list(objects), objects=objects)
    states = wait_for_mesh(cluster, result, 5, with_peers=True)
    assert cluster.reads == []
    assert {ref.kind for ref in states} == {"Peer", "Export", "Import"}


def test_peers_are_not_waited_for_unless_asked(memory_cluster: type[MemoryCluster]) -> None:
    peer = make("Peer")
    result = ApplyResult(unchanged=[Ref.of(peer)], objects={Ref.of(peer): peer})
    assert wait_for_mesh(memory_cluster(), result, 5, with_peers=False) == {}


def test_peer_that_is_unreachable_is_not_waited_for(memory_cluster: type[MemoryCluster]) -> None:
    peer, export = make("Peer"), make("Export")
    cluster = memory_cluster(peer, ready(export))
    result = ApplyResult(
        created=[Ref.of(peer), Ref.of(export)], objects={Ref.of(each): each for each in (peer, export)}
    )
    states = wait_for_mesh(cluster, result, 5, with_peers=True, unreachable=[Ref.of(peer).name])
    assert list(states) == [Ref.of(export)]


@pytest.mark.parametrize(("kind", "seconds"), [("Export", SETTLE), ("Peer", PEER_SETTLE)])
def test_condition_from_before_a_change_is_not_believed_at_once(
    memory_cluster: type[MemoryCluster], monkeypatch: pytest.MonkeyPatch, kind: str, seconds: float
) -> None:
    changed = make(kind)
    cluster = memory_cluster(ready(changed))
    slept: list[float] = []
    monkeypatch.setattr(mesh.time, "sleep", slept.append)
    result = ApplyResult(updated=[Ref.of(changed)], objects={Ref.of(changed): ready(changed)})
    wait_for_mesh(cluster, result, 10, with_peers=True)
    assert slept == [seconds]
    assert cluster.reads == [(kind, "a", "")]


@pytest.mark.parametrize(("was", "slept"), [("unchanged", [PEER_SETTLE]), ("created", [])])
def test_what_was_said_of_a_peer_before_gateways_changed_is_not_believed(
    memory_cluster: type[MemoryCluster], monkeypatch: pytest.MonkeyPatch, was: str, slept: list[float]
) -> None:
    peer, export = make("Peer"), make("Export")
    cluster = memory_cluster(ready(peer), ready(export))
    objects = {Ref.of(each): ready(each) for each in (peer, export)}
    result = ApplyResult(**{was: list(objects)}, objects=objects)
    waits: list[float] = []
    monkeypatch.setattr(mesh.time, "sleep", waits.append)
    wait_for_mesh(cluster, result, 10, with_peers=True, gateways_changed=True)
    assert waits == slept
    assert cluster.reads == ([("Peer", "a", "")] if was == "unchanged" else [])


BACKING = {**ownership_labels("f"), BACKING_LABEL: "true"}


def service(name: str, namespace: str = "a", **labels: str) -> Object:
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"selector": {"app": name}}}


def test_services_come_before_exports_and_go_after_them(memory_cluster: type[MemoryCluster]) -> None:
    cluster = memory_cluster()
    apply_mesh(cluster, "f", [make("Export", "web"), service("web")], check=False)
    assert [what for _verb, what in cluster.writes] == ["Service a/web", "Export a/web"]
    assert cluster.objects[Ref("Service", "web", "a")]["metadata"]["labels"] == BACKING
    cluster.writes.clear()
    apply_mesh(cluster, "f", [], check=False)
    assert cluster.writes == [("delete", "Export a/web"), ("delete", "Service a/web")]


def test_services_of_gateways_and_of_others_are_never_removed(memory_cluster: type[MemoryCluster]) -> None:
    others = [
        service("clusterlink", "system", **ownership_labels("f")),
        service("mine", **{BACKING_LABEL: "true"}),
        service("theirs", **{**ownership_labels("g"), BACKING_LABEL: "true"}),
    ]
    cluster = memory_cluster(*others, service("old", "system", **BACKING))
    # Two in the gateway's namespace, so that all Services there are listed.
    wanted = [service("db-0", "system"), service("db-1", "system")]
    assert apply_mesh(cluster, "f", wanted, check=False).deleted == [Ref("Service", "old", "system")]


@pytest.mark.parametrize("force", [False, True])
def test_service_of_somebody_is_not_taken_over_even_by_force(memory_cluster: type[MemoryCluster], force: bool) -> None:
    cluster = memory_cluster(service("db-0", app="db"))
    with pytest.raises(
        ClusterlinkError, match=r"Service a/db-0: it exists already, and the collection did not create it for an export"
    ):
        apply_mesh(cluster, "f", [service("db-0")], check=False, force=force)
    assert cluster.writes == []


def test_nothing_goes_from_a_namespace_that_could_not_be_looked_at(memory_cluster: type[MemoryCluster]) -> None:
    labels = ownership_labels("f")
    there = [make("Import", "i", namespace, **labels) for namespace in ("a", "b")]
    cluster = memory_cluster(*there, service("s", "b", **BACKING))
    result = apply_mesh(cluster, "f", [], check=False, keep_namespaces=["b"])
    assert result.deleted == [Ref("Import", "i", "a")]
