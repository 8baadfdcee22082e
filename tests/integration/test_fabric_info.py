# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""fabric_info on a real API server, of objects that kubectl makes; kubectl also sets what a gateway would report."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.support.ansible import Ansible
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

OURS = {"app.kubernetes.io/managed-by": "skyshift.clusterlink", "skyshift.clusterlink/fabric": "demo"}
SINCE = "2025-01-31T12:00:00Z"


@pytest.fixture
def privileged(kubectl: Kubectl) -> Iterator[str]:
    """The name of a cluster-wide policy, removed in the end."""
    name = f"info-{uuid.uuid4().hex[:8]}"
    yield name
    kubectl("delete", "privilegedaccesspolicy", name, "--ignore-not-found")


@pytest.mark.usefixtures("no_crds")
def test_bare_cluster_serves_nothing(run_module: Ansible) -> None:
    result = run_module("fabric_info", {}, own_process=True)
    assert not result["changed"]
    assert result["served"] is False
    assert [result[kind] for kind in ("peers", "exports", "imports", "access_policies", "faults")] == [[]] * 5


@pytest.mark.usefixtures("crds")
def test_everything_is_reported_with_its_state(
    run_module: Ansible, kubectl: Kubectl, namespace: str, privileged: str
) -> None:
    def made(kind: str, name: str, spec: dict[str, Any], **labels: str) -> dict[str, Any]:
        metadata = {"name": name, "labels": labels}
        if kind != "PrivilegedAccessPolicy":
            metadata["namespace"] = namespace
        return {"apiVersion": "clusterlink.net/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}

    sources = [{"peer": peer, "exportName": "web", "exportNamespace": "shop"} for peer in ("east", "gone")]
    merge = {"import.clusterlink.net/merge": "true"}
    client = {"matchLabels": {"client.clusterlink.net/labels.app": "frontend"}}
    rule: dict[str, Any] = {"from": [{"workloadSelector": client}], "to": [{"workloadSelector": {}}]}
    kubectl.apply(
        made("Peer", "east", {"gateways": [{"host": "192.0.2.1", "port": 443}]}, **OURS),
        made("Peer", "west", {"gateways": [{"host": "192.0.2.2", "port": 443}]}),
        made("Export", "web", {"port": 80}),
        made("Export", "db", {"port": 5432, "host": "db.example.com"}, **OURS),
        made("Import", "shop", {"port": 80, "lbScheme": "static", "sources": sources, "targetPort": 10001}, **merge),
        made("AccessPolicy", "allow", {"action": "allow", **rule}),
        made("PrivilegedAccessPolicy", privileged, {"action": "deny", **rule}),
    )

    def report(resource: str, message: str = "", labels: dict[str, str] | None = None, **conditions: str) -> None:
        entries = [
            {"type": name, "status": status, "reason": "R", "message": message, "lastTransitionTime": SINCE}
            for name, status in conditions.items()
        ]
        status = {"conditions": entries, **({"labels": labels} if labels else {})}
        patch = f"--patch={json.dumps({'status': status})}"
        kubectl("patch", resource, f"--namespace={namespace}", "--subresource=status", "--type=merge", patch)

    report("peer/east", labels={"region": "eu"}, PeerReachable="True")
    report("export/web", "export service does not exist", ExportValid="False")
    report("export/db", ExportValid="True")
    report("import/shop", ImportTargetPortValid="True", ImportServiceValid="True")

    result = run_module("fabric_info", {"namespace": namespace})
    assert (result["served"], result["changed"]) == (True, False)
    east, west = result["peers"]
    assert east == {
        "name": "east",
        "namespace": namespace,
        "labels": OURS,
        "fabric": "demo",
        "gateways": [{"host": "192.0.2.1", "port": 443}],
        "peer_labels": {"region": "eu"},
        "reachable": True,
        "since": SINCE,
        "reason": "R",
        "message": "",
    }
    assert (west["reachable"], west["fabric"], west["since"]) == (False, "", "")
    exports = {each["name"]: each for each in result["exports"] if each["namespace"] == namespace}
    assert (exports["db"]["valid"], exports["db"]["host"], exports["db"]["port"]) == (True, "db.example.com", 5432)
    assert (exports["web"]["valid"], exports["web"]["message"]) == (False, "export service does not exist")
    (shop,) = (each for each in result["imports"] if each["namespace"] == namespace)
    assert shop["sources"] == [
        {"peer": peer, "export_name": "web", "export_namespace": "shop"} for peer in ("east", "gone")
    ]
    assert [shop[key] for key in ("valid", "merge", "lb_scheme", "port", "target_port")] == [
        *(True, True, "static", 80, 10001)
    ]
    policies = [each for each in result["access_policies"] if each["name"] in ("allow", privileged)]
    assert [(each["tier"], each["namespace"], each["action"]) for each in policies] == [
        ("privileged", "", "deny"),
        ("namespaced", namespace, "allow"),
    ]
    assert policies[1]["from"] == [client]
    assert policies[1]["to"] == [{}]
    assert {fault for fault in result["faults"] if namespace in fault or "west" in fault} == {
        "Peer west is not reachable: its gateway has not answered a heartbeat",
        f"Export {namespace}/web is not valid: export service does not exist",
        (f"Import {namespace}/shop has the source gone, and that Peer does not exist: connections to this source fail"),
    }
