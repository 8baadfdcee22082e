# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.ca import CaRequest, make_ca
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import KeySpec
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.pair import Issued
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.subject import (
    ca_subject,
    leaf_subject,
    require_fabric,
    require_peer,
    require_subject,
    subject_reasons,
)

if TYPE_CHECKING:
    from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import PrivateKey

    Keys = Callable[..., PrivateKey]


@pytest.mark.parametrize("name", ["east", "e", "eu-west-1", "1a", "x" * 63])
def test_a_dns_label_can_name_a_peer(name: str) -> None:
    assert require_peer(name, "name") == name


@pytest.mark.parametrize("name", ["", "East", "a.b", "-a", "a-", "a_b", "../x", "a/b", "x" * 64, "a\n", "é"])
def test_another_text_cannot_name_a_peer(name: str) -> None:
    with pytest.raises(ClusterlinkError, match="name"):
        require_peer(name, "name")


@pytest.mark.parametrize("name", ["demo", "default_fabric", "Demo.2", "x" * 63])
def test_a_label_value_can_name_a_fabric(name: str) -> None:
    assert require_fabric(name, "fabric") == name


@given(st.text(max_size=70))
def test_a_fabric_name_never_leaves_its_folder(name: str) -> None:
    try:
        require_fabric(name, "fabric")
    except ClusterlinkError:
        return
    assert name
    assert "/" not in name
    assert not name.startswith(".")
    assert "\0" not in name
    assert len(name) <= 63


def test_all_wrong_attributes_are_said_at_once() -> None:
    with pytest.raises(ClusterlinkError) as refused:
        require_subject({"country": "nl", "organization": "x" * 65, "locality": ""}, "subject")
    assert {problem.where for problem in refused.value.problems} == {
        "subject.country",
        "subject.organization",
        "subject.locality",
    }


def test_attributes_that_are_not_set_are_left_out() -> None:
    assert require_subject({"country": "NL", "organization": None}, "subject") == {"country": "NL"}
    assert require_subject(None, "subject") is None


def test_a_leafs_subject_holds_attributes_from_wide_to_narrow() -> None:
    attributes = {"organizational_unit": "Nets", "organization": "Example", "country": "NL"}
    assert leaf_subject("east", attributes).rfc4514_string() == "CN=east,OU=Nets,O=Example,C=NL"


def test_two_cas_of_one_fabric_never_share_a_subject(key: Keys) -> None:
    first, second = (ca_subject("demo", key(KeySpec(), number).public_key()) for number in (1, 2))
    assert first != second


def test_one_key_has_one_ca_subject(key: Keys) -> None:
    public = key(KeySpec()).public_key()
    assert ca_subject("demo", public) == ca_subject("demo", public)


@pytest.mark.parametrize("attributes", [None, {}, {"organizational_unit": "Nets", "country": "NL"}])
def test_a_subject_as_asked_for_is_no_reason(now: datetime, attributes: dict[str, str] | None) -> None:
    certificate = make_ca(CaRequest("demo", subject=attributes), now).certificate
    assert subject_reasons(certificate, "demo", attributes) == []
    assert subject_reasons(certificate, "demo", None) == []


def test_another_name_is_a_reason(ca: Issued) -> None:
    assert "common name is demo instead of other" in subject_reasons(ca.certificate, "other", None)[0]


@pytest.mark.parametrize(
    ("made", "asked"), [({"country": "NL"}, {}), (None, {"country": "NL"}), ({}, {"locality": "X"})]
)
def test_another_attribute_is_a_reason(now: datetime, made: Any, asked: Any) -> None:
    certificate = make_ca(CaRequest("demo", subject=made), now).certificate
    assert len(subject_reasons(certificate, "demo", asked)) == 1
