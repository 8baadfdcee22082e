# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway after one of its peers was removed, whose own gateway then ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.clusters import on_node
from tests.support.gateways import CONTROLPLANE, SHARED_GATEWAY, Fabric, standing
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.ansible import Ansible
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

BESIDE = "shared-gateway-beside"
STANDSTILL_SECONDS = 4
"""Longer than was once waited for a control plane."""
HEARTBEATS_SECONDS = 10
"""In this time a control plane notices that a gateway refuses connections: it misses five heartbeats, a second each.
One that has let go of the peer shows nothing that could be waited for."""

_SIGNAL = """
found=$(grep -l "$2" /proc/[0-9]*/cgroup 2>/dev/null) || [ "$found" ]
for each in $found; do kill -"$1" "$(echo "$each" | cut -d/ -f3)"; done
"""


@contextmanager
def slow_control_plane(clusters: Clusters, kubectl: Kubectl, peer: str) -> Iterator[None]:
    """The shared gateway's control plane stands still until a while after the Peer has changed."""
    [pod] = kubectl.json("get", "pods", f"--namespace={SHARED_GATEWAY}", f"--selector=app={CONTROLPLANE}")["items"]
    of_its_processes = pod["metadata"]["uid"].replace("-", "[-_]")
    read = ("get", "peer", peer, f"--namespace={SHARED_GATEWAY}", "--ignore-not-found", "--output=jsonpath={.spec}")
    before = kubectl(*read)

    def send(signal: str) -> None:
        on_node(clusters.contexts[0], "sh", "-ec", _SIGNAL, "send", signal, of_its_processes)

    def wake_up() -> None:
        try:
            wait_until(f"Peer {peer} is changed", lambda: kubectl(*read) != before)
            time.sleep(STANDSTILL_SECONDS)
        finally:
            send("CONT")

    send("STOP")
    with ThreadPoolExecutor() as aside:
        awake = aside.submit(wake_up)
        yield
        awake.result()


def test_a_new_peer_is_reachable_after_one_was_removed_whose_gateway_then_ended(
    run_module: Ansible, clusters: Clusters, kubectl: Kubectl, fabric: Fabric, address: dict[str, Any]
) -> None:
    """Even where the control plane had no time for the one that was removed."""

    def peer(name: str, at: dict[str, Any], state: str = "present") -> None:
        gateway = {"gateway_host": at["host"], "gateway_port": at["port"]}
        made = run_module("peer", {"name": name, "namespace": SHARED_GATEWAY, "state": state, **gateway})
        assert not made.get("failed"), made["msg"]
        assert made["changed"]

    with standing(run_module, kubectl, fabric, BESIDE, "west") as beside:
        peer("west", beside)
        with slow_control_plane(clusters, kubectl, "west"):
            peer("west", beside, "absent")
    time.sleep(HEARTBEATS_SECONDS)
    peer("east", address)  # itself, and as good as any: it waits until the control plane says that it is reachable
    peer("east", address, "absent")
