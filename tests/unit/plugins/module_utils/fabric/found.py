# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is found in the clusters of a shared namespace, and plans of it."""

from __future__ import annotations

from typing import Any

from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.declaration import parse, parse_addresses
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.plan import Plan, compile_plan

Data = dict[str, Any]

HOSTS = ("east", "west", "north")
NONE = {"ingress_type": "none"}
TRAIN = {"name": "train", "clusters": ["clusters"]}


def service(name: str, *ports: Data, **own: Any) -> Data:
    return {
        "name": name,
        "labels": {},
        "type": "ClusterIP",
        "cluster_ip": "10.96.0.7",
        "selector": {"app": name},
        "ports": list(ports) or [{"name": "", "port": 80, "protocol": "TCP", "target_port": 8080}],
        **own,
    }


def holds(*services: Data, imports: list[Data] | None = None) -> Data:
    return {"train": {"services": list(services), "stateful_sets": [], "imports": imports or []}}


def imported(name: str, *peers: str, fabric: str = "demo") -> Data:
    sources = [{"peer": peer, "export_name": name, "export_namespace": "train"} for peer in peers]
    return {"name": name, "port": 80, "fabric": fabric, "sources": sources}


def planned(data: Data, **observed: Data | None) -> Plan:
    addresses = {host: {"host": f"{host}.example.com", "port": 443} for host in data["peers"]}
    return compile_plan(parse(data, observed), parse_addresses(addresses))


def named(plan: Plan, host: str, kind: str) -> list[str]:
    return [each["metadata"]["name"] for each in plan.peers[host].objects if each["kind"] == kind]
