# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts as the peers of one task."""

from __future__ import annotations

from ansible_collections.skyshift.clusterlink.plugins.filter.certificate_peers import certificate_peers
from ansible_collections.skyshift.clusterlink.plugins.modules.peer_certificate import TASK


def test_each_host_is_a_peer_with_the_options_that_its_variables_set() -> None:
    hostvars = {
        "east": {"clusterlink_context": "kind-east"},
        "west": {
            "clusterlink_key_type": "rsa",
            "clusterlink_key_size": 2048,
            "clusterlink_certificate_days": 90,
            "clusterlink_renew_percent": 0,
        },
        "north": {},
    }
    east, west = certificate_peers(["east", "west"], hostvars)
    assert east == {"name": "east"}
    assert west == {"name": "west", "key_type": "rsa", "key_size": 2048, "valid_days": 90, "renew_percent": 0}
    assert west.keys() <= TASK.argument_spec["peers"]["options"].keys()
