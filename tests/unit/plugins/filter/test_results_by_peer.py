# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts have registered, by the names of their peers."""

from __future__ import annotations

from typing import Any

from ansible_collections.skyshift.clusterlink.plugins.filter.results_by_peer import results_by_peer

HOSTVARS: dict[str, dict[str, Any]] = {
    "K8S_East": {"clusterlink_peer_name": "east", "gateway_result": {"address": {"port": 443}, "changed": False}},
    "west": {"gateway_result": {"address": None, "changed": True}},
    "north": {},
}
HOSTS = list(HOSTVARS)


def test_a_variable_and_a_part_of_it() -> None:
    assert results_by_peer(HOSTS, HOSTVARS, "gateway_result.address") == {"east": {"port": 443}}
    assert results_by_peer(HOSTS, HOSTVARS, "gateway_result.changed") == {"east": False, "west": True}
    assert list(results_by_peer(HOSTS[:2], HOSTVARS, "gateway_result")) == ["east", "west"]


def test_hosts_without_the_value_get_the_default() -> None:
    assert results_by_peer(HOSTS, HOSTVARS, "gateway_result.address", {}) == {
        "east": {"port": 443},
        "west": {},
        "north": {},
    }
