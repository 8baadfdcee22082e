# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ClusterLink's own e2e tests (v0.4.1, tests/e2e/k8s) expect of policies, balancing and imports, as declarations.

Each row is a whole declaration; the rows of one test of ClusterLink follow each other, so that each adds and removes
what the test does. One set of gateways serves all of them.

| test of ClusterLink | here |
| --- | --- |
| Connectivity | every row that is answered; with Go's data plane molecule/dataplanes |
| PolicyLabels, PodAttributes, PrivilegedPolicies, PeerLabels | POLICIES, asked by two clients |
| LoadBalancingRoundRobin, -Static, -Random | BALANCE |
| ExportHost | IMPORTS |
| ExportServiceNotExist | test_export_without_a_service_fails_until_there_is_one |
| PeerMultipleGateways | GATEWAYS, test_peer_whose_only_address_is_wrong_fails |
| ImportMerge | IMPORTS |
| ImportConflictingService, ImportDelete | test_import_leaves_a_service_of_others_alone |
| ImportInvalidName | test_import_with_too_long_a_name_is_refused |
| ImportUnprivilegedNamespace | every import is in such a namespace; its conflicts in clusterlink-system: see below |
| Redundancy | test_three_pods_of_each_component_answer_every_request |
| PeerStatus | test_failover.py: a data plane that is gone is no declaration |
| DynamicPeerCertificates | test_certificate_rotation.py |
| the operator's (test_operator.go) | test_gateway_operator.py |
| the file of test_performance.go | no expectation to declare |

Not to be declared:
- Import whose source has no Export (LoadBalancing removes only Exports): it is refused before the first write, so these
  rows remove the source with the Export.
- ImportConflictingTargetPort: a declared import has no target port, so that ClusterLink allocates a free one.
- Labels and Services that ClusterLink owns, changed behind its back (ImportConflictingService,
  ImportUnprivilegedNamespace), and a data plane's Service that is deleted (ImportMerge): no declaration says that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.fabrics import populated
from tests.support.planned import Declared, PlannedFabric
from tests.support.waiting import wait_until
from tests.support.workloads import client, web

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.ansible import Ansible
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.long]

SPACE = "scenarios"
ONE, TWO, THREE = PEERS = ("test-one", "test-two", "test-three")
LABELS = {peer: {"site": f"{peer}-site", "ip": f"{peer}-ip"} for peer in PEERS}
ECHO: Declared = {"name": "echo", "namespace": SPACE, "port": 80, "labels": {"env": "test"}}
SOON = 20
"""Seconds until what cannot succeed fails: a Peer is unreachable after some heartbeats."""
FRONTEND, ROBOT = "frontend", "robot"
"""The clients: pods of service accounts C(default) and C(robot), labelled app=frontend and app=robot."""


class Scenarios(PlannedFabric):
    """Gateways in three clusters, each with a server C(web), whose Service has the second name C(echo)."""

    def __init__(self, clusters: Clusters, kubectl: Kubectl, folder: Path) -> None:
        super().__init__(clusters, PEERS, folder, SPACE)
        self.kubectl = kubectl
        self.variables["clusterlink_link_mode"] = self.defaults["link_mode"] = "mesh"
        self.labels = LABELS
        for peer in PEERS:
            self.hosts[peer]["clusterlink_labels"] = LABELS[peer]

    def populate(self) -> None:
        """Make the servers and the clients."""
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ROBOT, "namespace": SPACE}}
        (pod,) = client(SPACE, ROBOT)
        labelled = {**pod["metadata"], "labels": {"app": ROBOT}}
        robot = {**pod, "metadata": labelled, "spec": {**pod["spec"], "serviceAccountName": ROBOT}}
        workloads = {}
        for peer in PEERS:
            server, service = web(SPACE, peer, "web")
            echo = {**service, "metadata": {**service["metadata"], "name": "echo"}}
            services = (service, *([] if peer == TWO else [echo]))  # the second cluster's C(echo) is its Import's
            workloads[peer] = [account, server, *services, *client(SPACE, FRONTEND), robot]
        self.inhabit(workloads)


