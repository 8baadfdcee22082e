# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway in a namespace that denies connections by default."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.crds import crds
from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError, Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.install import Installation, install_gateway
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.options import gateway_spec
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.remove import remove_gateway
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.errors import ApiError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.outcome import Mode
from ansible_collections.skyshift.clusterlink.plugins.modules import gateway

from .material import PEER

if TYPE_CHECKING:
    from tests.unit.fakes import MemoryCluster

SPACE = "clusterlink-system"
OWN = {Ref("NetworkPolicy", name, SPACE) for name in ("cl-controlplane", "cl-dataplane")}
DENY: dict[str, Any] = {
    "kind": "NetworkPolicy",
    "metadata": {"name": "deny", "namespace": SPACE, "labels": {}},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
}


@pytest.fixture
def cluster(memory_cluster: type[MemoryCluster]) -> MemoryCluster:
    made = memory_cluster(*crds())
    made.objects[Ref.of(DENY)] = DENY
    return made


def install(cluster: MemoryCluster, **options: Any) -> Installation:
    now = datetime(2030, 6, 15, 12, 0, 0, tzinfo=timezone.utc)
    return install_gateway(cluster, gateway_spec({"peer": "east", **options}), PEER, now, check=False, take_over=False)


def test_policies_come_with_the_option_and_go_with_it(cluster: MemoryCluster) -> None:
    done = install(cluster, network_policy=True)
    assert set(done.result.created) >= OWN
    assert done.warnings == []
    assert not install(cluster, network_policy=True).result.changed
    assert set(install(cluster).result.deleted) == OWN
    assert Ref.of(DENY) in cluster.objects


def test_those_of_others_are_named_when_they_are_in_the_way(cluster: MemoryCluster) -> None:
    [warning] = install(cluster).warnings
    assert warning.startswith(f"NetworkPolicy {SPACE}/deny may keep peers from the data plane, ")
    assert "clusterlink_network_policy" in warning
    [outbound] = install(cluster, ingress_type="none").warnings
    assert outbound.startswith(f"NetworkPolicy {SPACE}/deny may keep the data plane from other gateways, ")


def test_they_are_named_too_when_the_run_fails_on_the_way(
    cluster: MemoryCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an update does whose first new pods never become ready."""
    cluster.refusals["apply", Ref("Deployment", "cl-dataplane", SPACE)] = ApiError(Problem("it", "fails"), status=500)
    monkeypatch.setattr(gateway, "connect", lambda _params: nullcontext(cluster))
    monkeypatch.setattr(gateway, "given_certificate", lambda *_given, **_more: PEER)
    validation = ArgumentSpecValidator(gateway.TASK.argument_spec).validate({"peer": "east"})
    assert not validation.error_messages
    outcome = gateway.run(validation.validated_parameters, Mode(check=False, diff=False))
    assert outcome.failed
    [warning] = outcome.warnings
    assert warning.startswith(f"NetworkPolicy {SPACE}/deny may keep peers from the data plane, ")


def test_a_policy_for_other_pods_is_not_named(cluster: MemoryCluster) -> None:
    cluster.objects[Ref.of(DENY)] = {**DENY, "spec": {"podSelector": {"matchLabels": {"app": "db"}}}}
    assert install(cluster).warnings == []


def test_permission_to_list_them_is_needed_only_for_the_option(cluster: MemoryCluster) -> None:
    listed = cluster.list

    def refuse(kind: str, namespace: str = "", **selectors: str) -> Any:
        if kind == "NetworkPolicy":
            raise ApiError(Problem(kind, "may not be listed"), status=403)
        return listed(kind, namespace, **selectors)

    cluster.list = refuse  # type: ignore[method-assign]
    assert install(cluster).warnings == []
    with pytest.raises(ClusterlinkError, match="may not be listed"):
        install(cluster, network_policy=True)


def test_they_go_with_the_gateway_and_keep_no_namespace(cluster: MemoryCluster) -> None:
    install(cluster, network_policy=True)
    del cluster.objects[Ref.of(DENY)]
    removal = remove_gateway(cluster, SPACE, check=True, timeout=0)
    assert {ref for ref in removal.result.deleted if ref.kind == "NetworkPolicy"} == OWN
    assert Ref("Namespace", SPACE) in removal.result.deleted
    assert not [name for kind, _space, name in cluster.reads if kind == "NetworkPolicy" and name and name != "deny"]
