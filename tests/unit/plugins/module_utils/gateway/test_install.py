# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway's component certificates are renewed with its Deployments, in a cluster in memory."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.crds import crds
from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.changes import change_reasons
from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.install import Installation, install_gateway
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.options import gateway_spec
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.peer_material import PeerMaterial

if TYPE_CHECKING:
    from tests.unit.fakes import MemoryCluster

NOW = datetime(2030, 6, 15, 12, 0, 0, tzinfo=timezone.utc)
PEER = PeerMaterial(certificate_pem="cert", key_pem="key", ca_pem="ca")
RENEWED = {
    *(Ref("Secret", name, "clusterlink-system") for name in ("cl-ca", "cl-controlplane", "cl-dataplane")),
    *(Ref("Deployment", name, "clusterlink-system") for name in ("cl-controlplane", "cl-dataplane")),
}


@pytest.fixture
def cluster(memory_cluster: type[MemoryCluster]) -> MemoryCluster:
    """A cluster with a gateway that was made just now."""
    made = memory_cluster(*crds())
    first = install(made, 0)
    assert first.reasons == ["component certificates: there are none yet"]
    assert first.warnings == [], "pods that were not there are not replaced"
    return made


def install(
    cluster: MemoryCluster, days: int, *, percent: int = 33, check: bool = False, **options: Any
) -> Installation:
    now = NOW + timedelta(days=days)
    spec = gateway_spec({"peer": "east", **options})
    return install_gateway(cluster, spec, PEER, now, check=check, take_over=False, renew_percent=percent)


@pytest.mark.parametrize(("days", "percent"), [(0, 33), (200, 33), (0, 100), (360, 0)])
def test_while_enough_is_left_nothing_changes(cluster: MemoryCluster, days: int, percent: int) -> None:
    done = install(cluster, days, percent=percent)
    assert not done.result.changed
    assert (done.reasons, done.warnings) == ([], [])


def test_nothing_is_read_twice_when_nothing_changes(cluster: MemoryCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []
    for read in ("get", "list"):
        call = getattr(cluster, read)

        def recorded(*args: Any, read: str = read, call: Any = call, **options: Any) -> Any:
            asked.append((read, *args))
            return call(*args, **options)

        monkeypatch.setattr(cluster, read, recorded)
    install(cluster, 0)
    assert ("list", "Deployment", "clusterlink-system") in asked
    assert len(asked) == len(set(asked)), sorted(each for each in set(asked) if asked.count(each) > 1)


def test_near_their_end_they_are_recreated_once_and_both_deployments_roll(cluster: MemoryCluster) -> None:
    planned = install(cluster, 300, check=True)
    done = install(cluster, 300)
    for said in (planned, done):
        assert set(said.result.updated) == RENEWED
        assert all("% of its life is left" in reason for reason in said.reasons)
        assert "pods of both Deployments are replaced" in said.warnings[0]
    rolled = [reason for reason in change_reasons(done.result.diff) if reason.startswith("Deployment")]
    assert len(rolled) == 2
    assert all("spec.template.metadata.annotations" in reason for reason in rolled)
    assert not install(cluster, 300).result.changed


def test_a_cluster_whose_clock_is_off_is_named(cluster: MemoryCluster) -> None:
    cluster.clock = 90
    (warning,) = install(cluster, 0).warnings
    assert warning.startswith("east: its clock is 90 s ahead of this machine's. ")


@pytest.mark.parametrize("check", [False, True])
def test_nothing_is_written_where_a_new_certificate_would_not_be_valid_yet(
    memory_cluster: type[MemoryCluster], check: bool
) -> None:
    bare = memory_cluster(*crds())
    bare.clock = -301
    with pytest.raises(ClusterlinkError, match=r"east: the control plane's certificate: .* is not valid before"):
        install(bare, 0, check=check)
    assert bare.writes == []


def test_budgets_come_with_a_second_pod_and_go_with_it_and_those_of_others_stay(cluster: MemoryCluster) -> None:
    theirs = {"kind": "PodDisruptionBudget", "metadata": {"name": "theirs", "namespace": "clusterlink-system"}}
    cluster.objects[Ref.of(theirs)] = theirs
    ours = {Ref("PodDisruptionBudget", name, "clusterlink-system") for name in ("cl-controlplane", "cl-dataplane")}

    made = install(cluster, 0, controlplane_replicas=2, dataplane_replicas=2).result
    foreseen = install(cluster, 0, check=True, dataplane_replicas=2).result
    gone = install(cluster, 0, dataplane_replicas=2).result

    assert set(made.created) == ours
    assert foreseen.deleted == gone.deleted == [Ref("PodDisruptionBudget", "cl-controlplane", "clusterlink-system")]
    assert foreseen.diff == gone.diff
    assert {ref for ref in cluster.objects if ref.kind == "PodDisruptionBudget"} == ours - set(gone.deleted) | {
        Ref.of(theirs)
    }
    assert not install(cluster, 0, dataplane_replicas=2).result.changed