@dataclass(frozen=True)
class Bench:
    """The fabric for one row."""

    fabric: Scenarios
    run: Ansible
    folder: Path

    def plan(self, declared: Declared) -> dict[str, Any]:
        """The plan of a declaration, which must be valid."""
        planned = self.fabric.plan(self.run, self.folder, declared)
        assert not planned.get("failed"), planned["msg"]
        plan: dict[str, Any] = planned["plan"]
        return plan

    def bring(self, declared: Declared) -> None:
        """Apply a declaration, which must succeed in every cluster."""
        for peer, result in self.fabric.apply(self.run, self.plan(declared)).items():
            assert not result.get("failed"), (peer, result["msg"])

    def fails(self, peer: str, declared: Declared) -> str:
        """What the cluster says of a declaration that it cannot fulfil."""
        result = self.fabric.apply(self.run, self.plan(declared), timeout=SOON)[peer]
        assert result.get("failed"), result
        return str(result["msg"])

    def ask(self, peer: str, name: str, pod: str = FRONTEND, **options: Any) -> dict[str, Any]:
        """Requests of a pod to an import, repeated until they are as expected."""
        asked = {"name": name, "namespace": SPACE, "port": 80, "scheme": "http", "client": {"pod": pod}, **options}
        return self.run("probe", {"context": self.fabric.contexts[peer], **asked})

    def sources(self, peer: str, name: str, count: int) -> list[str]:
        """Which cluster answers each of so many requests, in their order."""
        answered = self.ask(peer, name, count=count, wait_timeout=60)
        assert answered.get("ok"), answered
        bodies = [answer["body"] for answer in answered["answers"]]
        return [next(each for each in PEERS if f"hello from {each}," in body) for body in bodies]


@pytest.fixture(scope="module")
def fabric(clusters: Clusters, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenarios]:
    made = Scenarios(clusters, kubectl, tmp_path_factory.mktemp("fabric"))
    with populated(made, kubectl):
        made.must("site")
        yield made


@pytest.fixture
def bench(fabric: Scenarios, run_module: Ansible, tmp_path: Path) -> Bench:
    return Bench(fabric, run_module, tmp_path)


def allow(name: str, cluster: str, *, source: Declared | None = None, to: Declared | None = None) -> Declared:
    """A policy of one cluster; by default for every client and every service."""
    entry = {"name": name, "namespace": SPACE, "clusters": [cluster], "action": "allow"}
    return {**entry, "from": [source or {}], "to": [to or {}]}


def deny(name: str, cluster: str, *, source: Declared | None = None, to: Declared | None = None) -> Declared:
    """The same that denies."""
    return {**allow(name, cluster, source=source, to=to), "action": "deny"}


def privileged(policy: Declared) -> Declared:
    """The same policy before those of namespaces."""
    return {**{key: value for key, value in policy.items() if key != "namespace"}, "tier": "privileged"}


def from_one(*policies: Declared) -> Declared:
    """The first cluster's C(echo), imported by the second, with these policies alone."""
    imported = {**ECHO, "sources": [{"peer": ONE}]}
    return {"policies": list(policies), "peers": {ONE: {"exports": [ECHO]}, TWO: {"imports": [imported]}}}


BOTH, NOBODY = frozenset({FRONTEND, ROBOT}), frozenset[str]()
EVERYTHING = (allow("all", ONE), allow("all", TWO))
TO_ECHO: Declared = {"service": "echo", "peers": ONE}
FROM_TWO = allow("from-two", ONE, source={"peers": TWO}, to={"peers": ONE})
TO_TEST = allow("to-echo", TWO, source={"peers": TWO}, to={**TO_ECHO, "labels": {"env": "test"}})
BAD_SERVICE = allow("bad-service", TWO, to={"service": "bad", "peers": ONE})
BAD_LABEL = allow("bad-label", TWO, to={"labels": {"env": "prod"}})
OTHER_LABEL = {"key": "client.clusterlink.net/labels.app", "operator": "NotIn", "values": [FRONTEND]}
PRIVILEGED = [
    privileged(deny("privileged-deny", TWO, to=TO_ECHO)),
    privileged(allow("privileged-allow", TWO, to=TO_ECHO)),
    deny("deny", TWO, to=TO_ECHO),
    allow("allow", TWO, to=TO_ECHO),
]
NOT_FROM_TWO = deny("not-from-two", ONE, source={"peer_labels": {"site": LABELS[TWO]["site"]}})
STILL_FROM_TWO = privileged(allow("still-from-two", ONE, source={"peer_labels": {"ip": LABELS[TWO]["ip"]}}))

