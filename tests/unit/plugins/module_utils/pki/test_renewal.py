# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.ca import CaRequest, decide_ca, make_ca
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.certificates import chain_pem, iso
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.issue import Issuer
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import KeySpec, key_pem, same_key
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.leaf import LeafRequest, decide_leaf, make_leaf
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.pair import Decision, Issued, Pair
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.renewal import Renewal, require_percent

if TYPE_CHECKING:
    from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import PrivateKey

    Keys = Callable[..., PrivateKey]

Found = Callable[..., Pair]

NAMES = st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
PERCENT = st.integers(0, 100)


def authority(now: datetime, key: Keys, days: int) -> Issuer:
    made = make_ca(CaRequest("demo", days=days), now, key(KeySpec()))
    return Issuer(made.certificate, made.key)


@given(name=NAMES, percent=PERCENT)
def test_a_name_has_a_threshold_between_three_quarters_and_the_whole(name: str, percent: int) -> None:
    threshold = Renewal(percent, name).threshold
    assert 0.75 * percent <= threshold <= percent
    assert threshold == Renewal(percent, name).threshold


@given(name=NAMES, one=PERCENT, other=PERCENT)
def test_whoever_asks_for_more_gets_no_less(name: str, one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert Renewal(low, name).threshold <= Renewal(high, name).threshold


def test_the_peers_of_a_fabric_take_turns_the_same_ones_in_every_run() -> None:
    thresholds = [Renewal(33, f"peer-{number}").threshold for number in range(100)]
    assert len({round(threshold, 1) for threshold in thresholds}) > 50
    assert max(thresholds) - min(thresholds) > 0.9 * 33 / 4
    assert round(Renewal(33, "east").threshold, 4) == 29.5242, "the same on every machine and in every Python"


def test_without_a_name_it_is_what_is_asked_for() -> None:
    assert Renewal(33).threshold == 33


@pytest.mark.parametrize("percent", [-1, 101])
def test_what_is_no_percentage_is_refused(percent: int) -> None:
    with pytest.raises(ClusterlinkError, match=r"renew_percent: is not a percentage"):
        require_percent(percent, "renew_percent")


@given(name=NAMES, percent=PERCENT, days=st.integers(1, 5000), ca_days=st.integers(1, 5000), age=st.floats(0, 1.2))
def test_after_a_renewal_nothing_is_due_and_the_key_is_the_same(
    *, now: datetime, key: Keys, pair: Found, name: str, percent: int, days: int, ca_days: int, age: float
) -> None:
    issuer, request, renewal = authority(now, key, ca_days), LeafRequest(name, days=days), Renewal(percent, name)
    first = make_leaf(request, issuer, now, key(KeySpec(), 1))
    # At most to a second before the CA's end: a CA that has expired signs nothing.
    moment = now + min(timedelta(days=days * age), timedelta(days=ca_days) - timedelta(seconds=1))
    decision = decide_leaf(pair(first), issuer.certificate, request, moment, renewal)
    if not decision.reasons:
        return
    assert decision.key is not None
    renewed = make_leaf(request, issuer, moment, decision.key)
    assert same_key(renewed.key, first.key.public_key())
    assert renewed.certificate.not_valid_after_utc > first.certificate.not_valid_after_utc
    for seconds in (0, 1, 60):
        later = min(moment + timedelta(seconds=seconds), issuer.certificate.not_valid_after_utc)
        assert decide_leaf(pair(renewed), issuer.certificate, request, later, renewal).reasons == []


@given(percent=PERCENT, days=st.integers(1, 5000), age=st.floats(0, 0.99))
def test_it_is_renewed_below_the_threshold_and_not_above(
    *, now: datetime, key: Keys, pair: Found, percent: int, days: int, age: float
) -> None:
    issuer, request, renewal = authority(now, key, 36500), LeafRequest("east", days=days), Renewal(percent, "east")
    leaf = make_leaf(request, issuer, now, key(KeySpec(), 1))
    end, life = leaf.certificate.not_valid_after_utc, timedelta(days=days, minutes=5)
    moment = now + timedelta(days=days) * age
    reasons = decide_leaf(pair(leaf), issuer.certificate, request, moment, renewal).reasons
    # A second around the threshold belongs to nobody: certificates know no smaller unit.
    left = (end - moment) / life * 100
    if abs(left - min(renewal.threshold, 90)) > timedelta(seconds=2) / life * 100:
        assert bool(reasons) == (left < renewal.threshold and left < 90)
    assert all("it expires at" in reason and "% of its life is left" in reason for reason in reasons)


class TestLeafAtTheEndOfItsCa:
    """The CA ends before its leaves would."""

    def decide(self, now: datetime, key: Keys, pair: Found, *, days: int, after: int) -> Decision:
        issuer = authority(now, key, 100)
        request = LeafRequest("east", days=days)
        leaf = make_leaf(LeafRequest("east"), issuer, now, key(KeySpec(), 1))
        return decide_leaf(pair(leaf), issuer.certificate, request, now + timedelta(days=after), Renewal(33, "east"))

    def test_renewing_in_vain_is_a_warning(self, now: datetime, key: Keys, pair: Found) -> None:
        decision = self.decide(now, key, pair, days=365, after=90)
        assert decision.reasons == []
        assert len(decision.warnings) == 1
        assert "east is near its end" in decision.warnings[0]
        assert "rotate_ca.yml" in decision.warnings[0]

    def test_there_is_no_warning_while_enough_is_left(self, now: datetime, key: Keys, pair: Found) -> None:
        assert self.decide(now, key, pair, days=365, after=50).warnings == []

    def test_once_it_has_expired_the_clock_is_the_reason(self, now: datetime, key: Keys, pair: Found) -> None:
        assert "expired at" in self.decide(now, key, pair, days=365, after=101).reasons[0]


def test_a_shorter_lifetime_than_before_cuts_nothing_short(now: datetime, key: Keys, pair: Found) -> None:
    issuer, renewal = authority(now, key, 3650), Renewal(33, "east")
    leaf = make_leaf(LeafRequest("east", days=365), issuer, now, key(KeySpec(), 1))
    month = LeafRequest("east", days=30)
    early = decide_leaf(pair(leaf), issuer.certificate, month, now + timedelta(days=300), renewal)
    assert (early.reasons, early.warnings) == ([], [])
    assert decide_leaf(pair(leaf), issuer.certificate, month, now + timedelta(days=340), renewal).reasons


@pytest.mark.parametrize(
    ("percent", "days", "warned"), [(33, 0, False), (33, 2440, False), (33, 2450, True), (0, 3649, False)]
)
def test_a_ca_near_its_end_is_a_warning_and_stays(
    *, ca: Issued, now: datetime, pair: Found, percent: int, days: int, warned: bool
) -> None:
    decision = decide_ca(pair(ca), CaRequest("demo"), now + timedelta(days=days), renewal=Renewal(percent))
    assert decision.reasons == []
    assert bool(decision.warnings) == warned
    assert all("less than 33 % of its life is left" in warning for warning in decision.warnings)


def test_a_ca_near_its_end_is_replaced_only_with_replace_and_once(ca: Issued, now: datetime, pair: Found) -> None:
    later, renewal = now + timedelta(days=3000), Renewal(33)
    decision = decide_ca(pair(ca), CaRequest("demo"), later, replace=True, renewal=renewal)
    assert "of its life is left" in decision.reasons[0]
    assert decision.key is None
    assert "is replaced at once" in decision.warnings[0]
    new = make_ca(CaRequest("demo"), later)
    again = decide_ca(pair(new), CaRequest("demo"), later, replace=True, renewal=renewal)
    assert (again.reasons, again.warnings) == ([], [])


def test_what_a_cas_end_has_cost_is_said_when_it_is_replaced(now: datetime, key: Keys) -> None:
    ca = authority(now, key, days=10)
    request = CaRequest("demo")
    pair = Pair(chain_pem(ca.certificate), key_pem(ca.key), "cert.pem", "key.pem")

    def warnings(days: int, **options: Any) -> list[str]:
        return decide_ca(pair, request, now + timedelta(days=days, hours=5), replace=True, **options).warnings

    end = iso(now + timedelta(days=10))
    lost, outside = warnings(12, outside=["nice", "lyon"])
    assert f"expired at {end}. No new connection over any link has worked since, for 2 days and 5 hours, and" in lost
    assert "have enrolled again: lyon, nice. " in outside
    (early,) = warnings(9, renewal=Renewal(33))
    assert f"is replaced at once, though it is valid until {end}. New connections over links fail from now on" in early
    assert warnings(1, renewal=Renewal(33)) == []


def test_what_a_certificates_end_has_cost_is_said_when_it_is_recreated(now: datetime, key: Keys) -> None:
    ca = authority(now, key, days=100)
    request = LeafRequest("east", days=10)
    made = make_leaf(request, ca, now)
    pair = Pair(made.certificate_pem, made.key_pem, "cert.pem", "key.pem")
    assert decide_leaf(pair, ca.certificate, request, now + timedelta(days=9), Renewal(33)).warnings == []
    decision = decide_leaf(pair, ca.certificate, request, now + timedelta(days=11), Renewal(33))
    assert decision.reasons
    (lost,) = decision.warnings
    assert lost.startswith(f"The certificate of east expired at {iso(now + timedelta(days=10))}. ")
    assert "for 1 days and 0 hours" in lost
    other = make_ca(CaRequest("demo"), now)
    assert decide_leaf(pair, other.certificate, request, now + timedelta(days=11)).warnings == []
