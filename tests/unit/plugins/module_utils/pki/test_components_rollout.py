# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to new component certificates. That no request is lost on it is shown in molecule/certificates."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.certificates import load_chain
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.components import (
    DEFAULT_DAYS,
    ComponentCertificates,
    check_components,
    make_components,
    plan_component_rollout,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.renewal import Renewal

RENEWAL = Renewal(33, "east")


@pytest.fixture(scope="module")
def made(now: datetime) -> ComponentCertificates:
    return make_components(now)


@pytest.fixture(scope="module")
def near_end(now: datetime) -> datetime:
    return now + timedelta(days=DEFAULT_DAYS - 1)


def subjects(pem: str) -> list[str]:
    return [ca.subject.rfc4514_string() for ca in load_chain(pem.encode(), "here")]


def test_where_there_are_none_they_are_made(now: datetime) -> None:
    rollout = plan_component_rollout(None, now)
    assert rollout.reasons == ["there are none yet"]
    assert rollout.transition is None
    assert check_components(rollout.final, now) == []


def test_what_serves_its_purpose_stays(made: ComponentCertificates, now: datetime, near_end: datetime) -> None:
    for moment in (now, near_end):
        rollout = plan_component_rollout(made, moment)
        assert (rollout.final, rollout.reasons, rollout.transition, rollout.extra_trust) == (made, [], None, False)


def test_what_is_near_its_end_goes_on_while_the_new_site_ca_becomes_trusted(
    made: ComponentCertificates, near_end: datetime
) -> None:
    rollout = plan_component_rollout(made, near_end, RENEWAL)
    assert any("of its life is left" in reason for reason in rollout.reasons)
    assert rollout.transition == replace(made, ca_pem=made.ca_pem + rollout.final.ca_pem)
    assert check_components(rollout.transition, near_end) == []
    old, new = subjects(rollout.transition.ca_pem)
    assert old != new  # a CA of the same subject would hide the other from Envoy


@pytest.mark.parametrize("field", ["ca_pem", "controlplane_cert_pem", "dataplane_key_pem"])
@pytest.mark.parametrize("content", ["", "garbage"])
def test_what_is_of_no_use_is_replaced_at_once(
    made: ComponentCertificates, now: datetime, field: str, content: str
) -> None:
    rollout = plan_component_rollout(replace(made, **{field: content}), now)
    assert rollout.reasons
    assert rollout.transition is None
    assert check_components(rollout.final, now) == []


def test_what_has_expired_is_replaced_at_once(made: ComponentCertificates, near_end: datetime) -> None:
    rollout = plan_component_rollout(made, near_end + timedelta(days=2), RENEWAL)
    assert any("expired" in reason for reason in rollout.reasons)
    assert rollout.transition is None


def test_a_run_killed_while_both_were_trusted_begins_again(made: ComponentCertificates, near_end: datetime) -> None:
    killed = plan_component_rollout(made, near_end, RENEWAL).transition
    assert killed is not None
    again = plan_component_rollout(killed, near_end, RENEWAL)
    assert again.transition is not None
    assert again.transition.ca_pem == killed.ca_pem + again.final.ca_pem


def test_a_run_killed_before_the_old_site_ca_went_lets_it_go(made: ComponentCertificates, near_end: datetime) -> None:
    rollout = plan_component_rollout(made, near_end, RENEWAL)
    assert rollout.transition is not None
    again = plan_component_rollout(replace(rollout.final, ca_pem=rollout.transition.ca_pem), near_end, RENEWAL)
    assert (again.final, again.transition, again.extra_trust) == (rollout.final, None, True)
    assert again.reasons == ["cl-ca: it trusts a CA that signs nothing any more"]


def test_a_run_killed_between_two_leaves_begins_again(made: ComponentCertificates, near_end: datetime) -> None:
    rollout = plan_component_rollout(made, near_end, RENEWAL)
    assert rollout.transition is not None
    mixed = replace(
        rollout.transition,
        controlplane_cert_pem=rollout.final.controlplane_cert_pem,
        controlplane_key_pem=rollout.final.controlplane_key_pem,
    )
    again = plan_component_rollout(mixed, near_end, RENEWAL)
    assert [reason.partition(":")[0] for reason in again.reasons] == ["cl-ca", "cl-dataplane"]
    assert again.transition is not None
    assert again.transition.dataplane_cert_pem == made.dataplane_cert_pem
