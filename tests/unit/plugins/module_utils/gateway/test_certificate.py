# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates that a gateway's Secrets hold."""

from __future__ import annotations

import base64
from datetime import datetime, timezone
from typing import Any, cast

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway import certificate
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.certificate import (
    component_certificates,
    peer_facts,
    secret_text,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.components import (
    ComponentCertificates,
    make_components,
)
from tests.unit.fakes import MemoryCluster

NOW = datetime(2030, 6, 15, 12, 0, 0, tzinfo=timezone.utc)


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


def test_component_certificates_are_read_from_their_three_secrets(components: ComponentCertificates) -> None:
    assert component_certificates(secrets(components)) == components


def test_where_there_are_none_there_is_nothing() -> None:
    assert component_certificates([secret("jwk", key="something else")]) is None


def test_one_that_is_missing_is_empty(components: ComponentCertificates) -> None:
    found = component_certificates(secrets(components)[1:])
    assert found is not None
    assert (found.ca_pem, found.dataplane_key_pem) == ("", components.dataplane_key_pem)


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


def test_links_to_peers_that_are_away_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    peers = [{"kind": "Peer", "metadata": {"name": name, "namespace": "gw"}, "spec": {}} for name in ("west", "moon")]
    waited: list[str] = []
    monkeypatch.setattr(certificate, "wait_ready", lambda _cluster, refs, _timeout: waited.extend(map(str, refs)))
    certificate.wait_for_links(cast("Any", MemoryCluster(*peers)), "gw", 0, ["moon"], changed=False)
    assert waited == ["Peer gw/west"]
