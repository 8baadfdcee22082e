# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which clusters a run refuses to write to."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.preflight.identity import Expected, identity_problems

NAMESPACE = "clusterlink-system"


def expected(**more: Any) -> Expected:
    values: dict[str, Any] = {
        "fabric": "demo",
        "peers": {"east": "east", "west": "west"},
        "namespaces": {"east": NAMESPACE, "west": NAMESPACE},
        "folder": "/pki/demo",
        "authorities": ["aa"],
    }
    return Expected(**{**values, **more})


def gateway(peer: str, **more: Any) -> dict[str, Any]:
    return {"namespace": NAMESPACE, "fabric": "demo", "peer": peer, "trusted": ["aa"], **more}


def cluster(uid: str, *gateways: dict[str, Any]) -> dict[str, Any]:
    return {"uid": uid, "gateways": list(gateways)}


def refused(clusters: dict[str, Any], told: Expected | None = None, **switches: bool) -> list[str]:
    switches = {"replace_gateway": False, "any_ca": False, **switches}
    return [str(problem) for problem in identity_problems(told or expected(), clusters, **switches)]


def test_new_clusters_and_those_of_the_fabric_are_fine() -> None:
    assert not refused({"east": cluster("1", gateway("east")), "west": cluster("2")})


def test_two_hosts_that_are_one_cluster() -> None:
    (problem,) = refused({"east": cluster("1"), "west": cluster("1")})
    assert problem.startswith("west: cluster: is the cluster of east too")


def test_clusters_whose_uid_may_not_be_read_are_not_taken_for_one() -> None:
    assert not refused({"east": cluster(""), "west": cluster("")})


def test_swapped_contexts_are_two_gateways_of_other_peers() -> None:
    swapped = {"east": cluster("1", gateway("west")), "west": cluster("2", gateway("east"))}
    problems = refused(swapped)
    assert ["another peer (found: west)" in problems[0], "another peer (found: east)" in problems[1]] == [True, True]
    assert "clusterlink_replace_gateway=true" in problems[0]
    assert not refused(swapped, replace_gateway=True)


def test_gateway_of_another_fabric() -> None:
    other = {"east": cluster("1", gateway("east", fabric="other", trusted=["cc"]))}
    assert "another fabric (found: other)" in refused(other, any_ca=True)[0]
    assert not refused(other, replace_gateway=True, any_ca=True)


def test_a_label_that_was_changed_by_hand_is_left_to_drift() -> None:
    assert not refused({"east": cluster("1", gateway("east", fabric="tampered"))})


@pytest.mark.parametrize("authorities", [[], ["bb"]], ids=["the folder is lost", "the folder has another CA"])
def test_gateway_that_trusts_none_of_the_folders_cas(authorities: list[str]) -> None:
    found = {"east": cluster("1", gateway("east"))}
    (problem,) = refused(found, expected(authorities=authorities))
    for word in ("Secret clusterlink-system/cl-peer", "/pki/demo", "clusterlink_store_namespace", "fabric_replace_ca"):
        assert word in problem
    assert not refused(found, expected(authorities=authorities), any_ca=True)
    stored = expected(authorities=authorities, store="Secret fabric/clusterlink-fabric-demo")
    assert "Restore the folder from Secret fabric/clusterlink-fabric-demo" in refused(found, stored)[0]


@pytest.mark.parametrize("trusted", [["aa"], ["aa", "bb"], ["bb"]])
def test_any_phase_of_a_rotation_passes(trusted: list[str]) -> None:
    assert not refused({"east": cluster("1", gateway("east", trusted=trusted))}, expected(authorities=["aa", "bb"]))


def test_gateway_whose_secret_may_not_be_read_passes() -> None:
    assert not refused({"east": cluster("1", gateway("", trusted=[]))})


def test_gateway_of_the_fabric_in_another_namespace_is_named() -> None:
    (problem,) = refused({"east": cluster("1", gateway("east", namespace="old"))})
    assert problem.startswith("east: clusterlink_namespace: is not where the gateway of fabric demo runs (found: old)")
    assert not refused({"east": cluster("1", gateway("east", namespace="old", fabric="other", trusted=["cc"]))})
