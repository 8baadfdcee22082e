# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates that a gateway's Secrets hold."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.stored import (
    component_certificates,
    peer_facts,
    secret_text,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.components import (
    DEFAULT_DAYS,
    ComponentCertificates,
    make_components,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.renewal import Renewal

NOW = datetime(2030, 6, 15, 12, 0, 0, tzinfo=UTC)


def secret(name: str, **data: str) -> dict[str, Any]:
    encoded = {key.replace("_", "."): base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"kind": "Secret", "metadata": {"name": name, "namespace": "links"}, "data": encoded}


def secrets(found: ComponentCertificates) -> list[dict[str, Any]]:
    return [
        secret("cl-ca", ca=found.ca_pem),
        secret("cl-controlplane", cert=found.controlplane_cert_pem, key=found.controlplane_key_pem),
        secret("cl-dataplane", cert=found.dataplane_cert_pem, key=found.dataplane_key_pem),
        secret("jwk", key="something else"),
    ]


@pytest.fixture(scope="module")
def components() -> ComponentCertificates:
    return make_components(NOW)


def test_what_is_there_and_valid_stays(components: ComponentCertificates) -> None:
    assert component_certificates(secrets(components), NOW) == (components, [])


def test_where_there_is_none_they_are_made(components: ComponentCertificates) -> None:
    made, reasons = component_certificates([secret("jwk", key="something else")], NOW)
    assert reasons == ["there are none yet"]
    assert made.ca_pem not in ("", components.ca_pem)
    assert component_certificates(secrets(made), NOW) == (made, [])


@pytest.mark.parametrize("missing", ["cl-ca", "cl-controlplane", "cl-dataplane"])
def test_one_that_is_missing_has_all_made_anew_with_a_reason(components: ComponentCertificates, missing: str) -> None:
    left = [each for each in secrets(components) if each["metadata"]["name"] != missing]
    made, reasons = component_certificates(left, NOW)
    assert any(missing in reason for reason in reasons)
    assert made.ca_pem != components.ca_pem


def test_what_has_expired_is_made_anew(components: ComponentCertificates) -> None:
    later = NOW + timedelta(days=DEFAULT_DAYS + 1)
    made, reasons = component_certificates(secrets(components), later)
    assert any("expired" in reason for reason in reasons)
    assert component_certificates(secrets(made), later) == (made, [])


def test_what_is_near_its_end_is_made_anew_once(components: ComponentCertificates) -> None:
    later, renewal = NOW + timedelta(days=DEFAULT_DAYS - 1), Renewal(33, "east")
    assert component_certificates(secrets(components), later) == (components, [])
    made, reasons = component_certificates(secrets(components), later, renewal)
    assert any("of its life is left" in reason for reason in reasons)
    assert component_certificates(secrets(made), later, renewal) == (made, [])


@pytest.mark.parametrize("data", [None, {}, {"key": "not base64!"}, {"key": base64.b64encode(b"\xff").decode()}])
def test_what_is_no_text_counts_as_missing(data: dict[str, str] | None) -> None:
    assert secret_text({"metadata": {"name": "x"}, "data": data}, "key") == ""


def test_no_secret_has_no_text() -> None:
    assert secret_text(None, "key") == ""


def test_facts_of_a_peers_certificate_hold_no_key(components: ComponentCertificates) -> None:
    found = peer_facts(
        secret(
            "cl-peer",
            cert_pem=components.controlplane_cert_pem,
            key_pem=components.controlplane_key_pem,
            ca_pem=components.ca_pem,
        )
    )
    assert found["certificate"]["dns_names"] == ["cl-controlplane"]
    assert len(found["trusted"]) == 1
    assert found["fault"] == ""
    assert "PRIVATE" not in str(found)
    assert "BEGIN" not in str(found)


def test_a_certificate_that_cannot_be_read_is_a_fault_and_no_error() -> None:
    found = peer_facts(secret("cl-peer", cert_pem="nonsense", ca_pem=""))
    assert found["certificate"] is None
    assert "Secret links/cl-peer" in found["fault"]


def test_no_peer_certificate_is_no_fault() -> None:
    assert peer_facts(None) == {"certificate": None, "trusted": [], "fault": ""}
