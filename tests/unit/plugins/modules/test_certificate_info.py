# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module certificate_info, run with arguments as Ansible validates them."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.skyshift.clusterlink.plugins.module_utils.certificates.cluster import GatewayQuery
from ansible_collections.skyshift.clusterlink.plugins.module_utils.certificates.found import PEER, SECRET, WIRE, Found
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.outcome import Mode
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.ca import CaRequest, make_ca
from ansible_collections.skyshift.clusterlink.plugins.modules import certificate_info


class Away:
    """Stands for a connected cluster."""

    clock = 7

    def __enter__(self) -> Away:
        return self

    def __exit__(self, *_error: object) -> None:
        pass


@pytest.fixture(autouse=True)
def queries(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The queries of the module; no server is contacted."""
    queries: list[Any] = []

    def survey(_cluster: Away, query: GatewayQuery) -> list[Found]:
        queries.append(query)
        return [Found("east", PEER, SECRET, "a Secret", fault="pretended")]

    def wire(*address: Any) -> Found:
        queries.append(address)
        return Found("east", PEER, WIRE, "an address", fault="pretended")

    monkeypatch.setattr(certificate_info, "connect", lambda _params: Away())
    monkeypatch.setattr(certificate_info, "gateway_certificates", survey)
    monkeypatch.setattr(certificate_info, "on_wire", wire)
    return queries


def run(**arguments: Any) -> dict[str, Any]:
    task = certificate_info.TASK
    validation = ArgumentSpecValidator(task.argument_spec, **task.constraints).validate(arguments)
    assert not validation.error_messages
    outcome = task.run(validation.validated_parameters, Mode())
    assert not outcome.changed
    return outcome.values


def places(**arguments: Any) -> list[str]:
    return [entry["place"] for entry in run(**arguments)["certificates"]]


@pytest.fixture
def pem() -> str:
    return make_ca(CaRequest("demo"), datetime.now(timezone.utc)).certificate_pem.decode()


def test_a_cluster_is_read_where_nothing_else_is_named(queries: list[Any]) -> None:
    values = run(namespace="links", name="east", timeout=2)
    assert [entry["place"] for entry in values["certificates"]] == ["secret"]
    assert values["clock"] == 7
    assert queries == [GatewayQuery("links", "east", timeout=2.0)]


def test_a_file_alone_asks_no_cluster(queries: list[Any], tmp_path: Path, pem: str) -> None:
    (tmp_path / "ca.pem").write_text(pem)
    values = run(path=str(tmp_path / "ca.pem"))
    assert [(entry["place"], entry["owner"]) for entry in values["certificates"]] == [("file", "demo")]
    assert values["clock"] is None
    assert queries == []


def test_an_address_alone_is_looked_at_alone(queries: list[Any]) -> None:
    assert places(gateway_host="192.0.2.1", gateway_port=443, name="east") == ["wire"]
    assert queries == [("192.0.2.1", 443, "east", 5.0)]


def test_all_can_be_asked_for_at_once(queries: list[Any], tmp_path: Path, pem: str) -> None:
    found = places(path=str(tmp_path / "no"), content=pem, cluster=True, served=False, gateway_host="gateway.example")
    assert found == ["file", "content", "secret"]
    assert queries == [GatewayQuery("clusterlink-system", "", wire=False, public_host="gateway.example")]


def test_empty_content_is_an_entry_with_its_fault() -> None:
    (entry,) = run(content="")["certificates"]
    assert "is empty" in entry["fault"]


@pytest.mark.parametrize(
    ("arguments", "where"), [({"gateway_host": "192.0.2.1"}, "gateway_port"), ({"timeout": 0}, "timeout")]
)
def test_what_cannot_be_meant_is_refused(arguments: dict[str, Any], where: str) -> None:
    with pytest.raises(ClusterlinkError) as refused:
        run(**arguments)
    assert [problem.where for problem in refused.value.problems] == [where]
