# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links by name beside the declaration, removals that name what they cut, and clusters that are unreachable.

One fabric serves all tests here, in their order: one gateway is the operator's, the other direct.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.clusters import Clusters, paused, wait_until_awake
from tests.support.fabrics import EAST, SYSTEM, WEST, TwoClusters, populated
from tests.support.gateways import QUICK
from tests.support.traffic import Client, traffic
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.ansible import Ansible
    from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.long]

BACKUP: dict[str, Any] = {"link_name": "backup", "link_source": WEST, "link_target": EAST}
GONE: dict[str, Any] = {"link_name": "backup", "link_state": "absent"}
ON: dict[str, Any] = {"served": True}
OFF: dict[str, Any] = {"served": False, "clusterlink_allow_removals": True}
FAILED = f"{WEST} failed and is not up to date"


@pytest.fixture(scope="module")
def fabric(clusters: Clusters, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoClusters]:
    """A fabric that declares its service only with the variable C(served)."""
    fabric = TwoClusters(clusters, kubectl, tmp_path_factory.mktemp("fabric"))
    fabric.command = ("nice", "--adjustment=19", "ansible-playbook")
    fabric.hosts[EAST]["clusterlink_install"] = "operator"
    for option in QUICK:
        fabric.hosts[WEST][f"clusterlink_{option}"] = fabric.variables.pop(f"clusterlink_{option}")
    fabric.variables["declared_services"] = fabric.variables["clusterlink_services"]
    fabric.variables["clusterlink_services"] = "{{ declared_services if served | default(false) | bool else [] }}"
    with populated(fabric, kubectl):
        fabric.must("site")
        yield fabric


@pytest.fixture
def peers(fabric: TwoClusters, kubectl: Kubectl) -> Any:
    """The Peers that a cluster has."""

    def names(cluster: str) -> list[str]:
        found = kubectl.json("get", "peers", "--all-namespaces", context=fabric.contexts[cluster])["items"]
        return [peer["metadata"]["name"] for peer in found]

    return names


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"link_name": "backup"}, "link_source: is required"),
        ({"link_name": "Backup", "link_source": EAST, "link_target": WEST}, "is not a DNS label"),
        ({"link_name": "backup", "link_source": EAST, "link_target": EAST}, "is the same cluster as the source"),
        ({"link_name": "backup", "link_source": EAST, "link_target": "test-wets"}, f"Perhaps {WEST} is meant"),
    ],
)
def test_a_link_that_cannot_be_is_refused_with_nothing_written(
    fabric: TwoClusters, peers: Any, given: dict[str, Any], said: str
) -> None:
    assert said in fabric.must("link", code=2, **given).output
    assert peers(EAST) == peers(WEST) == []


def test_a_link_by_name_stays_beside_the_declaration(fabric: TwoClusters, tmp_path: Path) -> None:
    fabric.must("link", **BACKUP)
    assert fabric.must("site").changed == 0
    listed = tmp_path / "links.json"
    fabric.must("links", links_name="backup", links_json=str(listed))
    [link] = json.loads(listed.read_text(encoding="utf-8"))["links"]
    assert (link["name"], link["source"], link["target"], link["ready"]) == ("backup", WEST, EAST, True)
    assert link["forward"]["state"] == link["back"]["state"] == "reachable"
    assert link["for"] == ["on demand"]


@pytest.mark.traffic
@pytest.mark.parametrize(("playbook", "options"), [("link", GONE), ("teardown", {})])
def test_a_removal_that_cuts_declared_traffic_is_refused_and_cuts_none(
    fabric: TwoClusters, kubectl: Kubectl, playbook: str, options: dict[str, Any]
) -> None:
    fabric.must("link", **BACKUP)
    fabric.must("site", **ON)
    limit = ["--limit", EAST] if playbook == "teardown" else []
    client = Client(fabric.contexts[WEST], "http://web", fabric.namespace, "main")
    with traffic(kubectl.command, [client]) as count:
        refused = fabric.must(playbook, *limit, code=2, **options, **ON)
    assert f"Import {fabric.namespace}/web of {WEST} loses all its sources: {EAST}" in refused.output
    assert count.failed <= 20, "a removal that is not refused fails half of them"


def test_a_forced_removal_names_what_it_cuts_and_removes_imports_before_peers(
    fabric: TwoClusters, kubectl: Kubectl
) -> None:
    fabric.must("link", **BACKUP)
    fabric.must("site", **ON)
    removed = fabric.must("link", link_force=True, **GONE, **ON)
    assert f"Import {fabric.namespace}/web of {WEST} loses all its sources: {EAST}" in removed.output
    assert kubectl("get", "peers,imports", "-A", "--output=name", context=fabric.contexts[WEST]) == ""
    missing = fabric.must("links", code=2, **ON)
    assert f"Not ready: link {EAST}-{WEST} from {WEST} to {EAST}. The table says why" in missing.output


