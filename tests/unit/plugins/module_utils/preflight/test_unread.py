# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters that do not respond: a sentence for one, a table for several."""

from __future__ import annotations

from typing import Any

from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.declaration import parse
from ansible_collections.skyshift.clusterlink.plugins.module_utils.preflight.unread import unread_warnings

HOSTS: dict[str, Any] = {
    "east": {"context": "prod-east"},
    "K8S_West": {"peer_name": "west", "host": "https://west.example:6443", "kubeconfig": "/secret"},
    "north": {"kubeconfig": "sha256:00"},
}


def warnings(*hosts: str) -> list[str]:
    reasons = {
        "east": "https://a: the API server is unreachable\n(found: no route)",
        "K8S_West": "no",
        "north": "never",
    }
    return unread_warnings(parse({"fabric": "demo", "peers": HOSTS}), {host: reasons[host] for host in hosts})


def test_nothing_is_said_when_all_respond() -> None:
    assert warnings() == []


def test_one_is_a_sentence() -> None:
    assert warnings("north") == ["The cluster of north is not checked: never"]


def test_several_are_one_table_with_how_each_is_reached() -> None:
    (warning,) = warnings("north", "east", "K8S_West")
    assert warning.splitlines() == [
        "3 clusters are not checked:",
        "HOST      ADDRESS OR CONTEXT         REASON",
        "K8S_West  https://west.example:6443  no",
        "east      prod-east                  https://a: the API server is unreachable; (found: no route)",
        "north     clusterlink_kubeconfig     never",
    ]
