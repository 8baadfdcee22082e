# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is declared, gateways let through just whom the model of them lets through.

Random services and policies, drawn as for the unit tests, are applied one after another. Random pods of every cluster
then ask for every import, also for those that somebody in a cluster whom nobody named has made there by hand, with a
Peer and a policy that allows all. What is drawn is the same in every run.
"""

from __future__ import annotations

import copy
import itertools
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, example, given, seed, settings
from hypothesis import strategies as st

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink import api
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.authorization import Client, Side, explain
from tests.support.fabrics import populated
from tests.support.planned import Declared, PlannedFabric
from tests.support.workloads import client, web
from tests.unit.plugins.module_utils.fabric.strategies import (
    ACCOUNTS,
    LABEL_VALUES,
    NAMESPACES,
    is_declared,
    policies,
    services,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.ansible import Ansible
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.long]

PEERS = ("test-one", "test-two", "test-three")
DECLARATIONS = 8
ROBOT = next(name for name in ACCOUNTS if name != "default")
BY_HAND = "by-hand"
"""The namespace of imports that nobody has declared."""
SPACES = (*NAMESPACES, "imported", BY_HAND)
SERVER, SERVES = "random-server", {"serves": "random"}
REQUESTS = 2
CLOSED = {"52", "56"}
"""How curl ends when a connection was accepted and then closed, as a gateway does that refuses: no answer, a reset."""
_ASK = f"""\
for url in "$@"; do for _ in $(seq {REQUESTS}); do
  body=$(curl -s -m 5 "$url"); echo "$url|$body|$?"
