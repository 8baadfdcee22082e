# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""API servers that fail: at 30 % of the requests, as if they did not; at all of one, as if it were not there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.lock.lease import NAMESPACE, lease_name
from tests.support.fabrics import EAST, WEST, TwoClusters
from tests.support.faults import REFUSALS, SILENCE, FaultyProxy
from tests.support.gateways import inventory

if TYPE_CHECKING:
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.long]

SHARE = 0.3


@pytest.fixture(scope="module")
def inhabited(clusters: Clusters, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoClusters]:
    fabric = TwoClusters(clusters, kubectl, tmp_path_factory.mktemp("fabric"))
    fabric.populate()
    yield fabric
    fabric.clear()


@pytest.fixture
def fabric(inhabited: TwoClusters) -> Iterator[TwoClusters]:
    """Its inventory as it was before each test."""
    hosts, variables = dict(inhabited.hosts), dict(inhabited.variables)
    yield inhabited
    inhabited.hosts, inhabited.variables = hosts, variables


class Faulty:
    """The fabric's clusters behind proxies."""

    def __init__(self, fabric: TwoClusters, kubectl: Kubectl, folder: Path, faults: tuple[str, ...]) -> None:
        self.proxies = []
        for name, context in fabric.contexts.items():
            place = folder / name
            place.mkdir()
            own = kubectl.json("config", "view", "--raw", "--minify", context=context)
            self.proxies.append((name, FaultyProxy(own, place, faults=faults, share=SHARE)))
        self._direct = dict(fabric.hosts)
        self._fabric = fabric

    def use(self, *, through: bool, only: str = "") -> None:
        """Let playbooks go through the proxies, or that of one cluster only, or past them."""
        for name, proxy in self.proxies:
            if only not in ("", name):
                continue
            way = {"clusterlink_kubeconfig": proxy.kubeconfig(name)} if through else self._direct[name]
            self._fabric.hosts[name] = way

    def seen(self) -> Counter[str]:
        return sum((proxy.seen for _name, proxy in self.proxies), Counter())


@pytest.mark.parametrize("faults", [("latency",), ("reset", "cut"), ("429", "500")], ids=" and ".join)
def test_site_and_teardown_converge_while_requests_fail(
    fabric: TwoClusters, kubectl: Kubectl, tmp_path: Path, faults: tuple[str, ...]
) -> None:
    before = inventory(kubectl)
    faulty = Faulty(fabric, kubectl, tmp_path, faults)
    with ExitStack() as stack:
        for _name, proxy in faulty.proxies:
            stack.enter_context(proxy)
        faulty.use(through=True)
        made = fabric.play("site")
        assert made.code == 0, made.output
        seen = faulty.seen()
        assert all(seen[fault] > 10 for fault in faults), seen
        kept = fabric.play("site")
        assert (kept.code, kept.changed) == (0, 0), kept.output
        seen = faulty.seen()
        print(f"of {seen.total()} requests: {', '.join(f'{seen[fault]} {fault}' for fault in faults)}")

        faulty.use(through=False)
        proven = fabric.play("site")
        assert (proven.code, proven.changed) == (0, 0), proven.output

        faulty.use(through=True)
        removed = fabric.play("teardown")
        assert removed.code == 0, removed.output
        for context in fabric.contexts.values():
            unlocked = ("wait", "--for=delete", "--timeout=60s", "lease", lease_name(fabric.namespace), "-n", NAMESPACE)
            kubectl(*unlocked, context=context)  # which goes through the proxy, too, after the run
    assert not inventory(kubectl) - before  # what other tests left on its way out may have gone


def test_cluster_that_fails_at_every_request_stops_no_other_and_owes(
    fabric: TwoClusters, kubectl: Kubectl, tmp_path: Path
) -> None:
    fabric.variables["clusterlink_retry_timeout"] = 3
    made = fabric.play("site")
    assert made.code == 0, made.output
    export = ("exports.clusterlink.net", "web", "-n", fabric.namespace)
    faulty = Faulty(fabric, kubectl, tmp_path, REFUSALS)
    proxy = dict(faulty.proxies)[WEST]
    proxy.share = 1
    with proxy:
        for fault in (*REFUSALS, "reset", SILENCE):
            kubectl("delete", *export, context=fabric.contexts[EAST])
            proxy.faults = (fault,)
            faulty.use(through=True, only=WEST)
            run = fabric.play("site")
            faulty.use(through=False)
            print(f"{fault}: {proxy.seen[fault]} requests")
            assert proxy.seen[fault] > 0
            assert run.code == 2, run.output
            assert f"{WEST} failed and is not up to date" in run.output, run.output
            assert (run.recap[EAST]["failed"], run.recap[EAST]["changed"]) == (0, 1), run.output
            kubectl("get", *export, context=fabric.contexts[EAST])
    settled = fabric.play("site")
    assert (settled.code, settled.changed) == (0, 0), settled.output
    removed = fabric.play("teardown")
    assert removed.code == 0, removed.output
