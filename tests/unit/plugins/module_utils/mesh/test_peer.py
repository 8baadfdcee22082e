# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Peer as one side of a link that was added by name, and what goes before a Peer does."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.api import (
    API_VERSION,
    MANAGED_BY_LABEL,
    link_labels,
    ownership_labels,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.mesh import single_object as single
from ansible_collections.skyshift.clusterlink.plugins.module_utils.outcome import Mode, Outcome
from ansible_collections.skyshift.clusterlink.plugins.modules import peer

if TYPE_CHECKING:
    from tests.unit.fakes import MemoryCluster

LINK = {"name": "backup", "source": "west", "fabric": "f"}
LABELS = {**ownership_labels("f"), **link_labels("backup", "west")}
EAST = Ref("Peer", "east", "a")
OURS = {MANAGED_BY_LABEL: ownership_labels("f")[MANAGED_BY_LABEL]}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the module for a Peer east on a cluster in memory, without waiting."""

    def build(cluster: MemoryCluster, *, check: bool = False, **arguments: Any) -> Outcome:
        monkeypatch.setattr(single, "connect", lambda _params: nullcontext(cluster))
        if arguments.get("state") != "absent":
            arguments = {"gateway_host": "e", "gateway_port": 1, **arguments}
        given = {"name": "east", "namespace": "a", "wait": False, **arguments}
        validated = ArgumentSpecValidator(peer.TASK.argument_spec).validate(given)
        assert validated.error_messages == []
        return peer.TASK.run(validated.validated_parameters, Mode(check=check))

    return build


def there(
    labels: dict[str, str], kind: str = "Peer", name: str = "east", peers: tuple[str, ...] = ()
) -> dict[str, Any]:
    spec: dict[str, Any] = {"gateways": [{"host": "e", "port": 1}]}
    if kind == "Import":
        spec = {"port": 80, "sources": [{"peer": each} for each in peers]}
    metadata = {"name": name, "namespace": "a", "labels": labels}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def test_a_side_of_a_link_carries_its_name_and_belongs_to_the_fabric(
    memory_cluster: type[MemoryCluster], run: Any
) -> None:
    cluster = memory_cluster()
    assert run(cluster, link=LINK).changed
    assert cluster.objects[EAST]["metadata"]["labels"] == LABELS
    assert not run(cluster, link=LINK).changed


def test_a_declared_peer_becomes_the_links_without_a_warning(memory_cluster: type[MemoryCluster], run: Any) -> None:
    cluster = memory_cluster(there(ownership_labels("f")))
    outcome = run(cluster, link=LINK)
    assert (outcome.changed, outcome.warnings) == (True, [])
    assert cluster.objects[EAST]["metadata"]["labels"] == LABELS


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({**LABELS, **link_labels("other", "west")}, "it belongs to another link"),
        (ownership_labels("g"), "it belongs to another fabric"),
        ({}, "this collection did not make it"),
    ],
)
def test_a_peer_of_something_else_is_not_taken(
    memory_cluster: type[MemoryCluster], run: Any, labels: dict[str, str], said: str
) -> None:
    cluster = memory_cluster(there(labels))
    with pytest.raises(ClusterlinkError, match=said):
        run(cluster, link=LINK)
    assert cluster.writes == []


def test_another_address_does_not_end_the_link(memory_cluster: type[MemoryCluster], run: Any) -> None:
    cluster = memory_cluster(there(LABELS))
    run(cluster, gateway_port=2)
    now = cluster.objects[EAST]
    assert (now["spec"]["gateways"], now["metadata"]["labels"]) == ([{"host": "e", "port": 2}], LABELS)


def test_sources_go_before_their_peer_and_imports_with_none_left(memory_cluster: type[MemoryCluster], run: Any) -> None:
    held = [
        there(LABELS),
        there(OURS, "Import", "both", ("east", "west")),
        there(OURS, "Import", "only", ("east",)),
        there(OURS, "Import", "other", ("west",)),
    ]
    foreseen = run(memory_cluster(*held), state="absent", remove_sources=True, check=True)
    cluster = memory_cluster(*held)
    outcome = run(cluster, state="absent", remove_sources=True)
    assert cluster.writes == [("apply", "Import a/both"), ("delete", "Import a/only"), ("delete", "Peer a/east")]
    assert cluster.objects[Ref("Import", "both", "a")]["spec"] == {"port": 80, "sources": [{"peer": "west"}]}
    assert outcome.diff == foreseen.diff


def test_an_import_that_is_not_ours_keeps_its_source_and_the_peer(
    memory_cluster: type[MemoryCluster], run: Any
) -> None:
    cluster = memory_cluster(
        there(LABELS), there(OURS, "Import", "ours", ("east",)), there({}, "Import", "web", ("east",))
    )
    with pytest.raises(ClusterlinkError, match="Import a/web: it is there already"):
        run(cluster, state="absent", remove_sources=True)
    assert cluster.writes == []


def test_without_force_a_peer_in_use_stays(memory_cluster: type[MemoryCluster], run: Any) -> None:
    cluster = memory_cluster(there(LABELS), there(OURS, "Import", "web", ("east",)))
    with pytest.raises(ClusterlinkError, match="Import a/web has it as a source"):
        run(cluster, state="absent")
    assert cluster.writes == []