done; done
"""


def _clients() -> dict[str, Client]:
    """Some of all possible clients, by the names of their pods."""
    values = (None, *LABEL_VALUES)
    every = [
        Client(namespace, {key: value for key, value in (("app", app), ("tier", tier)) if value}, account)
        for namespace, account, app, tier in itertools.product(NAMESPACES, ACCOUNTS, values, values)
    ]
    chosen = random.Random(15).sample(every, 6)  # noqa: S311 - not for secrets
    return {f"random-{index}": each for index, each in enumerate(chosen)}


CLIENTS = _clients()


def has_clients(service: Declared) -> bool:
    """Whether there is an import of the service, and a rule that lets some through."""
    return bool(service["imported_by"] and any(each["from"] for each in service["allow"]))


@st.composite
def declarations(draw: st.DrawFn) -> Declared:
    """Services of three clusters, and policies beside what the services say by themselves."""
    return {
        "services": [draw(services(index, PEERS, PEERS).filter(has_clients)) for index in range(3)],
        "policies": [draw(policies(index, PEERS)) for index in range(draw(st.integers(0, 2)))],
    }


_OPEN: Declared = {"name": "open", "namespace": "shop", "port": 80, "labels": {}, "merge": False, "allow": []}
OPEN: Declared = {
    "services": [{**_OPEN, "exported_by": [PEERS[0]], "imported_by": [PEERS[1]]}],
    "policies": [{"name": "everyone", "tier": "privileged", "action": "allow", "from": [{}], "to": [{}]}],
}
"""A service that a policy opens to all, also to who makes an import of it by hand."""


class RandomFabric(PlannedFabric):
    """A server in each namespace of each cluster, and all clients in each cluster."""

    def __init__(self, clusters: Clusters, kubectl: Kubectl, folder: Path) -> None:
        super().__init__(clusters, PEERS, folder, "random")
        self.kubectl = kubectl
        self.count = 0

    def populate(self) -> None:
        """Make the servers and the clients."""
        kind = {"apiVersion": "v1", "kind": "Namespace"}
        spaces = [{**kind, "metadata": {"name": name}} for name in SPACES if name != "default"]
        kind = {"apiVersion": "v1", "kind": "ServiceAccount"}
        accounts = [{**kind, "metadata": {"name": ROBOT, "namespace": name}} for name in NAMESPACES]
        for peer, context in self.contexts.items():
            servers = [_labelled(web(name, peer, SERVER)[0], SERVES) for name in NAMESPACES]
            self.kubectl.apply(*spaces, *accounts, *servers, *map(_pod, CLIENTS), context=context)
        for context in self.contexts.values():
            for name in NAMESPACES:
                pods = [f"pod/{pod}" for pod, each in CLIENTS.items() if each.namespace == name]
                ready = ("--for=condition=Ready", "--timeout=120s", f"pod/{SERVER}", *pods, "-n", name)
                self.kubectl("wait", *ready, context=context)

    def clear(self) -> None:
        """Remove them; what is in namespace C(default) one by one."""
        mine = (f"pod/{SERVER}", *(f"pod/{pod}" for pod in CLIENTS), f"serviceaccount/{ROBOT}")
        for context in self.contexts.values():
            made = self.kubectl("get", "services", "-n", "default", "-l", "serves", "-o", "name", context=context)
            self.kubectl("delete", *mine, *made.split(), "-n", "default", "--ignore-not-found", context=context)
            self.kubectl.remove_namespace(*(set(SPACES) - {"default"}), context=context)

    def named_anew(self, declared: Declared) -> Declared:
        """With names that no declaration before had: an import of now is not taken for one of then."""
        self.count += 1
        named = copy.deepcopy(declared)
        for service in named["services"]:
            for each in (service, service.get("import_as", {"name": ""})):
                each["name"] = f"{each['name']}-{self.count}"
        return named

    def serve(self, service: Declared) -> None:
        """Make the Service where it is exported, and one without pods where an import is merged into it."""
        port = {"port": int(service["port"]), "targetPort": 8080}
        metadata = {"name": service["name"], "namespace": service["namespace"], "labels": SERVES}
        for peer in {*service["exported_by"], *(service["imported_by"] if service["merge"] else ())}:
            selector = SERVES if peer in service["exported_by"] else {"serves": "nothing"}
            spec = {"selector": selector, "ports": [port]}
            made = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
            self.kubectl.apply(made, context=self.contexts[peer])

    def outsiders(self, declared: Declared, plan: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
        """What somebody makes in each cluster to get at services that are not for it."""
        made: dict[str, list[dict[str, Any]]] = {}
        for peer in PEERS:
            wanted = [each for each in declared["services"] if peer not in (*each["exported_by"], *each["imported_by"])]
            there = {each["metadata"]["name"] for each in plan["peers"][peer]["objects"] if each["kind"] == "Peer"}
            sources = {exporter for each in wanted for exporter in each["exported_by"]}
            peers = [_peer(name, self.addresses[name]) for name in sorted(sources - there)]
            made[peer] = [*peers, *map(_import, wanted), ALLOW_ALL]
        return made

    @contextmanager
    def present(self, objects: Mapping[str, list[dict[str, Any]]]) -> Iterator[None]:
        """Objects of each cluster, made by hand and ready, while the body runs."""
        try:
            for peer, each in objects.items():
                self.kubectl.apply(*each, context=self.contexts[peer])
            for peer, each in objects.items():
                for one in each:
                    self._wait(one, self.contexts[peer])
            yield
        finally:
            for peer, each in objects.items():
                for one in each:
                    gone = ("delete", _name(one), "-n", one["metadata"]["namespace"], "--ignore-not-found")
                    self.kubectl(*gone, context=self.contexts[peer])

    def _wait(self, one: Mapping[str, Any], context: str) -> None:
        for condition in api.READY_CONDITIONS[one["kind"]]:
            ready = (f"--for=condition={condition}", "--timeout=60s", "-n", one["metadata"]["namespace"])
            self.kubectl("wait", _name(one), *ready, context=context)

    def ask(self, peer: str, pod: str, *urls: str) -> dict[str, list[str]]:
        """By whom each request is answered, or how curl ended without an answer."""
        command = ("exec", pod, "-n", CLIENTS[pod].namespace, "--", "sh", "-c", _ASK, "sh", *urls)
        found: dict[str, list[str]] = {address: [] for address in urls}
        for line in self.kubectl(*command, context=self.contexts[peer]).splitlines():
            address, body, code = line.split("|")
            found[address].append(next((each for each in PEERS if f"hello from {each}," in body), code))
        return found


def _labelled(pod: Mapping[str, Any], labels: Mapping[str, str], **spec: Any) -> dict[str, Any]:
    return {**pod, "metadata": {**pod["metadata"], "labels": dict(labels)}, "spec": {**pod["spec"], **spec}}


def _pod(name: str) -> dict[str, Any]:
    each = CLIENTS[name]
    return _labelled(client(each.namespace, name)[0], each.labels, serviceAccountName=each.service_account)


def _name(one: Mapping[str, Any]) -> str:
    return f"{one['kind'].lower()}.clusterlink.net/{one['metadata']['name']}"


def url(imported: Mapping[str, Any]) -> str:
    """Where clients ask for an import."""
    return f"http://{imported['metadata']['name']}.{imported['metadata']['namespace']}:{imported['spec']['port']}/"


def _object(kind: str, name: str, namespace: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": api.API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def _peer(name: str, addresses: Any) -> dict[str, Any]:
    return _object("Peer", name, api.SYSTEM_NAMESPACE, {"gateways": addresses})


def _import(service: Declared) -> dict[str, Any]:
    export = {"exportName": service["name"], "exportNamespace": service["namespace"]}
    sources = [{"peer": peer, **export} for peer in service["exported_by"]]
    return _object("Import", service["name"], BY_HAND, {"port": int(service["port"]), "sources": sources})


ALLOW_ALL = _object(
    "AccessPolicy",
    "all",
    BY_HAND,
    {"action": "allow", "from": [{"workloadSelector": {}}], "to": [{"workloadSelector": {}}]},
)


@pytest.fixture(scope="module")
def fabric(clusters: Clusters, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RandomFabric]:
    made = RandomFabric(clusters, kubectl, tmp_path_factory.mktemp("fabric"))
    with populated(made, kubectl):
        made.must("site")
        yield made


LET_IN = "let somebody in"


@dataclass(frozen=True)
class Expected:
    """What the model says of one client and one import.

    Attributes:
        sources: The clusters whose gateways let it through, both sides.
        local: The cluster whose own pods may answer, too; empty for none.
    """

    sources: frozenset[str]
    local: str = ""

    def fault(self, found: list[str]) -> str:
        """What is not so in these answers; empty when all is."""
        answers = [each for each in found if each in PEERS]
        others = set(answers) - self.sources - {self.local}
        failed = set(found) - set(answers)
        if others:
            return f"{sorted(others)} {LET_IN}"
        if self.sources and failed:
            return f"{sorted(self.sources)} let nobody in: curl ended with {sorted(failed)}"
        return f"no gateway has refused it: curl ended with {sorted(failed - CLOSED)}" if failed - CLOSED else ""


Key = tuple[str, str, str]


def predicted(
    declared: Declared, plan: Mapping[str, Any], by_hand: Mapping[str, list[dict[str, Any]]]
) -> dict[Key, Expected]:
    """What the model says of every cluster's clients and imports, by cluster, pod and address."""
    objects = {peer: [*plan["peers"][peer]["objects"], *by_hand[peer]] for peer in PEERS}
    sides = {peer: Side.of(peer, {}, each) for peer, each in objects.items()}
    merged = {(each["namespace"], each["name"]): each["exported_by"] for each in declared["services"] if each["merge"]}
    named = {each["name"]: each for each in declared["services"]}
    says: dict[Key, Expected] = {}
    for peer, each in objects.items():
        for imported in (one for one in each if one["kind"] == "Import"):
            holders = merged.get((imported["metadata"]["namespace"], imported["metadata"]["name"]), ())
            for pod, who in CLIENTS.items():
                verdicts = explain(who, sides[peer], imported, sides)
                sources = frozenset(verdict.peer for verdict in verdicts if verdict.allowed)
                if not declared["policies"]:  # the services' entries say it all
                    every = {source["peer"] for source in imported["spec"]["sources"]}
                    service = named[imported["spec"]["sources"][0]["exportName"]]
                    assert sources == (every if is_declared(service, peer, who) else set()), (declared, peer, who)
                says[peer, pod, url(imported)] = Expected(sources, peer if peer in holders else "")
    return says


