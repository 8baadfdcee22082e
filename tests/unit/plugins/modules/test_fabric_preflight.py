# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fabric's folder forbids: names of enrolled peers, and a rotation without the CA's key or passphrase."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.outcome import Mode
from ansible_collections.skyshift.clusterlink.plugins.modules import (
    enrolment_request,
    enrolment_response,
    fabric_ca,
    fabric_preflight,
    peer_eviction,
)

from .rotating import PEERS, Fabric

SECRET = "a secret"  # noqa: S105
NOTHING: dict[str, Any] = {"gateways": [], "foreign_domains": [], "peers": [], "exports": [], "imports": []}


@pytest.fixture
def fabric(tmp_path: Path) -> Fabric:
    return Fabric(tmp_path).begin()


def refused(
    fabric: Fabric,
    hosts: dict[str, Any] | None = None,
    *,
    check: bool = False,
    links: Sequence[str] = (),
    domains: Sequence[str] = (),
    **options: Any,
) -> list[str]:
    """The problems of a run, which writes nothing; each cluster has links to some peers."""
    declaration = {"fabric": "demo", "peers": {peer: {} for peer in PEERS} if hosts is None else hosts}
    given = {"declaration": declaration, "path": str(fabric.folder.parent), **options}
    validation = ArgumentSpecValidator(fabric_preflight.TASK.argument_spec).validate(given)
    assert not validation.error_messages
    before = fabric.state()
    peers = [{"name": peer, "namespace": "default", "fabric": "demo", "labels": {}} for peer in links]
    clusters = {
        host: {"uid": "one", **NOTHING, "peers": peers, "foreign_domains": domains} for host in declaration["peers"]
    }
    try:
        fabric_preflight.check(validation.validated_parameters, Mode(check=check, diff=True), lambda _: (clusters, {}))
    except ClusterlinkError as error:
        return [str(problem) for problem in error.problems]
    finally:
        assert fabric.state() == before
    return []


def enrol(fabric: Fabric, root: Path) -> None:
    """Sign the certificate of another organisation's lyon."""
    theirs = {"path": str(root / "theirs"), "name": "lyon"}
    asked = fabric.run(enrolment_request, **theirs).values
    files = {"request": asked["request_path"], "dest": str(root / "response.json")}
    fabric.run(enrolment_response, name="lyon", fingerprint=asked["fingerprint"], **files)


def test_only_a_run_that_writes_the_declaration_refuses_another_cluster_domain(fabric: Fabric) -> None:
    east: dict[str, Any] = {"east": {}}
    (said,) = refused(fabric, east, clusters=True, compare=True, allow_removals=True, domains=["corp.example"])
    assert said.startswith("east: ConfigMap kube-system/coredns: serves another cluster domain")
    assert refused(fabric, east, clusters=True, domains=["corp.example"]) == []


def test_a_fabric_whose_peers_are_its_own_is_fine(fabric: Fabric) -> None:
    assert refused(fabric) == []
    assert refused(fabric, rotation=True) == []


@pytest.mark.parametrize("hosts", [{"east": {}, "lyon": {}}, {"east": {}, "K8S_Lyon": {"peer_name": "lyon"}}])
def test_no_host_has_the_name_of_an_enrolled_peer_until_that_is_evicted(
    fabric: Fabric, tmp_path: Path, hosts: dict[str, Any]
) -> None:
    enrol(fabric, tmp_path)
    assert refused(fabric) == []
    (said,) = refused(fabric, hosts)
    assert said.startswith(f"{list(hosts)[1]}: clusterlink_peer_name: is the name of another organisation's peer")
    assert f"(found: lyon, in {fabric.folder / 'enrolled.json'})" in said
    assert "evict_peer.yml -e evict_peer=lyon" in said
    fabric.run(peer_eviction, name="lyon")
    assert refused(fabric, hosts) == []


def test_the_folders_and_the_clusters_problems_are_said_at_once(fabric: Fabric, tmp_path: Path) -> None:
    enrol(fabric, tmp_path)
    (fabric.folder / "key.pem").unlink()
    said = refused(fabric, {"east": {}, "lyon": {}}, rotation=True, clusters=True)
    assert said[0].startswith("lyon: clusterlink_peer_name: is the name of another organisation's peer")
    assert "key.pem: is missing, so the fabric's CA cannot be replaced here" in said[1]
    assert said[2].startswith("lyon: cluster: is the cluster of east too")


@pytest.mark.parametrize("phase", ["idle", "trust", "issue", "drop"])
def test_a_rotation_begins_or_goes_on_with_the_key_of_the_ca_that_signs_next(fabric: Fabric, phase: str) -> None:
    for each in ("trust", "issue", "drop")[: ("idle", "trust", "issue", "drop").index(phase)]:
        fabric.phase(each)
        fabric.issue()
        fabric.update_gateways()
    folder = fabric.folder / "ca.next" if phase == "trust" else fabric.folder
    assert refused(fabric, rotation=True) == []
    (folder / "key.pem").unlink()
    (said,) = refused(fabric, rotation=True)
    assert said.startswith(f"{folder / 'key.pem'}: is missing")


def test_a_rotation_is_refused_where_it_would_cut_the_links_of_a_peer_without_a_host(fabric: Fabric) -> None:
    rotation = {"rotation": True, "clusters": True, "linked_peers": True}
    (said,) = refused(fabric, {"east": {}}, links=["west"], **rotation)
    assert said.startswith("Peer west: has left the inventory, and clusters still have a link to it: east.")
    assert refused(fabric, {"east": {}}, links=["east"], **rotation) == []
    assert refused(fabric, {"east": {}}, links=["west"], **rotation, check=True) == []
    assert refused(fabric, {"east": {}}, links=["west"], **rotation, allow_removals=True) == []
    assert refused(fabric, {"east": {}}, links=["west"], **{**rotation, "linked_peers": False}) == []


def test_an_eviction_is_refused_where_other_peers_have_left_the_inventory_but_for_evicted_ones(fabric: Fabric) -> None:
    """As in a slice of the inventory, where the evicted peer and those that it leaves out are hosts of another."""
    eviction = {"rotation": True, "clusters": True, "linked_peers": True, "evicts": "west"}
    (said,) = refused(fabric, {"east": {}}, links=["west", "north"], **eviction)
    assert said.startswith("Peer north: has left the inventory, and clusters still have a link to it: east.")
    assert refused(fabric, {"east": {}}, links=["west"], **eviction) == []
    fabric.run(peer_eviction, name="north")
    for kind in ("linked_peers", "compare"):
        assert refused(fabric, {"east": {}}, links=["west", "north"], **{**eviction, kind: True}) == []


def test_a_rotation_needs_the_passphrase_by_its_variable(fabric: Fabric) -> None:
    fabric.run(fabric_ca, privatekey_passphrase=SECRET)
    assert refused(fabric, rotation=True, privatekey_passphrase=SECRET) == []
    for wrong in ({}, {"privatekey_passphrase": "hunter2"}, {"privatekey_passphrase": ""}):
        (said,) = refused(fabric, rotation=True, **wrong)
        assert "clusterlink_ca_passphrase" in said
        assert "hunter2" not in said


def test_without_a_ca_there_is_none_to_replace(fabric: Fabric) -> None:
    for file in ("key.pem", "cert.pem"):
        (fabric.folder / file).unlink()
    assert refused(fabric) == []
    (said,) = refused(fabric, rotation=True)
    assert said.startswith(f"{fabric.folder / 'cert.pem'}: is missing")
