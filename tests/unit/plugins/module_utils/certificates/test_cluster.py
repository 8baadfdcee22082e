# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster's certificates: what its Secrets hold, and where its gateway is asked what it serves."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.certificates import cluster as survey
from ansible_collections.skyshift.clusterlink.plugins.module_utils.certificates.cluster import (
    GatewayQuery,
    gateway_certificates,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.certificates.found import PEER, WIRE, Found, describe
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.errors import ApiError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.transport import ClusterUnreachableError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.ca import CaRequest, make_ca
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.components import make_components
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.issue import Issuer
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import key_pem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.leaf import LeafRequest, make_leaf

NOW = datetime(2030, 6, 15, 12, 0, 0, tzinfo=timezone.utc)
SPACE = "links"

Entries = list[tuple[str, str, str, bool]]


def secret(name: str, data: dict[str, str]) -> dict[str, Any]:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"kind": "Secret", "metadata": {"name": name, "namespace": SPACE}, "data": encoded}


def ingress(kind: str, **status: Any) -> dict[str, Any]:
    spec = {"type": kind, "ports": [{"port": 443, "nodePort": 30443}]}
    metadata = {"name": "clusterlink", "namespace": SPACE}
    return {"kind": "Service", "metadata": metadata, "spec": spec, "status": status}


class Stand:
    """Stands for a cluster: objects by name, or errors to raise."""

    def __init__(self, *objects: dict[str, Any]) -> None:
        self.answers: dict[str, Any] = {obj["metadata"]["name"]: obj for obj in objects}
        self.nodes: Any = [
            {
                "metadata": {"name": "a"},
                "status": {
                    "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
                    "conditions": [{"type": "Ready", "status": "True"}],
                },
            }
        ]

    def get(self, _kind: str, name: str, namespace: str) -> Any:
        assert namespace == SPACE
        answer = self.answers.get(name)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def list(self, _kind: str) -> Any:
        if isinstance(self.nodes, Exception):
            raise self.nodes
        return self.nodes


@pytest.fixture(scope="module")
def secrets() -> list[dict[str, Any]]:
    ca = make_ca(CaRequest("demo"), NOW)
    east = make_leaf(LeafRequest("east"), Issuer(ca.certificate, ca.key), NOW)
    parts = make_components(NOW)
    held = {"cert.pem": east.certificate_pem, "key.pem": key_pem(east.key), "ca.pem": ca.certificate_pem}
    return [
        secret("cl-peer", {key: value.decode() for key, value in held.items()}),
        secret("cl-ca", {"ca": parts.ca_pem}),
        secret("cl-controlplane", {"cert": parts.controlplane_cert_pem, "key": parts.controlplane_key_pem}),
        secret("cl-dataplane", {"cert": parts.dataplane_cert_pem, "key": parts.dataplane_key_pem}),
    ]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, str]]:
    """Where gateways were asked, and for which name; none is really asked."""
    asked: list[tuple[str, int, str]] = []

    def pretend(host: str, port: int, peer: str, _timeout: float) -> Found:
        asked.append((host, port, peer))
        return Found(peer, PEER, WIRE, f"{host}:{port}", fault="pretended")

    monkeypatch.setattr(survey, "on_wire", pretend)
    return asked


@pytest.fixture
def look() -> Callable[..., Entries]:
    def go(cluster: Stand, **options: Any) -> Entries:
        found = gateway_certificates(cluster, GatewayQuery(SPACE, **options))  # all that it asks for
        entries = describe(found, NOW)
        assert "PRIVATE" not in str(entries)
        return [(each["owner"], each["purpose"], each["place"], bool(each["fault"])) for each in entries]

    return go


STORED = [
    ("east", "peer", "secret", False),
    ("east", "trusted_ca", "secret", False),
    ("east", "site_ca", "secret", False),
    ("east", "control_plane", "secret", False),
    ("east", "data_plane", "secret", False),
]
DENIED = ApiError(Problem("secrets", "the user x is not permitted to get secrets"), status=403)


