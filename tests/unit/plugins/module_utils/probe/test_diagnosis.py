# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why an import is said to be silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.errors import ApiError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.exec import Container
from ansible_collections.skyshift.clusterlink.plugins.module_utils.probe.client_pod import Client, ClientPod
from ansible_collections.skyshift.clusterlink.plugins.module_utils.probe.diagnosis import diagnose, reasons
from ansible_collections.skyshift.clusterlink.plugins.module_utils.probe.run import Probe, Result
from ansible_collections.skyshift.clusterlink.plugins.module_utils.probe.script import Answer, Target
from tests.unit.fakes import MemoryCluster

Object = dict[str, Any]
EMPTY: Mapping[str, str] = MappingProxyType({})
PROBE = Probe("web", "default", Target("http", "web.default", 80), Client("default"))


def made(kind: str, name: str, namespace: str = "", *, conditions: dict[str, str] | None = None, **spec: Any) -> Object:
    entries = [
        {"type": key, "status": value, "reason": "R", "message": ""} for key, value in (conditions or {}).items()
    ]
    return {
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
        "status": {"conditions": entries},
    }


def imported(*peers: str, valid: str = "True") -> Object:
    sources = [{"peer": peer, "exportName": "web", "exportNamespace": "default"} for peer in peers]
    conditions = {"ImportTargetPortValid": "True", "ImportServiceValid": valid}
    return made("Import", "web", "default", conditions=conditions, port=80, sources=sources)


def peer(name: str, reachable: str = "True") -> Object:
    return made("Peer", name, "clusterlink-system", conditions={"PeerReachable": reachable}, gateways=[])


def policy(action: str = "allow", client: dict[str, str] | None = None) -> Object:
    selector = {"workloadSelector": {"matchLabels": client or {}}}
    rule: Object = {"from": [selector], "to": [{"workloadSelector": {}}]}
    return made("AccessPolicy", "p", "default", action=action, **rule)


SILENT = Result(
    PROBE,
    pod=ClientPod(Container("default", "frontend-0", "app"), {"app": "frontend"}, "default"),
    answers=[Answer(answered=False)],
    fault="1 of 1 requests were not answered",
)
APP = "client.clusterlink.net/labels.app"


@pytest.mark.parametrize(
    ("objects", "why"),
    [
        ([], "there is no Import default/web"),
        ([imported("east", valid="False")], "Import default/web is not valid"),
        ([imported("east"), policy()], "there is no Peer east"),
        ([imported("east"), peer("east", "False"), policy()], "Peer east is not reachable"),
        ([imported("east"), peer("east")], "no policy allows it"),
        ([imported("east"), peer("east"), policy(client={APP: "other"})], "no policy allows it"),
        ([imported("east"), peer("east"), policy("deny")], "AccessPolicy default/p denies it"),
        ([imported("east"), peer("east"), policy(client={APP: "frontend"})], "this cluster shows no fault"),
        # Only the gateway knows its own peer's name: no guess is made.
        ([imported("east"), peer("east"), policy(client={"peer.clusterlink.net/name": "x"})], "shows no fault"),
    ],
)
def test_reason_is_found_where_the_importing_cluster_has_it(objects: list[Object], why: str) -> None:
    assert why in "; ".join(reasons(SILENT, objects))


def test_every_source_is_looked_at() -> None:
    found = reasons(SILENT, [imported("east", "west"), peer("east", "False"), policy()])
    assert [line.split(":", maxsplit=1)[0] for line in found] == ["Peer east is not reachable", "there is no Peer west"]


def test_nothing_is_looked_up_when_all_is_well() -> None:
    cluster: Any = None
    assert diagnose(cluster, [Result(PROBE, answers=[Answer(answered=True)])]) == [[]]
    assert diagnose(cluster, [Result(replace(PROBE, expect="refused"), fault="1 of 1 requests were answered")]) == [[]]


def network_policy(name: str, namespace: str, **spec: Any) -> Object:
    return {"kind": "NetworkPolicy", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


@pytest.mark.parametrize(
    ("theirs", "why"),
    [
        (
            network_policy("deny", "default", podSelector={}, policyTypes=["Egress"]),
            "NetworkPolicy default/deny may keep Pod default/frontend-0 from the gateway's data plane",
        ),
        (
            network_policy("deny", "clusterlink-system", podSelector={}, policyTypes=["Ingress"]),
            "NetworkPolicy clusterlink-system/deny may keep the gateway's data plane from Pod default/frontend-0",
        ),
        (
            network_policy("deny", "clusterlink-system", podSelector={}, policyTypes=["Egress"]),
            "NetworkPolicy clusterlink-system/deny may keep the gateway from other gateways",
        ),
        (network_policy("deny", "elsewhere", podSelector={}), "this cluster shows no fault"),
        (network_policy("other", "default", podSelector={"matchLabels": {"app": "db"}}), "this cluster shows no fault"),
    ],
)
def test_network_policies_in_the_way_are_named(theirs: Object, why: str) -> None:
    cluster: Any = MemoryCluster(imported("east"), peer("east"), policy(), theirs)
    [found] = diagnose(cluster, [SILENT])
    assert len(found) == 1
    assert found[0].startswith(why)


def test_network_policies_that_may_not_be_read_are_not_guessed() -> None:
    cluster: Any = MemoryCluster(imported("east"), peer("east"), policy())
    listed = cluster.list

    def refuse(kind: str, namespace: str = "") -> Any:
        if kind == "NetworkPolicy":
            raise ApiError(Problem(kind, "may not be listed"), status=403)
        return listed(kind, namespace)

    cluster.list = refuse
    [[found]] = diagnose(cluster, [SILENT])
    assert found.startswith("this cluster shows no fault")