POLICIES: dict[str, tuple[tuple[Declared, ...], frozenset[str]]] = {
    "labels: a service, by labels, from a peer": ((FROM_TWO, TO_TEST), BOTH),
    "labels: the service is denied": ((FROM_TWO, TO_TEST, deny("no-echo", TWO, to={"service": "echo"})), NOBODY),
    "labels: it is no longer denied": ((FROM_TWO, TO_TEST), BOTH),
    "labels: its peer is denied": ((FROM_TWO, TO_TEST, deny("not-one", TWO, to={"peers": ONE})), NOBODY),
    "labels: its peer is no longer denied": ((FROM_TWO, TO_TEST), BOTH),
    "labels: the client's peer is denied": ((FROM_TWO, TO_TEST, deny("no", ONE, source={"peers": TWO})), NOBODY),
    "labels: the client's peer is no longer denied": ((FROM_TWO, TO_TEST), BOTH),
    "labels: another service is allowed": ((FROM_TWO, BAD_SERVICE), NOBODY),
    "labels: another label is allowed": ((FROM_TWO, BAD_SERVICE, BAD_LABEL), NOBODY),
    "labels: its label is allowed": (
        (FROM_TWO, BAD_SERVICE, BAD_LABEL, allow("good-label", TWO, to={"labels": {"env": "test"}})),
        BOTH,
    ),
    "pods: all are allowed": (EVERYTHING, BOTH),
    "pods: an account is denied by both sides": (
        (*EVERYTHING, *(deny("not-robot", peer, source={"service_account": ROBOT}) for peer in (ONE, TWO))),
        frozenset({FRONTEND}),
    ),
    "pods: an account is denied by the importing side": (
        (*EVERYTHING, deny("not-default", TWO, source={"service_account": "default"})),
        frozenset({ROBOT}),
    ),
    "pods: an account is denied by the exporting side": (
        (*EVERYTHING, deny("not-default", ONE, source={"service_account": "default"})),
        frozenset({ROBOT}),
    ),
    "pods: all but one label are denied": (
        (*EVERYTHING, deny("others", TWO, source={"workloadSelector": {"matchExpressions": [OTHER_LABEL]}})),
        frozenset({FRONTEND}),
    ),
    "privileged: a deny comes first": ((allow("all", ONE), *PRIVILEGED), NOBODY),
    "privileged: then an allow": ((allow("all", ONE), *PRIVILEGED[1:]), BOTH),
    "privileged: then a deny of the namespace": ((allow("all", ONE), *PRIVILEGED[2:]), NOBODY),
    "privileged: then an allow of the namespace": ((allow("all", ONE), *PRIVILEGED[3:]), BOTH),
    "privileged: without a policy nobody may": ((allow("all", ONE),), NOBODY),
    "peers: the client's is denied by a label": ((*EVERYTHING, NOT_FROM_TWO), NOBODY),
    "peers: and allowed by a privileged policy": ((*EVERYTHING, NOT_FROM_TWO, STILL_FROM_TWO), BOTH),
    "peers: another one is denied": (
        (*EVERYTHING, deny("not-three", TWO, to={"peer_labels": {"ip": LABELS[THREE]["ip"]}})),
        BOTH,
    ),
    "peers: the service's is denied by a label": (
        (*EVERYTHING, deny("not-one", TWO, to={"peer_labels": {"ip": LABELS[ONE]["ip"]}})),
        NOBODY,
    ),
}


@pytest.mark.parametrize("row", POLICIES)
def test_policies_let_through_just_these_clients(bench: Bench, row: str) -> None:
    policies, allowed = POLICIES[row]
    bench.bring(from_one(*policies))
    for pod in sorted(BOTH):
        expected = "answer" if pod in allowed else "refused"
        result = bench.ask(TWO, "echo", pod, count=3, expect=expected)
        assert result.get("ok"), (pod, expected, result)


def balanced(scheme: str, *sources: str) -> Declared:
    """C(my-import) of the first cluster, balanced over these clusters' C(web)."""
    service = {"name": "web", "namespace": SPACE, "port": 80, "exported_by": list(sources), "imported_by": [ONE]}
    more = {"import_as": {"name": "my-import"}, "lb_scheme": scheme, "allow": [{"from": {}}]}
    return {"services": [{**service, **more}]}


SCHEMES = ("round-robin", "static", "random")
BALANCE = {f"{scheme}: {len(PEERS[n:])} sources": (scheme, PEERS[n:]) for scheme in SCHEMES for n in range(3)}