def test_a_watch_prints_what_becomes_of_links_until_all_are_ready(fabric: TwoClusters) -> None:
    fabric.must("site", **OFF)
    watching = fabric.start("links", links_watch=True, links_watch_timeout=180, **ON)
    missing = f"{EAST}-{WEST} {WEST} {EAST}: not ready, forward missing"
    wait_until("the watch says what is missing", lambda: missing in watching.log.read_text(encoding="utf-8"), 120)
    fabric.must("site", **ON)
    watched = watching.end()
    assert watched.code == 0, watched.output
    assert f"{EAST}-{WEST} {WEST} {EAST}: ready" in watched.output


def test_an_undeclared_service_takes_the_link_that_nothing_needs_with_it(fabric: TwoClusters, peers: Any) -> None:
    fabric.must("site", **ON)
    undeclared = fabric.must("site", **OFF)
    assert f"Import {fabric.namespace}/web loses all" in undeclared.output
    assert undeclared.recap[WEST]["changed"] > 0
    assert peers(EAST) == peers(WEST) == []


def test_a_link_is_removed_from_its_reachable_end_and_completed_when_the_other_is_back(
    fabric: TwoClusters, clusters: Clusters, peers: Any
) -> None:
    fabric.must("link", **BACKUP)
    with paused(fabric.contexts[WEST]):
        assert FAILED in fabric.must("link", code=2, **GONE).output
    wait_until_awake(clusters, [fabric.contexts[WEST]], SYSTEM)
    assert (peers(EAST), peers(WEST)) == ([], [EAST])
    fabric.must("link", **GONE)
    assert peers(EAST) == peers(WEST) == []


@pytest.fixture
def intruder(fabric: TwoClusters, kubectl: Kubectl) -> Iterator[None]:
    """A link, and in west an Import and a policy that somebody makes by hand, without any declaration."""
    fabric.must("link", **BACKUP)
    selector: list[dict[str, Any]] = [{"workloadSelector": {}}]
    source = {"peer": EAST, "exportName": "web", "exportNamespace": fabric.namespace}
    specs: dict[str, dict[str, Any]] = {
        "Import": {"port": 80, "sources": [source], "lbScheme": "round-robin"},
        "AccessPolicy": {"action": "allow", "from": selector, "to": selector},
    }
    for kind, spec in specs.items():
        metadata = {"name": "web", "namespace": fabric.namespace}
        made = {"apiVersion": "clusterlink.net/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}
        kubectl.apply(made, context=fabric.contexts[WEST])
    yield
    kubectl(
        *("delete", "imports,accesspolicies", "web", f"--namespace={fabric.namespace}"), context=fabric.contexts[WEST]
    )
    fabric.must("site", **OFF)
    fabric.must("link", **GONE)


def ask(fabric: TwoClusters, cluster: str, name: str, **options: Any) -> dict[str, Any]:
    """The options of a probe of a service by a pod that rules of C(frontend) are for."""
    host = fabric.hosts[cluster]
    return {
        "kubeconfig": host["clusterlink_kubeconfig"],
        "context": host["clusterlink_context"],
        "client": {"namespace": fabric.namespace, "labels": {"app": "frontend"}},
        "name": name,
        "namespace": fabric.namespace,
        "port": 80,
        "count": 4,
        "wait_timeout": 60,
        **options,
    }


@pytest.mark.usefixtures("intruder")
def test_a_pod_of_a_cluster_that_nobody_named_is_refused(fabric: TwoClusters, run_module: Ansible) -> None:
    """It has the label that the rule asks for, and is answered when the rule names its cluster."""
    [declared] = fabric.variables["declared_services"]
    frontend = {"labels": {"app": "frontend"}}
    for client, expect in (({**frontend, "peers": [WEST]}, "answer"), (frontend, "refused")):
        service = {**declared, "imported_by": [], "allow": [{"from": client}]}
        fabric.must("site", declared_services=[service], **ON)
        asked = run_module("probe", ask(fabric, WEST, "web", expect=expect))
        assert not asked.get("failed"), asked.get("msg")


def test_a_cluster_that_imports_its_own_service_under_another_name_is_a_source(
    fabric: TwoClusters, run_module: Ansible
) -> None:
    [declared] = fabric.variables["declared_services"]
    service = {**declared, "imported_by": [EAST, WEST], "import_as": {"name": "any-web"}}
    fabric.must("site", declared_services=[service], **ON)
    for cluster, more in ((EAST, {"image": "clusterlink-lab/client:v1"}), (WEST, {})):
        asked = run_module("probe", ask(fabric, cluster, "any-web", **more))
        assert not asked.get("failed"), asked.get("msg")
    fabric.must("site", **OFF)


def test_a_teardown_needs_neither_the_operator_nor_every_cluster(
    fabric: TwoClusters, clusters: Clusters, kubectl: Kubectl
) -> None:
    fabric.must("link", **BACKUP)
    operator = ("deployment", "cl-operator-controller-manager", "--namespace=clusterlink-operator")
    kubectl("delete", *operator, "--cascade=foreground", context=fabric.contexts[EAST])
    with paused(fabric.contexts[WEST]):
        torn = fabric.must("teardown", code=2)
    assert FAILED in torn.output
    assert torn.recap[EAST]["changed"] > 0
    assert torn.recap[EAST]["failed"] == 0
    wait_until_awake(clusters, [fabric.contexts[WEST]], SYSTEM)