def test_the_secrets_and_the_wire_are_read(
    secrets: list[dict[str, Any]], look: Callable[..., Entries], asked: list[tuple[str, int, str]]
) -> None:
    assert look(Stand(*secrets, ingress("NodePort"))) == [*STORED, ("east", "peer", "wire", True)]
    assert asked == [("10.0.0.1", 30443, "east")]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"peer": "other"}, ("10.0.0.1", 30443, "other")),
        ({"public_host": "gateway.example", "public_port": 8443}, ("gateway.example", 8443, "east")),
        ({"public_host": "gateway.example"}, ("gateway.example", 30443, "east")),
    ],
)
def test_the_gateway_is_asked_where_and_as_whom_it_is_said(
    secrets: list[dict[str, Any]],
    look: Callable[..., Entries],
    asked: list[tuple[str, int, str]],
    options: dict[str, Any],
    expected: tuple[str, int, str],
) -> None:
    look(Stand(*secrets, ingress("NodePort")), **options)
    assert asked == [expected]


@pytest.mark.parametrize(("kind", "wire"), [("NodePort", False), ("ClusterIP", True)])
def test_the_wire_is_left_alone_where_it_is_not_wanted_or_there_is_none(
    secrets: list[dict[str, Any]],
    look: Callable[..., Entries],
    asked: list[tuple[str, int, str]],
    kind: str,
    wire: bool,
) -> None:
    assert look(Stand(*secrets, ingress(kind)), wire=wire) == STORED
    assert asked == []


@pytest.mark.parametrize("service", [[ingress("LoadBalancer", loadBalancer={})], []])
def test_a_gateway_that_should_have_an_address_and_has_none_is_a_fault(
    secrets: list[dict[str, Any]],
    look: Callable[..., Entries],
    asked: list[tuple[str, int, str]],
    service: list[dict[str, Any]],
) -> None:
    assert look(Stand(*secrets, *service)) == [*STORED, ("east", "peer", "wire", True)]
    assert asked == []


def test_a_secret_that_may_not_be_read_is_a_fault_and_no_error(
    secrets: list[dict[str, Any]], look: Callable[..., Entries], asked: list[tuple[str, int, str]]
) -> None:
    cluster = Stand(*secrets, ingress("NodePort"))
    cluster.answers["cl-peer"] = DENIED
    assert look(cluster, peer="east") == [
        ("east", "peer", "secret", True),
        ("east", "trusted_ca", "secret", True),
        *STORED[2:],
        ("east", "peer", "wire", True),
    ]
    assert asked == [("10.0.0.1", 30443, "east")]


def test_a_secret_that_is_missing_or_damaged_is_a_fault(
    secrets: list[dict[str, Any]], look: Callable[..., Entries]
) -> None:
    damaged = secret("cl-peer", {"cert.pem": "nonsense", "ca.pem": ""})
    assert look(Stand(damaged, *secrets[2:]), wire=False) == [
        ("", "peer", "secret", True),
        ("", "trusted_ca", "secret", True),
        ("", "site_ca", "secret", True),
        ("", "control_plane", "secret", False),
        ("", "site_ca", "secret", False),
        ("", "data_plane", "secret", False),
    ]


def test_nodes_that_may_not_be_listed_are_a_fault(secrets: list[dict[str, Any]], look: Callable[..., Entries]) -> None:
    cluster = Stand(*secrets, ingress("NodePort"))
    cluster.nodes = DENIED
    assert look(cluster)[-1] == ("east", "peer", "wire", True)


def test_an_ingress_that_may_not_be_read_does_not_matter_where_the_address_is_given(
    secrets: list[dict[str, Any]], look: Callable[..., Entries], asked: list[tuple[str, int, str]]
) -> None:
    cluster = Stand(*secrets)
    cluster.answers["clusterlink"] = DENIED
    assert look(cluster)[-1] == ("east", "peer", "wire", True)
    assert asked == []
    look(cluster, public_host="gateway.example", public_port=8443)
    assert asked == [("gateway.example", 8443, "east")]


def test_a_cluster_without_a_gateway_is_one_fault(look: Callable[..., Entries]) -> None:
    assert look(Stand(), peer="east") == [("east", "peer", "secret", True)]


def test_a_cluster_that_is_unreachable_is_an_error(secrets: list[dict[str, Any]], look: Callable[..., Entries]) -> None:
    cluster = Stand(*secrets)
    cluster.answers["cl-ca"] = ClusterUnreachableError(Problem("https://x", "the API server is unreachable"))
    with pytest.raises(ClusterUnreachableError):
        look(cluster)