@pytest.mark.parametrize("row", BALANCE)
def test_sources_share_the_requests_by_the_scheme(bench: Bench, row: str) -> None:
    scheme, sources = BALANCE[row]
    bench.bring(balanced(scheme, *sources))
    answers = bench.sources(ONE, "my-import", 60)
    print(row, Counter(answers))
    if scheme == "static":
        assert set(answers) == {sources[0]}
    elif scheme == "random":
        assert set(answers) == set(sources)
    else:
        assert Counter(answers) == dict.fromkeys(sources, 60 // len(sources))
        turn = answers[: len(sources)]
        assert answers == turn * (60 // len(sources)), "each source in its turn"


def imported(export: Declared, name: str, **options: Any) -> Declared:
    """An export of the first cluster that the second imports by this name, with everything allowed."""
    sources = [{"peer": ONE, "export_name": export["name"]}]
    entry = {"name": name, "namespace": SPACE, "port": 80, "sources": sources, **options}
    return {"policies": [*EVERYTHING], "peers": {ONE: {"exports": [export]}, TWO: {"imports": [entry]}}}


WEB: Declared = {"name": "web", "namespace": SPACE, "port": 80}
ELSEWHERE: Declared = {**WEB, "name": "elsewhere", "host": f"web.{SPACE}.svc.cluster.local"}
IMPORTS: dict[str, tuple[Declared, str, set[str]]] = {
    "export: of a host": (imported(ELSEWHERE, "elsewhere"), "elsewhere", {ONE}),
    "import: merged into a Service": (imported(WEB, "web", merge=True), "web", {ONE, TWO}),
}


@pytest.mark.parametrize("row", IMPORTS)
def test_import_is_answered_by_just_these_clusters(bench: Bench, row: str) -> None:
    declared, name, sources = IMPORTS[row]
    bench.bring(declared)
    if len(sources) > 1:  # kube-proxy follows in its own time
        wait_until(f"{sources} answer", lambda: set(bench.sources(TWO, name, 30)) == sources)
    assert set(bench.sources(TWO, name, 30)) == sources


def test_export_without_a_service_fails_until_there_is_one(bench: Bench) -> None:
    late = {**WEB, "name": "late"}
    kubectl, context = bench.fabric.kubectl, bench.fabric.contexts[ONE]
    declared = imported(late, "late")
    assert f"Export {SPACE}/late" in bench.fails(ONE, declared)
    _pod, service = web(SPACE)
    kubectl.apply({**service, "metadata": {**service["metadata"], "name": "late"}}, context=context)
    bench.bring(declared)
    assert set(bench.sources(TWO, "late", 3)) == {ONE}
    kubectl("delete", "service", "late", "-n", SPACE, context=context)
    assert f"Export {SPACE}/late" in bench.fails(ONE, declared)


def test_import_leaves_a_service_of_others_alone(bench: Bench) -> None:
    kubectl, context = bench.fabric.kubectl, bench.fabric.contexts[TWO]
    spec = {"ports": [{"port": 80}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "taken", "namespace": SPACE}, "spec": spec}
    kubectl.apply(service, context=context)
    assert f"{SPACE}/taken" in bench.fails(TWO, imported(WEB, "taken"))
    kubectl("delete", "service", "taken", "-n", SPACE, context=context)
    bench.bring(imported(WEB, "taken"))
    assert set(bench.sources(TWO, "taken", 3)) == {ONE}
    kubectl("delete", "service", "taken", "-n", SPACE, context=context)
    assert set(bench.sources(TWO, "taken", 3)) == {ONE}, "ClusterLink makes it again"
    bench.bring(from_one())
    gone = ("wait", "--for=delete", "--timeout=30s", "service/taken", "-n", SPACE)
    kubectl(*gone, context=context)


def test_import_with_too_long_a_name_is_refused(bench: Bench) -> None:
    planned = bench.fabric.plan(bench.run, bench.folder, imported(WEB, "a" * 64))
    assert "is 64 characters long" in planned["msg"]
    assert not bench.fabric.plan(bench.run, bench.folder, imported(WEB, "a" * 63)).get("failed")


BAD: Declared = {"host": "bad-host", "port": 1234}


def reached(*order: Declared) -> Declared:
    """The scenario with the second cluster's Peer of the first, at these addresses in their order."""
    declared = from_one(*EVERYTHING)
    declared["peers"][TWO]["peers"] = [{"name": ONE, "gateways": list(order)}]
    return declared


GATEWAYS = {"a wrong address first": ("bad", "good"), "a wrong address second": ("good", "bad")}


@pytest.mark.parametrize("row", GATEWAYS)
def test_wrong_address_beside_a_right_one_costs_no_request(bench: Bench, row: str) -> None:
    bench.plan({})  # for the addresses
    (good,) = bench.fabric.addresses[ONE]
    declared = reached(*({"good": good, "bad": BAD}[each] for each in GATEWAYS[row]))
    bench.bring(declared)
    assert bench.sources(TWO, "echo", 1) == [ONE]
    answered = bench.ask(TWO, "echo", count=30, wait_timeout=0)
    assert answered.get("ok"), answered


def test_peer_whose_only_address_is_wrong_fails(bench: Bench) -> None:
    assert f"Peer clusterlink-system/{ONE}" in bench.fails(TWO, reached(BAD))
    bench.bring(from_one(*EVERYTHING))
    assert bench.sources(TWO, "echo", 1) == [ONE]


def test_three_pods_of_each_component_answer_every_request(bench: Bench) -> None:
    for peer in (ONE, TWO):
        for component in ("controlplane", "dataplane"):
            bench.fabric.hosts[peer][f"clusterlink_{component}_replicas"] = 3
    bench.bring({})  # the inventory declares no services
    bench.fabric.must("site")
    bench.bring(from_one(*EVERYTHING))
    assert set(bench.sources(TWO, "echo", 100)) == {ONE}
