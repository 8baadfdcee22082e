# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster's clock that is off is named, and is an error where a certificate is out of its time by it."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.ca import CaRequest, make_ca
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.clock_skew import Clock, describe_skew
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.issue import Issuer
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.leaf import LeafRequest, make_leaf

NOW = datetime(2030, 6, 15, 12, 0, 0, tzinfo=timezone.utc)
DAY = 86400


@pytest.fixture(scope="module")
def leaf() -> str:
    ca = make_ca(CaRequest("demo", days=3650), NOW)
    return make_leaf(LeafRequest("east", days=1), Issuer(ca.certificate, ca.key), NOW).certificate_pem.decode()


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        (None, ""),
        (0, ""),
        (60, ""),
        (-60, ""),
        (61, "61 s ahead of this machine's"),
        (-90, "90 s behind this machine's"),
    ],
)
def test_a_clock_is_named_when_it_is_more_than_a_minute_off(ahead: int | None, said: str, leaf: str) -> None:
    clock = Clock("east", ahead, NOW)
    clock.require_valid({"the peer's certificate": leaf})
    assert describe_skew(ahead) == said
    assert len(clock.warnings()) == bool(said)
    for warning in clock.warnings():
        assert warning.startswith(f"east: its clock is {said}. ")
        assert "300 s" in warning
        assert warning.endswith("on the cluster's nodes and on this machine.")


@pytest.mark.parametrize("ahead", [-299, DAY - 1])
def test_a_certificate_that_is_valid_there_will_do(ahead: int, leaf: str) -> None:
    Clock("east", ahead, NOW).require_valid({"the peer's certificate": leaf})


@pytest.mark.parametrize(
    ("ahead", "what"),
    [
        (-301, "CN=east is not valid before 2030-06-15T11:55:00Z, and the cluster's clock says 2030-06-15T11:54:59Z"),
        (DAY + 1, "CN=east expired at 2030-06-16T12:00:00Z, and the cluster's clock says 2030-06-16T12:00:01Z"),
    ],
)
def test_a_certificate_that_is_out_of_its_time_there_is_refused(ahead: int, what: str, leaf: str) -> None:
    with pytest.raises(ClusterlinkError) as refused:
        Clock("east", ahead, NOW).require_valid({"the peer's certificate": leaf, "to come": "made by an earlier task"})
    problem = refused.value.problems[0]
    assert (problem.host, problem.where, problem.what) == ("east", "the peer's certificate", what)
    assert problem.found == f"a clock {describe_skew(ahead)}"
    assert "NTP" in problem.fix
