# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Problems as users read them."""

from __future__ import annotations

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError, Problem


def test_what_several_hosts_have_in_common_is_said_once() -> None:
    common = [Problem("clusterlink_wait_timeout", "must be a number", "x", host=host) for host in ("east", "west")]
    error = ClusterlinkError(common)
    assert error.message() == "east, west: clusterlink_wait_timeout: must be a number (found: x)."
    assert len(error.problems) == 2, "as data, each host has its own"
    own = Problem("clusterlink_wait_timeout", "must be a number", "y", host="north")
    assert ClusterlinkError([common[0], own, common[1]]).message().splitlines() == [
        "2 problems:",
        "- east, west: clusterlink_wait_timeout: must be a number (found: x).",
        "- north: clusterlink_wait_timeout: must be a number (found: y).",
    ]


def test_what_concerns_the_fabric_names_no_host() -> None:
    assert str(ClusterlinkError(Problem("pki/demo", "is missing", fix="Run site"))) == "pki/demo: is missing. Run site."
