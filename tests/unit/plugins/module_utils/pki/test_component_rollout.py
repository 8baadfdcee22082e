# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to new component certificates. That no request is lost on it is shown in molecule/certificates."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.certificates import load_chain
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.component_rollout import component_course
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.components import (
    DEFAULT_DAYS,
    ComponentCertificates,
    check_components,
    make_components,
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
    course = component_course(None, now)
    assert course.reasons == ["there are none yet"]
    assert course.bridge is None
    assert check_components(course.final, now) == []


def test_what_serves_its_purpose_stays(made: ComponentCertificates, now: datetime, near_end: datetime) -> None:
    for moment in (now, near_end):
        course = component_course(made, moment)
        assert (course.final, course.reasons, course.bridge, course.surplus) == (made, [], None, False)


def test_what_is_near_its_end_goes_on_while_the_new_site_ca_becomes_trusted(
    made: ComponentCertificates, near_end: datetime
) -> None:
    course = component_course(made, near_end, RENEWAL)
    assert any("of its life is left" in reason for reason in course.reasons)
    assert course.bridge == replace(made, ca_pem=made.ca_pem + course.final.ca_pem)
    assert check_components(course.bridge, near_end) == []
    old, new = subjects(course.bridge.ca_pem)
    assert old != new  # a CA of the same subject would hide the other from Envoy


@pytest.mark.parametrize("field", ["ca_pem", "controlplane_cert_pem", "dataplane_key_pem"])
@pytest.mark.parametrize("content", ["", "garbage"])
def test_what_is_of_no_use_is_replaced_at_once(
    made: ComponentCertificates, now: datetime, field: str, content: str
) -> None:
    course = component_course(replace(made, **{field: content}), now)
    assert course.reasons
    assert course.bridge is None
    assert check_components(course.final, now) == []


def test_what_has_expired_is_replaced_at_once(made: ComponentCertificates, near_end: datetime) -> None:
    course = component_course(made, near_end + timedelta(days=2), RENEWAL)
    assert any("expired" in reason for reason in course.reasons)
    assert course.bridge is None


def test_a_run_killed_while_both_were_trusted_begins_again(made: ComponentCertificates, near_end: datetime) -> None:
    killed = component_course(made, near_end, RENEWAL).bridge
    assert killed is not None
    again = component_course(killed, near_end, RENEWAL)
    assert again.bridge is not None
    assert again.bridge.ca_pem == killed.ca_pem + again.final.ca_pem


def test_a_run_killed_before_the_old_site_ca_went_lets_it_go(made: ComponentCertificates, near_end: datetime) -> None:
    course = component_course(made, near_end, RENEWAL)
    assert course.bridge is not None
    again = component_course(replace(course.final, ca_pem=course.bridge.ca_pem), near_end, RENEWAL)
    assert (again.final, again.bridge, again.surplus) == (course.final, None, True)
    assert again.reasons == ["cl-ca: it trusts a CA that signs nothing any more"]


def test_a_run_killed_between_two_leaves_begins_again(made: ComponentCertificates, near_end: datetime) -> None:
    course = component_course(made, near_end, RENEWAL)
    assert course.bridge is not None
    mixed = replace(
        course.bridge,
        controlplane_cert_pem=course.final.controlplane_cert_pem,
        controlplane_key_pem=course.final.controlplane_key_pem,
    )
    again = component_course(mixed, near_end, RENEWAL)
    assert [reason.partition(":")[0] for reason in again.reasons] == ["cl-ca", "cl-dataplane"]
    assert again.bridge is not None
    assert again.bridge.dataplane_cert_pem == made.dataplane_cert_pem
