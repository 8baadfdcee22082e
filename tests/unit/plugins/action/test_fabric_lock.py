# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which clusters of a play are locked."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.action.fabric_lock import _takes_lock
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError


@pytest.mark.parametrize(
    ("own", "locked"), [({}, True), ({"clusterlink_lock": "no"}, False), ({"clusterlink_lock": True}, True)]
)
def test_a_cluster_is_locked_unless_its_variable_says_no(own: dict[str, Any], locked: bool) -> None:
    assert _takes_lock({"east": own}, "east") is locked


@pytest.mark.parametrize(
    ("host", "words"),
    [("moon", "hosts: names a host that the inventory does not have"), ("east", "east: clusterlink_lock: is neither")],
)
def test_an_unknown_host_or_value_is_refused(host: str, words: str) -> None:
    with pytest.raises(ClusterlinkError, match=words):
        _takes_lock({"east": {"clusterlink_lock": "perhaps"}}, host)
