# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway after one of its peers was removed, whose own gateway then ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.gateways import SHARED_GATEWAY, Fabric, standing

if TYPE_CHECKING:
    from tests.support.ansible import Ansible
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

BESIDE = "shared-gateway-beside"
HEARTBEATS_SECONDS = 10
"""In this time a control plane notices that a gateway refuses connections: it misses five heartbeats, a second each.
One that has let go of the peer shows nothing that could be waited for."""


def test_a_new_peer_is_reachable_after_one_was_removed_whose_gateway_then_ended(
    run_module: Ansible, kubectl: Kubectl, fabric: Fabric, address: dict[str, Any]
) -> None:
    def peer(name: str, at: dict[str, Any], state: str = "present") -> None:
        gateway = {"gateway_host": at["host"], "gateway_port": at["port"]}
        made = run_module("peer", {"name": name, "namespace": SHARED_GATEWAY, "state": state, **gateway})
        assert not made.get("failed"), made["msg"]
        assert made["changed"]

    with standing(run_module, kubectl, fabric, BESIDE, "west") as beside:
        peer("west", beside)
        peer("west", beside, "absent")
    time.sleep(HEARTBEATS_SECONDS)
    peer("east", address)  # itself, and as good as any: it waits until the control plane says that it is reachable
    peer("east", address, "absent")