def asked_by_all(fabric: RandomFabric, keys: list[Key]) -> dict[Key, list[str]]:
    """The answers to all clients; those of one pod are asked for by one command."""
    asked: dict[tuple[str, str], list[str]] = {}
    for peer, pod, address in keys:
        asked.setdefault((peer, pod), []).append(address)
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda who: fabric.ask(*who, *asked[who]), asked)
        return {(*who, address): each for who, some in zip(asked, found, strict=True) for address, each in some.items()}


def test_gateways_let_through_just_whom_the_model_lets_through(
    fabric: RandomFabric, run_module: Ansible, tmp_path: Path
) -> None:
    seen: Counter[str] = Counter()

    @seed(15)
    @settings(max_examples=DECLARATIONS, database=None, phases=[Phase.explicit, Phase.generate])
    @given(declarations())
    @example(OPEN)
    def each(declared: Declared) -> None:
        seen.update(holds(fabric, run_module, tmp_path, declared))

    each()
    print(dict(seen))
    assert seen["declared: answered"] > 50
    assert seen["declared: refused"] > 20
    assert seen["by hand: refused"] > 15
    assert seen["by hand: answered"] >= len(CLIENTS), "what is made by hand works"


def holds(fabric: RandomFabric, run: Ansible, folder: Path, declared: Declared) -> Counter[str]:
    """Apply a declaration, and compare what real pods get with what the model says; how many got what."""
    declared = fabric.named_anew(declared)
    for service in declared["services"]:
        fabric.serve(service)
    planned = fabric.plan(run, folder, declared)
    assert not planned.get("failed"), planned["msg"]
    plan = planned["plan"]
    for peer, result in fabric.apply(run, plan).items():
        assert not result.get("failed"), (peer, result["msg"])
    by_hand = fabric.outsiders(declared, plan)
    says = predicted(declared, plan, by_hand)
    with fabric.present(by_hand):
        deadline, left = time.monotonic() + 60, dict.fromkeys(says, "")
        # A new import refuses its first connections: who should get in is asked again, but nobody else gets in ever.
        while left:
            found = asked_by_all(fabric, list(left))
            left = {key: fault for key, each in found.items() if (fault := says[key].fault(each))}
            assert not [fault for fault in left.values() if fault.endswith(LET_IN)], (declared, left)
            assert time.monotonic() < deadline, (declared, left)
    return Counter(
        f"{'by hand' if f'.{BY_HAND}:' in address else 'declared'}: {'answered' if each.sources else 'refused'}"
        for (_peer, _pod, address), each in says.items()
        if not each.local
    )
